//! What can be set: the keys that the arguments of a command give.

use clap::{Arg, ArgAction, Command};

/// Arguments that are no settings: what they say belongs to one call.
const NO_SETTINGS: [&str; 4] = [super::FLAG, "help", "version", "json"];

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// true or false.
    Switch,
    /// One value.
    One,
    /// An array of values, or one.
    List,
}

/// A setting: a flag without its dashes, in the section that is its heading in --help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// clap's id of the argument.
    pub id: String,
    /// The flag without its dashes, which is the name in the file.
    pub name: String,
    /// The section of the file; none for what stands before all sections.
    pub section: Option<String>,
    /// What it takes.
    pub kind: Kind,
    /// The variable of the environment.
    pub variable: Option<String>,
    /// What --help says of it, in one line.
    pub help: String,
    /// What holds when nobody says anything.
    pub default: Vec<String>,
}

impl Key {
    /// Section and name: `filters.port`.
    pub fn path(&self) -> String {
        match &self.section {
            Some(section) => format!("{section}.{}", self.name),
            None => self.name.clone(),
        }
    }
}

/// The keys of a command: those without a section first, then section by section.
pub fn keys(command: &Command) -> Vec<Key> {
    let mut keys: Vec<Key> = command.get_arguments().filter_map(key).collect();
    let mut sections: Vec<Option<String>> = vec![None];
    for key in &keys {
        if !sections.contains(&key.section) {
            sections.push(key.section.clone());
        }
    }
    keys.sort_by_key(|key| sections.iter().position(|section| *section == key.section));
    keys
}

fn key(arg: &Arg) -> Option<Key> {
    let id = arg.get_id().as_str();
    let name = arg.get_long().filter(|_| !NO_SETTINGS.contains(&id))?;
    let kind = match arg.get_action() {
        ArgAction::SetTrue | ArgAction::SetFalse => Kind::Switch,
        ArgAction::Append => Kind::List,
        _ => Kind::One,
    };
    let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
    Some(Key {
        id: id.to_owned(),
        name: name.to_owned(),
        section: arg.get_help_heading().map(|heading| heading.to_lowercase().replace(' ', "-")),
        kind,
        variable: arg.get_env().map(text),
        help: arg.get_help().map(ToString::to_string).unwrap_or_default(),
        default: arg.get_default_values().iter().map(|value| text(value)).collect(),
    })
}
