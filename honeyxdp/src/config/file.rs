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

use super::{
    Fault,
    keys::{Key, Kind},
};

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
    /// Valid settings, in the order of the file.
    pub entries: Vec<Entry>,
    /// Names of keys whose values are invalid.
    pub rejected: Vec<String>,
}

impl File {
    /// Reads a file and judges each of its settings by the command that they are for.
    ///
    /// # Errors
    /// With all that is wrong.
    pub fn read(path: &Path, command: &Command, keys: &[Key]) -> Result<Self, FileError> {
        let (file, problems) = Self::look(path, command, keys);
        if problems.is_empty() { Ok(file) } else { Err(FileError { file: path.to_owned(), problems }) }
    }

    /// Reads a file. Returns its valid settings, and everything that is wrong.
    pub fn look(path: &Path, command: &Command, keys: &[Key]) -> (Self, Vec<Problem>) {
        match text(path) {
            Ok(text) => Self::parse(path, &text, command, keys),
            Err(message) => (
                Self { path: path.to_owned(), entries: Vec::new(), rejected: Vec::new() },
                vec![Problem { line: None, message }],
            ),
        }
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
            return (Self { path: path.to_owned(), entries: Vec::new(), rejected: Vec::new() }, problems);
        }
        let (mut entries, mut rejected) = (Vec::new(), Vec::new());
        let mut take = |key: &Key, value: &toml::Spanned<DeValue<'_>>, at: usize| {
            let line = line(at);
            let judged = values(key, value.get_ref()).and_then(|values| {
                let entry = Entry { key: key.clone(), values, line };
                judge(command, &entry).map(|()| entry)
            });
            match judged {
                Ok(entry) => entries.push(entry),
                Err(message) => {
                    rejected.push(key.name.clone());
                    problems.push(Problem { line: Some(line), message });
                }
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
        (Self { path: path.to_owned(), entries, rejected }, problems)
    }

    /// The setting of a key.
    pub fn entry(&self, key: &Key) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key.id == key.id)
    }

    /// An error between settings, with the line of the first of them in the file.
    pub fn problem(&self, fault: &Fault, keys: &[Key]) -> Problem {
        let of = |name: &str| self.entries.iter().find(|entry| entry.key.name == name);
        let line = fault.settings.iter().filter_map(|name| of(name)).map(|entry| entry.line).min();
        let key = |name: &str| keys.iter().find(|key| key.name == name);
        let message = fault.sentence(|name| key(name).map_or_else(|| name.to_owned(), Key::path));
        Problem { line, message }
    }

    /// An error of the whole command line, with the line of the first setting that it names.
    pub fn usage_problem(&self, error: &clap::Error) -> Problem {
        let mut message = usage(error);
        let mut line = None;
        for entry in &self.entries {
            let flag = format!("--{}", entry.key.name);
            let is_whole = |at: usize| {
                let next = message[at + flag.len()..].chars().next();
                next.is_none_or(|next| !next.is_ascii_alphanumeric() && next != '-')
            };
            if let Some(at) = message.match_indices(&flag).map(|(at, _)| at).find(|&at| is_whole(at)) {
                message.replace_range(at..at + flag.len(), &entry.key.path());
                line = Some(line.map_or(entry.line, |line: usize| line.min(entry.line)));
            }
        }
        Problem { line, message }
    }
}

/// An error of clap on one line, without its usage and hints.
pub fn usage(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text.lines().take_while(|line| !line.is_empty()).map(str::trim);
    lines.collect::<Vec<_>>().join(" ").trim_start_matches("error: ").to_owned()
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
