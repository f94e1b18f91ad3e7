//! Errors that show only when all settings are known.

use std::fmt;

/// Settings that do not go together, or a file that one of them names and that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Names of the settings at fault: flags without dashes.
    pub settings: Vec<&'static str>,
    /// What is wrong, as it follows the names: " together leave no port to count", ": cannot read the file".
    what: String,
}

impl Fault {
    /// `what` follows the names of the settings, so it begins with a space or a colon.
    pub fn new(settings: impl Into<Vec<&'static str>>, what: impl Into<String>) -> Self {
        Self { settings: settings.into(), what: what.into() }
    }

    /// Whether several settings do not go together: wrong usage, whatever the files hold that they name.
    pub fn is_wrong_usage(&self) -> bool {
        self.settings.len() > 1
    }

    /// The error in one sentence, with each setting as `shown` writes it.
    pub fn sentence(&self, shown: impl Fn(&str) -> String) -> String {
        let names: Vec<String> = self.settings.iter().map(|name| shown(name)).collect();
        format!("{}{}", names.join(" and "), self.what)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence(|name| format!("--{name}")))
    }
}

impl std::error::Error for Fault {}

/// Every error of a command's settings, a line each.
#[derive(Debug)]
pub struct Faults {
    lines: Vec<String>,
    wrong_usage: bool,
}

impl Faults {
    /// The faults, each in the sentence that `explain` makes of it. `None` if there is none.
    pub fn of(faults: &[Fault], explain: impl Fn(&Fault) -> String) -> Option<Self> {
        let wrong_usage = faults.iter().any(Fault::is_wrong_usage);
        (!faults.is_empty()).then(|| Self { lines: faults.iter().map(explain).collect(), wrong_usage })
    }

    /// Whether one of them is wrong usage, see [`Fault::is_wrong_usage`].
    pub const fn is_wrong_usage(&self) -> bool {
        self.wrong_usage
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

impl std::error::Error for Faults {}
