//! The file: TOML, with every error and its line.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use clap::{
    Command,
    error::{ContextKind, ContextValue, ErrorKind},
};
use toml::de::{DeTable, DeValue};

use super::keys::{Key, Kind};

/// A file that is larger is none of ours: 100,000 prefixes belong into an @FILE.
const MOST_BYTES: u64 = 4 << 20;

/// One setting of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose.
    pub key: Key,
    /// Its values as they would be written after the flag.
    pub values: Vec<String>,
    /// The line that it begins on, from 1 on.
    pub line: usize,
}

impl Entry {
    /// The flags that say the same.
    pub fn flags(&self) -> Vec<String> {
        let flag = &self.key.name;
        match self.key.kind {
            Kind::Switch if self.values == ["true"] => vec![format!("--{flag}")],
            Kind::Switch => Vec::new(),
            Kind::One | Kind::List => self.values.iter().map(|value| format!("--{flag}={value}")).collect(),
        }
    }
}

/// Something that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, if it has a place.
    pub line: Option<usize>,
    /// What, in one sentence.
    pub message: String,
}

/// A file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct FileError {
    /// Which.
    pub file: PathBuf,
    /// All that is wrong with it, by line.
    pub problems: Vec<Problem>,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, line) in self.lines().enumerate() {
            write!(f, "{}{line}", if at == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl FileError {
    /// A line for each problem, with the file's name.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let file = self.file.display().to_string().escape_debug().to_string();
        self.problems.iter().map(move |Problem { line, message }| match line {
            Some(line) => format!("{file}, line {line}: {message}"),
            None => format!("{file}: {message}"),
        })
    }
}

/// The settings that a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it is.
    pub path: PathBuf,
    /// In the order of the file's keys.
    pub entries: Vec<Entry>,
}

impl File {
    /// Reads a file and judges each of its settings by the command that they are for.
    ///
    /// # Errors
    /// With all that is wrong.
    pub fn read(path: &Path, command: &Command, keys: &[Key]) -> Result<Self, FileError> {
        let (file, problems) = match text(path) {
            Ok(text) => Self::parse(path, &text, command, keys),
            Err(message) => {
                (Self { path: path.to_owned(), entries: Vec::new() }, vec![Problem { line: None, message }])
            }
        };
        if problems.is_empty() { Ok(file) } else { Err(FileError { file: path.to_owned(), problems }) }
    }

    /// What is right in a text, and what is wrong.
    pub fn parse(path: &Path, text: &str, command: &Command, keys: &[Key]) -> (Self, Vec<Problem>) {
        let line =
            |offset: usize| text.as_bytes()[..offset.min(text.len())].iter().filter(|&&b| b == b'\n').count() + 1;
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut problems: Vec<Problem> = errors
            .iter()
            .map(|error| Problem {
                line: error.span().map(|span| line(span.start)),
                message: format!("this is not TOML: {}", error.message().replace('\n', ", ").escape_debug()),
            })
            .collect();
        if !problems.is_empty() {
            problems.sort_by_key(|problem| problem.line);
            // What follows an error of syntax may be understood wrongly.
            return (Self { path: path.to_owned(), entries: Vec::new() }, problems);
        }
        let mut entries = Vec::new();
        let mut take = |key: &Key, value: &toml::Spanned<DeValue<'_>>, at: usize| {
            let line = line(at);
            let judged = values(key, value.get_ref()).and_then(|values| {
                let entry = Entry { key: key.clone(), values, line };
                judge(command, &entry).map(|()| entry)
            });
            match judged {
                Ok(entry) => entries.push(entry),
                Err(message) => problems.push(Problem { line: Some(line), message }),
            }
        };
        let mut unknown = Vec::new();
        for (name, value) in table.get_ref() {
            let (text, at) = (name.get_ref().as_ref(), name.span().start);
            if let Some(key) = keys.iter().find(|key| key.section.is_none() && key.name == text) {
                take(key, value, at);
                continue;
            }
            let is_section = keys.iter().any(|key| key.section.as_deref() == Some(text));
            match value.get_ref().as_table() {
                Some(section) if is_section => {
                    for (name, value) in section {
                        let (word, at) = (name.get_ref().as_ref(), name.span().start);
                        match keys.iter().find(|key| key.section.as_deref() == Some(text) && key.name == word) {
                            Some(key) => take(key, value, at),
                            None => unknown.push((at, unknown_key(Some(text), word, keys))),
                        }
                    }
                }
                None if is_section => {
                    unknown.push((at, format!("{text} is a section: write [{text}] on a line of its own")));
                }
                Some(_) => unknown.push((at, unknown_section(text, keys))),
                None => unknown.push((at, unknown_key(None, text, keys))),
            }
        }
        problems.extend(unknown.into_iter().map(|(at, message)| Problem { line: Some(line(at)), message }));
        problems.sort_by_key(|problem| problem.line);
        entries.sort_by_key(|entry: &Entry| entry.line);
        (Self { path: path.to_owned(), entries }, problems)
    }

    /// The setting of a key.
    pub fn entry(&self, key: &Key) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key.id == key.id)
    }

    /// Gives an error that names a flag the line on which the file sets it.
    pub fn place(&self, message: String) -> Problem {
        let line = self
            .entries
            .iter()
            .filter_map(|entry| Some((flag_at(&message, &entry.key.name)?, entry.line)))
            .min()
            .map(|(_, line)| line);
        Problem { line, message }
    }
}

