//! The file of settings: complete, judged line by line, and in its place among flags, environment and defaults.

use std::{ffi::OsString, fs};

use tempfile::TempDir;

use super::*;
use crate::config::{Error, Key, keys};

const EXAMPLE: &str = include_str!("../../../../contrib/honeyxdp.toml");

/// A directory with a file of settings in it.
fn file(text: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("honeyxdp.toml");
    fs::write(&path, text).unwrap();
    (directory, path)
}

/// What is wrong with this text.
fn problems(text: &str) -> Vec<(Option<usize>, String)> {
    let (_directory, path) = file(text);
    let problems = checked(&path).err().map(|error| error.problems).unwrap_or_default();
    problems.into_iter().map(|Problem { line, message }| (line, message)).collect()
}

/// Values and sources of `honeyxdp run` with these words.
fn settings(path: &Path, words: &[&str]) -> Result<Settings, Error> {
    let mut args: Vec<OsString> = vec!["honeyxdp".into(), "run".into(), "--config".into(), path.into()];
    args.extend(words.iter().map(OsString::from));
    config::parse(&Cli::command(), args).map(|(_, settings)| settings.unwrap())
}

fn value(settings: &Settings, path: &str) -> (Vec<String>, Source) {
    let found = settings.effective().find(|effective| effective.key.path() == path).expect(path);
    (found.values, found.source)
}

/// The example with all its settings in use.
fn example() -> String {
    let used = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => format!("{setting}\n"),
        _ => format!("{line}\n"),
    };
    EXAMPLE.lines().map(used).collect()
}

#[test]
fn every_setting_of_run_is_in_the_example_once_and_right() {
    assert_eq!(problems(EXAMPLE), []);
    let (_directory, path) = file(&example());
    let command = run_command();
    let keys = keys(&command);
    let example = File::read(&path, &command, &keys).map_err(|error| error.to_string()).unwrap();
    for key in &keys {
        assert!(
            example.entry(key).is_some(),
            "contrib/honeyxdp.toml has no line for {}: add one, as #{} = ...",
            key.path(),
            key.name
        );
    }
    assert_eq!(example.entries.len(), keys.len());
}

#[test]
fn the_example_names_the_defaults() {
    let command = run_command();
    for key in keys(&command).iter().filter(|key| !key.default.is_empty()) {
        let line = format!("#{} = {}", key.name, toml_value(key.kind, &key.default));
        assert!(EXAMPLE.lines().any(|found| found == line), "contrib/honeyxdp.toml has no line {line}");
    }
}

#[test]
fn every_flag_of_run_is_a_setting_with_a_variable() {
    let command = run_command();
    let keys = keys(&command);
    for arg in command.get_arguments().filter(|arg| !["config", "help", "version"].contains(&arg.get_id().as_str())) {
        let key = keys.iter().find(|key| key.id == arg.get_id().as_str());
        let key = key.unwrap_or_else(|| panic!("{} has no key", arg.get_id()));
        assert!(key.variable.as_deref().is_some_and(|name| name.starts_with("HONEYXDP_")), "{}", key.name);
    }
    let path = |name: &str| keys.iter().find(|key| key.name == name).map(Key::path);
    assert_eq!(path("quiet").as_deref(), Some("quiet"));
    assert_eq!(path("ignore-src").as_deref(), Some("filters.ignore-src"));
    assert_eq!(path("memory").as_deref(), Some("sources.memory"));
}

#[test]
fn flags_go_before_the_file_and_the_file_before_defaults() {
    let (_directory, path) = file(
        "interval = \"30s\"\nsnapshot-ports = 0x10\n[filters]\nport = [23, \"80-81\"]\nignore-port = 80\n[sources]\nmemory = \"1GiB\"\n",
    );
    let settings = settings(&path, &["--interval", "5s", "--port", "7"]).unwrap();
    assert_eq!(value(&settings, "interval"), (vec!["5s".to_owned()], Source::Flag));
    assert_eq!(value(&settings, "snapshot-ports"), (vec!["16".to_owned()], Source::File));
    assert_eq!(value(&settings, "filters.port"), (vec!["7".to_owned()], Source::Flag), "lists are not joined");
    assert_eq!(value(&settings, "filters.ignore-port"), (vec!["80".to_owned()], Source::File));
    assert_eq!(value(&settings, "mode"), (vec!["auto".to_owned()], Source::Default));
    assert_eq!(value(&settings, "sensor-id"), (vec![], Source::Default));
}

#[test]
fn what_is_dumped_is_a_file_that_says_the_same() {
    let (_directory, path) =
        file("quiet = true\nsensor-id = \"a\\\"b # \\u001b\"\n[filters]\nport = [23, \"80-81\"]\n");
    let before = settings(&path, &["--dst", "198.51.100.0/24,2001:db8::/32", "--trace-matches"]).unwrap();
    let (_directory, dumped) = file(&toml_of(&before).unwrap());
    let after = settings(&dumped, &[]).unwrap();
    assert_eq!(before.changed(&after).collect::<Vec<_>>(), Vec::<&Key>::new());
    assert_eq!(value(&after, "sensor-id").0, ["a\"b # \u{1b}"]);
    assert_eq!(value(&after, "trace-matches"), (vec!["10".to_owned()], Source::File));
    assert_eq!(value(&after, "filters.dst").0, ["198.51.100.0/24", "2001:db8::/32"]);
}

