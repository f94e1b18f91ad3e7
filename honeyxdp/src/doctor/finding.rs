//! What a check says.

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// A sensor runs, but slower, or its numbers are worth less.
    Warn,
    /// A sensor cannot run, or counts something else.
    Bad,
}

impl Level {
    /// As it is printed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check; stays the same over versions.
    pub check: &'static str,
    /// The interface that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// How bad it is.
    pub level: Level,
    /// What was found, and what it means.
    pub text: String,
    /// The command that fixes it, where a command does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, interface: None, level: Level::Ok, text: text.into(), fix: None }
    }

    pub(super) fn warn(check: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { level: Level::Warn, fix: Some(fix.into()), ..Self::ok(check, text) }
    }

    pub(super) fn bad(check: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { level: Level::Bad, fix: Some(fix.into()), ..Self::ok(check, text) }
    }

    /// The same without a command: nothing that can be typed fixes it.
    pub(super) fn without_command(self) -> Self {
        Self { fix: None, ..self }
    }

    /// The same, about an interface.
    pub(super) fn about(self, interface: &str) -> Self {
        Self { interface: Some(interface.to_owned()), ..self }
    }
}

/// The word as a shell takes it, so that a command can be copied whatever a directory or an interface is called.
pub(super) fn quoted(word: &str) -> String {
    if !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c)) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_only_where_a_shell_needs_it() {
        assert_eq!(quoted("eth0.7"), "eth0.7");
        assert_eq!(quoted("/srv/my data"), "'/srv/my data'");
        assert_eq!(quoted("it's;reboot"), r"'it'\''s;reboot'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn levels_rise() {
        assert!(Level::Ok < Level::Warn && Level::Warn < Level::Bad);
    }
}
