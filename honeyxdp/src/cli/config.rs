//! `honeyxdp config`: check and print settings.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use anyhow::bail;
use clap::{Command, CommandFactory as _, FromArgMatches as _};
use serde_json::json;

use super::{Cli, DEFAULT_DIRECTORY, run, snapshot::print};
use crate::config::{self, DEFAULT_FILE, Effective, Fault, File, FileError, Kind, Problem, Settings, Source};
use crate::kernel::pins;

/// Check and print settings
///
/// `honeyxdp run` takes its settings from flags, then from the environment, then from a TOML file, then from defaults. A key
/// of the file is a flag without its dashes, in the section named like the flag's heading in `honeyxdp run --help`: --port is
/// `port` in [filters]. Flags that can be repeated take arrays.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Inner,
}

#[derive(Debug, clap::Subcommand)]
enum Inner {
    Check(CheckArgs),
    Dump(Box<DumpArgs>),
}

/// Check a settings file and print every error
///
/// Checks every setting by itself, settings against each other, and the files that they name. Exit status 1 if there is an
/// error.
#[derive(Debug, clap::Args)]
struct CheckArgs {
    /// The file. Default: that of HONEYXDP_CONFIG, else /etc/honeyxdp/honeyxdp.toml
    #[arg(value_name = "FILE", env = config::VARIABLE, default_value = DEFAULT_FILE)]
    file: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Print all settings, with the origin of each
///
/// Takes the flags of `honeyxdp run` and prints the resulting settings as a TOML file. Nothing is started.
#[derive(Debug, clap::Args)]
struct DumpArgs {
    /// Print them as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    run: run::Args,
}

pub(super) fn config(args: Args, settings: Option<Settings>) -> anyhow::Result<()> {
    match (args.command, settings) {
        (Inner::Check(args), _) => check(&args),
        (Inner::Dump(args), Some(settings)) => {
            args.run.judge(Some(&settings))?;
            print(if args.json { json_of(&settings)? } else { toml_of(&settings)? }.trim_end())
        }
        (Inner::Dump(_), None) => bail!("the settings were not read; please report this"),
    }
}

fn check(args: &CheckArgs) -> anyhow::Result<()> {
    let checked = checked(&args.file);
    let problems = checked.as_ref().err().map_or(&[][..], |error| &error.problems);
    if args.json {
        let errors: Vec<_> =
            problems.iter().map(|Problem { line, message }| json!({"line": line, "message": message})).collect();
        let file = args.file.display().to_string();
        print(&serde_json::to_string_pretty(&json!({"file": file, "ok": checked.is_ok(), "errors": errors}))?)?;
    }
    match &checked {
        Ok(_) if args.json => Ok(()),
        Ok(file) => {
            let (path, number) = (args.file.display().to_string(), file.entries.len());
            let s = if number == 1 { "" } else { "s" };
            print(&format!("{}: ok, {number} setting{s}", path.escape_debug()))
        }
        Err(error) => {
            if !args.json {
                error.lines().for_each(|line| eprintln!("{line}"));
            }
            let s = if problems.len() == 1 { "" } else { "s" };
            bail!("{} error{s} in {}", problems.len(), args.file.display().to_string().escape_debug())
        }
    }
}

/// The file, if it is valid by itself, without the environment.
fn checked(path: &Path) -> Result<File, FileError> {
    let command = run_command();
    let keys = config::keys(&command);
    let (file, mut problems) = File::look(path, &command, &keys);
    // One error hides no other: settings that are valid are checked against each other too.
    let flags = file.entries.iter().flat_map(config::Entry::flags);
    let alone = command.mut_args(|arg| arg.env(None::<&str>));
    let parsed = alone.try_get_matches_from(["honeyxdp".to_owned()].into_iter().chain(flags));
    match parsed.and_then(|matches| run::Args::from_arg_matches(&matches)) {
        Ok(args) => {
            // A setting that was rejected is not missing.
            let is_known =
                |fault: &&Fault| !fault.settings.iter().any(|name| file.rejected.iter().any(|other| other == name));
            problems.extend(args.faults().iter().filter(is_known).map(|fault| file.problem(fault, &keys)));
        }
        Err(error) => problems.push(file.usage_problem(&error)),
    }
    problems.sort_by_key(|problem| problem.line);
    if problems.is_empty() { Ok(file) } else { Err(FileError { file: path.to_owned(), problems }) }
}

/// The directory of the sensor on this machine: the named one, else that of its settings file, else the default. A file that
/// cannot be read is ignored.
pub(super) fn directory(named: Option<&Path>) -> PathBuf {
    named.map(Path::to_owned).or_else(|| in_file("out")).unwrap_or_else(|| PathBuf::from(DEFAULT_DIRECTORY))
}

/// The directory of a sensor's pins, in the same way.
pub(super) fn pin_directory(named: Option<&Path>) -> PathBuf {
    named.map(Path::to_owned).or_else(|| in_file("pin-path")).unwrap_or_else(|| PathBuf::from(pins::DIRECTORY))
}

/// What the file of settings says, if it can be read.
fn in_file(path: &str) -> Option<PathBuf> {
    let file = std::env::var_os(config::VARIABLE).map_or_else(|| PathBuf::from(DEFAULT_FILE), PathBuf::from);
    let command = run_command();
    let file = File::read(&file, &command, &config::keys(&command)).ok()?;
    let entry = file.entries.into_iter().find(|entry| entry.key.path() == path)?;
    entry.values.into_iter().next().map(PathBuf::from)
}

/// The command whose arguments are the settings.
pub(super) fn run_command() -> Command {
    Cli::command().find_subcommand("run").expect("it is a subcommand").clone()
}

fn toml_of(settings: &Settings) -> anyhow::Result<String> {
    let mut text = String::from("# All settings. Use this as a file with `honeyxdp run --config FILE`.\n");
    if let Some(file) = settings.file() {
        writeln!(text, "# File: {}", file.path.display().to_string().escape_debug())?;
    }
    let mut section = &None;
    for Effective { key, values, source } in settings.effective() {
        if *section != key.section {
            section = &key.section;
            writeln!(text, "\n[{}]", section.as_deref().unwrap_or_default())?;
        }
        let name = &key.name;
        if values.is_empty() {
            writeln!(text, "# {name} is not set")?;
            continue;
        }
        let from = match source {
            Source::Flag => "flag".to_owned(),
            Source::Environment => format!("environment, {}", key.variable.as_deref().unwrap_or_default()),
            Source::File => match settings.file().and_then(|file| file.entry(key)) {
                Some(entry) => format!("file, line {}", entry.line),
                None => "file".to_owned(),
            },
            Source::Default => "default".to_owned(),
        };
        writeln!(text, "{name} = {} # {from}", toml_value(key.kind, &values))?;
    }
    Ok(text)
}

/// Numbers stay numbers, so that it looks as people write it.
fn toml_value(kind: Kind, values: &[String]) -> toml::Value {
    let scalar = |text: &String| match text.parse::<i64>() {
        Ok(number) if number.to_string() == *text => toml::Value::Integer(number),
        _ => toml::Value::String(text.clone()),
    };
    match (kind, values) {
        (Kind::Switch, [value]) => toml::Value::Boolean(value == "true"),
        (Kind::One, [value]) => scalar(value),
        (_, values) => toml::Value::Array(values.iter().map(scalar).collect()),
    }
}

fn json_of(settings: &Settings) -> anyhow::Result<String> {
    let values: serde_json::Map<String, serde_json::Value> = settings
        .effective()
        .map(|Effective { key, values, source }| {
            let value = match (values.is_empty(), toml_value(key.kind, &values)) {
                (true, _) => serde_json::Value::Null,
                (_, toml::Value::Boolean(value)) => value.into(),
                (_, toml::Value::Integer(value)) => value.into(),
                (_, toml::Value::Array(_)) => values.into(),
                _ => values.concat().into(),
            };
            (key.path(), json!({"value": value, "source": source}))
        })
        .collect();
    let file = settings.file().map(|file| file.path.display().to_string());
    Ok(serde_json::to_string_pretty(&json!({"file": file, "settings": values}))?)
}

#[cfg(test)]
mod tests;