/// Where a message names a flag: the flag itself, and no longer one that begins with it.
fn flag_at(message: &str, name: &str) -> Option<usize> {
    let flag = format!("--{name}");
    let ends =
        |at: usize| !message[at + flag.len()..].starts_with(|next: char| next.is_ascii_alphanumeric() || next == '-');
    message.match_indices(&flag).map(|(at, _)| at).find(|&at| ends(at))
}

fn text(path: &Path) -> Result<String, String> {
    let read = || -> std::io::Result<String> {
        let metadata = fs::metadata(path)?;
        if metadata.is_dir() {
            return Err(std::io::Error::other("it is a directory; name the file in it"));
        }
        if metadata.len() > MOST_BYTES {
            return Err(std::io::Error::other(
                "it has more than 4 MiB; long lists of prefixes go into a file of their own, as @FILE",
            ));
        }
        fs::read_to_string(path)
    };
    read().map_err(|error| format!("cannot read it: {error}"))
}

/// The values of a key as flags would have them.
fn values(key: &Key, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let name = key.path();
    match (key.kind, value) {
        (Kind::Switch, DeValue::Boolean(value)) => Ok(vec![value.to_string()]),
        (Kind::Switch, _) => Err(format!("{name} is true or false, and not {}", described(value))),
        (Kind::List, DeValue::Array(values)) => values
            .iter()
            .map(|value| {
                scalar(value.get_ref()).ok_or_else(|| {
                    format!("{name} is a list of strings or numbers, and {} is in it", described(value.get_ref()))
                })
            })
            .collect(),
        (Kind::List, value) => scalar(value)
            .map(|value| vec![value])
            .ok_or_else(|| format!("{name} is a list of strings or numbers, and not {}", described(value))),
        (Kind::One, value) => scalar(value)
            .map(|value| vec![value])
            .ok_or_else(|| format!("{name} is one string or number, and not {}", described(value))),
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
        }
        _ => None,
    }
}

fn described(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// Has clap judge one setting. Whether settings go together shows only when all are known.
fn judge(command: &Command, entry: &Entry) -> Result<(), String> {
    let path = entry.key.path();
    for flag in entry.flags() {
        let alone = command.clone().mut_args(|arg| arg.env(None::<&str>));
        let Err(error) = alone.try_get_matches_from(["honeyxdp".to_owned(), flag]) else {
            continue;
        };
        let value = match error.get(ContextKind::InvalidValue) {
            Some(ContextValue::String(value)) => value.as_str(),
            _ => "",
        };
        let hint = match (error.kind(), error.get(ContextKind::ValidValue)) {
            (ErrorKind::InvalidValue, Some(ContextValue::Strings(valid))) if !valid.is_empty() => {
                format!("it is one of {}", valid.join(", "))
            }
            (ErrorKind::InvalidValue | ErrorKind::ValueValidation, _) => {
                std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default()
            }
            _ => continue,
        };
        let colon = if hint.is_empty() { "" } else { ": " };
        return Err(format!("{path} cannot be {value:?}{colon}{hint}"));
    }
    Ok(())
}

fn unknown_key(section: Option<&str>, name: &str, keys: &[Key]) -> String {
    let shown = match section {
        Some(section) => format!("{section}.{name}"),
        None => name.to_owned(),
    };
    let normal = name.to_lowercase().replace('_', "-");
    let elsewhere = keys.iter().find(|key| key.name == normal && key.section.as_deref() != section);
    if let Some(key) = elsewhere.filter(|_| name == normal) {
        return match &key.section {
            Some(section) => format!("{name} belongs into the section [{section}]"),
            None => format!("{name} belongs before the first section"),
        };
    }
    let candidates = keys.iter().map(|key| (similarity(&normal, &key.name), key.path()));
    format!("there is no setting {shown:?}{}", nearest(candidates))
}

fn unknown_section(name: &str, keys: &[Key]) -> String {
    let candidates = keys.iter().filter_map(|key| {
        let section = key.section.as_deref()?;
        Some((similarity(&name.to_lowercase(), section), format!("[{section}]")))
    });
    format!("there is no section [{}]{}", name.escape_debug(), nearest(candidates))
}

fn similarity(one: &str, other: &str) -> f64 {
    strsim::normalized_damerau_levenshtein(one, other)
}

fn nearest(candidates: impl Iterator<Item = (f64, String)>) -> String {
    let best = candidates.max_by(|one, other| one.0.total_cmp(&other.0));
    match best {
        Some((score, name)) if score >= 0.4 => format!("; the nearest is {name}"),
        _ => "; `honeyxdp config dump` lists all there are".to_owned(),
    }
}
