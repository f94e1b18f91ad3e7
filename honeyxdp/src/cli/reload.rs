//! Reading the settings again while the sensor runs.

use std::cell::RefCell;

use clap::{CommandFactory as _, FromArgMatches as _};

use super::{Cli, Command};
use crate::{
    config::{Error, Key, Settings, usage},
    filter::FilterName,
    sensor::{Reload, Reloaded},
};

/// The settings of `honeyxdp run`, as they were at the start and as they are in force.
#[derive(Debug)]
pub(super) struct RunSettings {
    started: Settings,
    /// Those whose policy is in force.
    applied: Settings,
    /// Those that were read last.
    read: RefCell<Option<Settings>>,
}

impl RunSettings {
    /// The settings that the sensor was started with.
    pub(super) fn new(settings: Settings) -> Self {
        Self { applied: settings.clone(), started: settings, read: RefCell::default() }
    }
}

impl Reload for RunSettings {
    fn has_file(&self) -> bool {
        self.started.file().is_some()
    }

    fn reload(&self) -> anyhow::Result<Reloaded> {
        let (matches, settings) = self.started.reread(&Cli::command()).map_err(|error| match error {
            Error::Usage(error) => anyhow::anyhow!("{}", usage(&error)),
            Error::File(error) => error.into(),
        })?;
        let Command::Run(args) = Cli::from_arg_matches(&matches)?.command else {
            anyhow::bail!("the settings are those of another command; please report this");
        };
        args.judge(Some(&settings))?;
        let live = live_settings();
        let is_live = |key: &&Key| live.contains(&key.id);
        let changed = self.applied.changed(&settings).filter(is_live).map(Key::path).collect();
        let restart = self.started.changed(&settings).filter(|key| !is_live(key)).map(Key::path).collect();
        self.read.replace(Some(settings));
        Ok(Reloaded { policy: args.policy()?, changed, restart })
    }

    fn applied(&mut self) {
        if let Some(settings) = self.read.take() {
            self.applied = settings;
        }
    }
}

/// Ids of the settings that can be changed while the sensor runs.
fn live_settings() -> Vec<String> {
    let filters = FilterName::ALL.into_iter().map(|name| name.flag().to_owned());
    filters.chain(["verdict", "sample_records"].map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, fs, path::Path};

    use super::*;

    fn start(path: &Path, words: &[&str]) -> RunSettings {
        let mut args: Vec<OsString> = vec!["honeyxdp".into(), "run".into(), "--config".into(), path.into()];
        args.extend(words.iter().map(OsString::from));
        RunSettings::new(crate::config::parse(&Cli::command(), args).unwrap().1.unwrap())
    }

    #[test]
    fn changed_filters_are_told_from_what_needs_a_restart_and_flags_stay() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("honeyxdp.toml");
        fs::write(&path, "interval = \"1s\"\n[filters]\nport = 23\n").unwrap();
        let mut reloads = start(&path, &["--snapshot-ports", "5"]);

        let same = reloads.reload().unwrap();
        assert_eq!((same.changed.len(), same.restart.len()), (0, 0));

        fs::write(&path, "interval = \"2s\"\nsnapshot-ports = 9\n[filters]\nport = [23, 80]\nverdict = \"drop\"\n")
            .unwrap();
        let changed = reloads.reload().unwrap();
        assert_eq!(changed.changed, ["filters.port", "filters.verdict"]);
        assert_eq!(changed.restart, ["interval"], "the flag --snapshot-ports has precedence");
        assert!(changed.policy.filters.ports.contains(80) && !changed.policy.filters.ports.contains(81));

        // Filters that are in force are compared with the next time; what waits for a restart still waits.
        reloads.applied();
        let again = reloads.reload().unwrap();
        assert_eq!((again.changed.len(), again.restart.len()), (0, 1));
    }

    #[test]
    fn a_broken_file_changes_nothing_and_is_named_line_by_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("honeyxdp.toml");
        fs::write(&path, "[filters]\nport = 23\n").unwrap();
        let reloads = start(&path, &[]);
        for (wrong, words) in [
            ("intervall = 1\n", "line 1: there is no setting"),
            ("[filters]\nport = 1\nignore-port = 1\n", "leave no port to count"),
            ("[filters]\nignore-src = \"@/nonexistent\"\n", "cannot read"),
        ] {
            fs::write(&path, wrong).unwrap();
            let error = format!("{:#}", reloads.reload().unwrap_err());
            assert!(error.contains(words), "{error}");
        }
        fs::remove_file(&path).unwrap();
        assert!(reloads.reload().unwrap_err().to_string().contains("cannot read it"));
        fs::write(&path, "[filters]\nport = 23\n").unwrap();
        assert_eq!(reloads.reload().unwrap().changed.len(), 0);
    }

    #[test]
    fn a_list_of_prefixes_is_read_again_though_no_setting_changed() {
        let directory = tempfile::tempdir().unwrap();
        let (path, list) = (directory.path().join("honeyxdp.toml"), directory.path().join("ours"));
        fs::write(&list, "192.0.2.0/24\n").unwrap();
        fs::write(&path, format!("[filters]\nignore-src = \"@{}\"\n", list.display())).unwrap();
        let reloads = start(&path, &[]);
        assert_eq!(reloads.reload().unwrap().policy.filters.ignored_sources.len(), 1);
        fs::write(&list, "192.0.2.0/24\n203.0.113.0/24\n").unwrap();
        let reloaded = reloads.reload().unwrap();
        assert_eq!((reloaded.policy.filters.ignored_sources.len(), reloaded.changed.len()), (2, 0));
    }
}