#[test]
fn every_error_is_named_with_its_line_and_the_nearest_key() {
    let wrong = "intervall = \"30s\"\nmode = \"fast\"\nport = 23\nquiet = 1\nsnapshot-ports = 1.5\ninterval = \"0s\"\n\
                 [filters]\nignore_src = []\nfamily = [\"mirai\", \"mira\"]\nport = [true]\n[sourcs]\nmemory = 1\n";
    let expected = [
        (1, "there is no setting \"intervall\"; the nearest is interval"),
        (2, "mode cannot be \"fast\": must be auto, native or generic"),
        (3, "port belongs into the section [filters]"),
        (4, "quiet is true or false, and not a number"),
        (5, "snapshot-ports is one string or number, and not a number with a fraction"),
        (6, "interval cannot be \"0s\": it is from 100ms to 24h"),
        (8, "there is no setting \"filters.ignore_src\"; the nearest is filters.ignore-src"),
        (9, "filters.family cannot be \"mira\": there is no family \"mira\": the families are mirai, "),
        (10, "filters.port is a list of strings or numbers, and true or false is in it"),
        (11, "there is no section [sourcs]; the nearest is [sources]"),
    ];
    let found = problems(wrong);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for ((line, message), (expected_line, expected)) in found.iter().zip(expected) {
        assert_eq!(*line, Some(expected_line), "{message}");
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn errors_between_settings_and_in_lists_have_their_line_too() {
    assert_eq!(
        problems("\n[filters]\nport = 1\nignore-port = 1\n"),
        [(Some(3), "filters.port and filters.ignore-port together leave no port to count".to_owned())]
    );
    let found = problems("[filters]\n\nignore-src = \"@/nonexistent/list\"\n");
    assert!(found[0].0 == Some(3) && found[0].1.contains("/nonexistent/list"), "{found:?}");
    assert_eq!(problems("[sources]\nmemory = \"1MiB\"\n")[0].0, Some(2));
    // The message was empty after its colon: the rest of it is on clap's next lines.
    assert_eq!(
        problems("[first-payloads]\nrespond = 23\n"),
        [(
            Some(2),
            "first-payloads.respond and first-payloads.respond-to go together: ports to answer, and the addresses to answer for"
                .to_owned()
        )]
    );
}

#[test]
fn one_error_hides_no_other() {
    let found = problems(
        "mode = \"fast\"\n[filters]\nignore-src = \"@/nonexistent/list\"\nport = 1\nignore-port = 1\n[sources]\nmemory = \"1MiB\"\n",
    );
    let lines: Vec<_> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [Some(1), Some(3), Some(4), Some(7)], "{found:?}");
    let found = problems("mode = \"fast\"\n[filters]\nport = 1\nignore-port = 1\n[sources]\nmemory = \"1MiB\"\n");
    let lines: Vec<_> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [Some(1), Some(3), Some(6)], "{found:?}");
    let rejected = problems("[first-payloads]\nrespond = 23\nrespond-to = \"nowhere\"\n");
    assert_eq!(rejected.len(), 1, "{rejected:?}");
}

#[test]
fn what_is_not_toml_and_what_an_attacker_wrote_is_said_on_one_line() {
    for wrong in
        ["[filters\nport = 1\n", "a = b\n", "interval = \"1s\"\ninterval = \"2s\"\n", "\"\\u001b[2J\\n\" = 1\n", "\0"]
    {
        let found = problems(wrong);
        assert!(!found.is_empty(), "{wrong:?}");
        for (line, message) in found {
            assert!(line.is_some() && !message.chars().any(char::is_control), "{message:?}");
        }
    }
}

#[test]
fn a_file_that_is_none_is_refused_in_words() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |path: &Path| checked(path).unwrap_err().to_string();
    assert!(refused(directory.path()).contains("it is a directory"), "{}", refused(directory.path()));
    assert!(refused(&directory.path().join("none")).contains("cannot read it"));
    let binary = directory.path().join("binary");
    fs::write(&binary, [0xff, 0xfe]).unwrap();
    assert!(refused(&binary).contains("cannot read it"));
}

#[test]
fn no_file_makes_it_panic() {
    let (command, example) = (run_command(), example());
    let keys = keys(&command);
    let mut random = 2019_u64;
    let mut number = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % below
    };
    let mut wrong = 0;
    for _ in 0..400 {
        let mut bytes = example.clone().into_bytes();
        for _ in 0..1 + number(4) {
            let (at, other) = (number(bytes.len()), number(bytes.len()));
            match number(4) {
                0 => bytes[at] = b"[]{}=\"'\\#,.\n\0\x1b\xff-0"[number(16)],
                1 => drop(bytes.remove(at)),
                2 => bytes.swap(at, other),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let (_, problems) = File::parse(Path::new("x"), &String::from_utf8_lossy(&bytes), &command, &keys);
        wrong += usize::from(!problems.is_empty());
        assert!(problems.iter().all(|problem| !problem.message.chars().any(char::is_control)), "{problems:?}");
    }
    assert!(wrong > 100, "only {wrong} were wrong");
}

#[test]
fn errors_of_syntax_are_in_the_order_of_lines() {
    let problems = problems(
        "filters.port = 23\nt = 23s&family = \"mirai\"\nsources = { m[filters\nport = 23\nemory = \"64MiB\" }\n",
    );
    assert!(problems.len() > 5 && problems.is_sorted_by_key(|(line, _)| *line), "{problems:?}");
}
