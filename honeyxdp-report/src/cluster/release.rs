//! Which release asks: the answers of different ones need not be the same, and so they do not answer each other.

use std::any::Any;

use datafusion::{
    common::config_err,
    config::{ConfigEntry, ConfigExtension, ExtensionOptions},
    error::Result,
    prelude::SessionConfig,
};

/// The version of honeyxdp whose question this is. Goes with every question to the scheduler, and with every task to an executor.
#[derive(Clone, Debug)]
pub(crate) struct Release {
    version: String,
}

impl Release {
    /// This one: what a client sends.
    pub(crate) fn own() -> Self {
        Self { version: env!("CARGO_PKG_VERSION").into() }
    }

    /// None: what a server knows before it is asked.
    pub(super) const fn unknown() -> Self {
        Self { version: String::new() }
    }

    /// Refuses a question of another release.
    pub(super) fn check(config: &SessionConfig, server: &str) -> Result<()> {
        let asked = config.options().extensions.get::<Self>().map_or("", |release| release.version.as_str());
        if asked == env!("CARGO_PKG_VERSION") {
            return Ok(());
        }
        let asked = if asked.is_empty() { "another program" } else { asked };
        config_err!(
            "release {} of the {server} does not answer {}: {REFUSAL}.",
            env!("CARGO_PKG_VERSION"),
            crate::escape::short(asked, 40)
        )
    }
}

/// How a refusal ends, so that the client knows it.
pub(crate) const REFUSAL: &str = "use the same release of honeyxdp everywhere";

impl ConfigExtension for Release {
    const PREFIX: &'static str = "honeyxdp";
}

impl ExtensionOptions for Release {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        if key != "version" {
            return config_err!("there is no setting honeyxdp.{key}");
        }
        value.clone_into(&mut self.version);
        Ok(())
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        let description = "The release that asks";
        vec![ConfigEntry { key: "honeyxdp.version".into(), value: Some(self.version.clone()), description }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_release_is_answered() {
        let mut config = SessionConfig::new().with_option_extension(Release::unknown());
        assert!(Release::check(&config, "scheduler").is_err());
        // As it comes over the wire.
        for ConfigEntry { key, value, .. } in Release::own().entries() {
            config.options_mut().set(&key, &value.unwrap()).unwrap();
        }
        Release::check(&config, "scheduler").unwrap();
        config.options_mut().set("honeyxdp.version", "0.0.7\u{1b}").unwrap();
        let error = Release::check(&config, "executor").unwrap_err().to_string();
        assert!(error.contains("executor does not answer 0.0.7\\u{1b}"), "{error}");
        assert!(Release::check(&SessionConfig::new(), "scheduler").is_err());
    }
}
