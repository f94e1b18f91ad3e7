//! The command: what it asks for, what it says, and what it leaves when it does not come to its end.

use std::{
    fs,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Command, Output},
    thread::sleep,
    time::Duration,
};

use honeyxdp_archive::{Reader, Table};
use honeyxdp_fleet::export::{COMPLETE, Key};
use tempfile::tempdir;

use crate::{
    crafted, large,
    search::{entries, files},
};

fn cli(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_honeyxdp-fleet")).args(args).output().unwrap()
}

#[test]
fn an_export_that_is_killed_leaves_whole_files_and_no_mark() {
    let directory = tempdir().unwrap();
    let (from, to) = (directory.path().join("archive"), directory.path().join("copy"));
    crafted::archive(&from);
    large(&from, 150_000);
    let args = ["export", "--truncate", from.to_str().unwrap(), to.to_str().unwrap()];
    let mut export = Command::new(env!("CARGO_BIN_EXE_honeyxdp-fleet")).args(args).spawn().unwrap();
    // Small files come before the large one.
    while !to.join("flows").exists() {
        assert!(export.try_wait().unwrap().is_none(), "it was over before it could be killed");
        sleep(Duration::from_millis(1));
    }
    export.kill().unwrap();
    assert_eq!(export.wait().unwrap().signal(), Some(9));
    assert!(!to.join(COMPLETE).exists());
    for entry in entries(&to) {
        Reader::open(&entry).unwrap().batches(1000).unwrap().for_each(|batch| assert!(batch.unwrap().num_rows() > 0));
    }
    let output = cli(&args);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && error.contains("remove the directory and export again"), "{error}");
    fs::remove_dir_all(&to).unwrap();
    assert!(cli(&args).status.success());
    assert!(to.join(COMPLETE).exists());
}

#[test]
fn a_copy_that_was_not_finished_does_not_pass_for_one() {
    let directory = tempdir().unwrap();
    let (from, to) = (directory.path().join("archive"), directory.path().join("copy"));
    crafted::archive(&from);
    let broken = entries(&from).into_iter().find(|entry| entry.table == Table::Payloads).unwrap();
    let mut bytes = fs::read(&broken.path).unwrap();
    // The footer can be read, and the first page cannot.
    bytes[4..200].fill(0xff);
    fs::write(&broken.path, bytes).unwrap();
    let (from, to) = (from.to_str().unwrap(), to.to_str().unwrap());
    let output = cli(&["export", "--truncate", from, to]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && error.contains("is not complete; remove it"), "{error}");
    assert!(error.contains("payloads"), "{error}");
    assert!(!Path::new(to).join(COMPLETE).exists());
    assert!(files(Path::new(to)).iter().all(|file| !file.display().to_string().contains("payloads")));
    let output = cli(&["export", "--truncate", from, to]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && error.contains("was not finished"), "{error}");
}

#[test]
fn the_command_line_asks_for_a_choice_and_says_what_it_did() {
    let directory = tempdir().unwrap();
    let (from, key) = (directory.path().join("archive"), directory.path().join("key"));
    crafted::archive(&from);
    let (from, key) = (from.to_str().unwrap(), key.to_str().unwrap());
    let to = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    for (args, expected) in [
        (vec!["export", from, &to("a")], "--no-pseudonyms"),
        (vec!["export", "--pseudonymise", from, &to("a")], "--key-file"),
        (vec!["export", "--truncate", "--key-file", key, from, &to("a")], "--pseudonymise"),
        (vec!["export", "--truncate", "--no-pseudonyms", from, &to("a")], "--no-pseudonyms"),
        (vec!["export", "--truncate", "s3://bucket/archive", &to("a")], "honeyxdp fleet fetch s3://bucket/archive"),
        (vec!["export", "--truncate", from, "s3://bucket/archive"], "is no directory"),
        (vec!["export", "--truncate", &to("none"), &to("a")], "is no directory"),
        (vec!["export", "--truncate", from, from], "not empty"),
        (vec!["export", "--pseudonymise", "--key-file", key, from, &to("a")], "honeyxdp fleet key"),
        (vec!["export", "--truncate", "--sensor-address", "x", from, &to("a")], "192.0.2.0/24"),
    ] {
        let output = cli(&args);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(expected), "{args:?}: {error}");
        assert!(!Path::new(&to("a")).exists(), "{args:?}");
    }
    let output = cli(&["key", key]);
    let id = Key::read(Path::new(key)).unwrap().id();
    assert!(String::from_utf8_lossy(&output.stdout).contains(&id));
    assert!(!cli(&["key", key]).status.success());
    let output = cli(&["export", "--pseudonymise", "--key-file", key, from, &to("words")]);
    let words = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && words.contains(&id) && words.contains("flows: 12 rows"), "{words}");
    let output = cli(&["export", "--no-pseudonyms", "--json", from, &to("json")]);
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&said["sources"], &said["tables"]["flows"]["rows"]), (&"as they are".into(), &12.into()));
    let output = cli(&["export", "--no-pseudonyms", from, &to("said")]);
    assert!(String::from_utf8(output.stdout).unwrap().contains("No --sensor-address was given"));
}
