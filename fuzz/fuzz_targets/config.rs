//! Files of settings, as contrib/honeyxdp.toml.

#![no_main]

use std::{fmt::Write as _, path::Path, sync::LazyLock};

use clap::Command;
use honeyxdp::{
    cli,
    config::{self, Entry, File, Key, Kind, Problem},
};
use honeyxdp_fuzz::{assert_plain, lines};
use libfuzzer_sys::fuzz_target;

/// The command whose flags are the settings, without the environment.
static RUN: LazyLock<Command> = LazyLock::new(|| {
    let command = cli::command();
    let run = command.find_subcommand("run").expect("it is a subcommand").clone();
    run.mut_args(|arg| arg.env(None::<&str>))
});

static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| config::keys(&RUN));

fn parse(text: &str) -> (File, Vec<Problem>) {
    File::parse(Path::new("honeyxdp.toml"), text, &RUN, &KEYS)
}

/// The same settings as another file.
fn written(entries: &[Entry]) -> String {
    let (mut whole, mut sections) = (String::new(), std::collections::BTreeMap::<&str, String>::new());
    for Entry { key, values, .. } in entries {
        let text = match &key.section {
            Some(section) => sections.entry(section).or_default(),
            None => &mut whole,
        };
        let value = match (key.kind, values.as_slice()) {
            (Kind::Switch, [value]) => value.clone(),
            (Kind::One, [value]) => toml::Value::from(value.as_str()).to_string(),
            (_, values) => toml::Value::from(values.to_vec()).to_string(),
        };
        writeln!(text, "{} = {value}", key.name).expect("a string takes all");
    }
    sections.into_iter().fold(whole, |whole, (name, text)| format!("{whole}[{name}]\n{text}"))
}

/// Settings without their lines.
fn settings(file: &File) -> Vec<(&str, &[String])> {
    let mut settings: Vec<_> =
        file.entries.iter().map(|entry| (entry.key.id.as_str(), entry.values.as_slice())).collect();
    settings.sort_unstable();
    settings
}

fn check_problems(text: &str, problems: &[Problem]) {
    assert!(problems.is_sorted_by_key(|problem| problem.line), "{problems:?}");
    for Problem { line, message } in problems {
        assert!(line.is_none_or(|line| (1..=lines(text)).contains(&line)), "line {line:?} of {}", lines(text));
        assert!(!message.contains('\n'), "{message:?}");
        assert_plain(message);
    }
}

fuzz_target!(|text: &str| {
    let (file, problems) = parse(text);
    check_problems(text, &problems);
    for entry in &file.entries {
        assert!((1..=lines(text)).contains(&entry.line), "{entry:?}");
    }
    if problems.is_empty() {
        // Whether settings go together is said in words too, and the line of one of them is found.
        let flags = file.entries.iter().flat_map(Entry::flags);
        if let Err(error) = RUN.clone().try_get_matches_from(["honeyxdp".to_owned()].into_iter().chain(flags)) {
            let placed = file.usage_problem(&error);
            assert!(placed.line.is_none_or(|line| (1..=lines(text)).contains(&line)), "{placed:?}");
        }
        let (again, problems) = parse(&written(&file.entries));
        assert_eq!((settings(&again), problems), (settings(&file), Vec::new()), "written: {}", written(&file.entries));
    }
    if !text.starts_with('\u{feff}') {
        let (mut moved, mut moved_problems) = parse(&format!("# a comment\n{text}"));
        moved.entries.iter_mut().for_each(|entry| entry.line -= 1);
        moved_problems.iter_mut().for_each(|problem| problem.line = problem.line.map(|line| line - 1));
        assert_eq!((moved, moved_problems), (file, problems), "a comment changes it");
    }
});
