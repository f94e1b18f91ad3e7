//! A command line, with what the environment and the file add to it.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::{ArgMatches, Command, parser::ValueSource};
use serde::Serialize;

use super::{
    DEFAULT_FILE, FLAG, Fault,
    file::{Entry, File, FileError},
    keys::{Key, keys},
};

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A flag of the command line.
    Flag,
    /// A variable of the environment.
    Environment,
    /// The file.
    File,
    /// Nobody set it.
    Default,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line is wrong, or asks for help.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// The file is wrong.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A setting in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective<'a> {
    /// Which.
    pub key: &'a Key,
    /// Its values; none if it is not set and has no default.
    pub values: Vec<String>,
    /// Who set it.
    pub source: Source,
}

/// The settings of a command that takes a file.
#[derive(Clone, Debug)]
pub struct Settings {
    args: Vec<OsString>,
    keys: Vec<Key>,
    file: Option<File>,
    given: ArgMatches,
    matches: ArgMatches,
}

/// Reads the command line, and for a command that has the flag --config the file too.
///
/// # Errors
/// See [`Error`].
pub fn parse(command: &Command, args: Vec<OsString>) -> Result<(ArgMatches, Option<Settings>), Error> {
    // What the command line and the environment say by themselves, be it enough or not.
    let given = command.clone().ignore_errors(true).try_get_matches_from(&args)?;
    let (names, inner) = innermost(&given);
    let named = inner.try_get_one::<PathBuf>(FLAG);
    let (Ok(named), Some(sub)) = (named, find(command, &names)) else {
        return Ok((command.clone().try_get_matches_from(&args)?, None));
    };
    let keys = keys(sub);
    let file = match named {
        Some(path) => Some(File::read(path, sub, &keys)?),
        None if Path::new(DEFAULT_FILE).exists() => Some(File::read(Path::new(DEFAULT_FILE), sub, &keys)?),
        None => None,
    };
    let mut all = args.clone();
    if let Some(file) = &file {
        let missing = file.entries.iter().filter(|entry| source(inner, &entry.key) == Source::Default);
        let flags: Vec<OsString> = missing.flat_map(Entry::flags).map(OsString::from).collect();
        let at = after(&args, &names);
        all.splice(at..at, flags);
    }
    let matches =
        command.clone().try_get_matches_from(&all).map_err(|error| blame(error, command, &args, file.as_ref()))?;
    let settings = Settings { args, keys, file, given: inner.clone(), matches: innermost(&matches).1.clone() };
    Ok((matches, Some(settings)))
}

impl Settings {
    /// The file that was read, if any.
    pub const fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    /// What holds, for every key.
    pub fn effective(&self) -> impl Iterator<Item = Effective<'_>> {
        self.keys.iter().map(|key| {
            let source = match source(&self.given, key) {
                Source::Default if self.file.as_ref().is_some_and(|file| file.entry(key).is_some()) => Source::File,
                source => source,
            };
            Effective { key, values: self.values(key), source }
        })
    }

    /// An error between settings, with the file and line of those that the file sets.
    pub fn explain(&self, fault: &Fault) -> String {
        let is_of_file = |name: &&str| {
            let mut effective = self.effective();
            effective.any(|setting| setting.key.name == **name && setting.source == Source::File)
        };
        match &self.file {
            Some(file) if fault.settings.iter().any(is_of_file) => {
                let problems = vec![file.problem(fault, &self.keys)];
                FileError { file: file.path.clone(), problems }.to_string()
            }
            _ => fault.to_string(),
        }
    }

    /// Reads everything again: the same flags and variables, and the file as it is now.
    ///
    /// # Errors
    /// See [`Error`]. Nothing is changed then.
    pub fn reread(&self, command: &Command) -> Result<(ArgMatches, Self), Error> {
        let (matches, settings) = parse(command, self.args.clone())?;
        let settings = settings.expect("the same command takes a file");
        Ok((matches, settings))
    }

    /// The keys whose values are not those of `other`.
    pub fn changed<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a Key> {
        self.keys.iter().filter(|key| self.values(key) != other.values(key))
    }

    fn values(&self, key: &Key) -> Vec<String> {
        let raw = self.matches.try_get_raw(&key.id).ok().flatten();
        raw.map(|values| values.map(|value| value.to_string_lossy().into_owned()).collect()).unwrap_or_default()
    }
}

fn source(matches: &ArgMatches, key: &Key) -> Source {
    match matches.value_source(&key.id) {
        Some(ValueSource::CommandLine) => Source::Flag,
        Some(ValueSource::EnvVariable) => Source::Environment,
        _ => Source::Default,
    }
}

/// Names of the subcommands that were called, and what the innermost one got.
fn innermost(matches: &ArgMatches) -> (Vec<String>, &ArgMatches) {
    let (mut names, mut inner) = (Vec::new(), matches);
    while let Some((name, next)) = inner.subcommand() {
        names.push(name.to_owned());
        inner = next;
    }
    (names, inner)
}

fn find<'a>(command: &'a Command, names: &[String]) -> Option<&'a Command> {
    names.iter().try_fold(command, |command, name| command.find_subcommand(name))
}

/// The place after the last of the subcommands' names.
fn after(args: &[OsString], names: &[String]) -> usize {
    names.iter().fold(1, |from, name| {
        args.iter().skip(from).position(|arg| arg == name.as_str()).map_or(from, |at| from + at + 1)
    })
}

/// An error that only the file brings in is the file's.
fn blame(error: clap::Error, command: &Command, args: &[OsString], file: Option<&File>) -> Error {
    match file {
        Some(file) if command.clone().try_get_matches_from(args).is_ok() => {
            Error::File(FileError { file: file.path.clone(), problems: vec![file.usage_problem(&error)] })
        }
        _ => Error::Usage(error),
    }
}
