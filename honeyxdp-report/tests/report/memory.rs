//! A report with little memory is right, or says that it was not enough.

use std::{fs, path::Path, process::Command};

use serde_json::Value as Json;

use crate::expected::{Year, number};

/// Exit status, highest memory in KiB, and standard error of a report.
fn run(archive: &Path, out: &Path, memory: &str) -> (Option<i32>, u64, String) {
    let output = Command::new("/bin/sh")
        // What the kernel says about a process is gone with it, so it is asked until then.
        .args(["-c", "\"$0\" \"$@\" & p=$!; while s=$(grep VmHWM /proc/$p/status 2>&-); do h=$s; sleep 0.02; done; echo $h; wait $p"])
        .arg(env!("CARGO_BIN_EXE_honeyxdp-report"))
        .args(["report", "--no-png", "--threads", "2", "--memory", memory, "--archive"])
        .arg(archive)
        .arg("--out")
        .arg(out)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let highest = said.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
    (output.status.code(), highest.unwrap_or(0), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn little_memory_is_enough_or_it_is_said() {
    let directory = tempfile::tempdir().unwrap();
    // 300,000 rows a day; a day has 68,000 sources.
    let wanted = honeyxdp_year::Request {
        out: directory.path().into(),
        rows: 900_000,
        scale: Some(1.0),
        seed: 9,
        years: 1,
        days: 3,
    };
    let truth = honeyxdp_year::make(&wanted).unwrap();
    let archive = directory.path().join("archive");
    let mut right = 0;
    for memory in ["64MiB", "256MiB"] {
        let out = directory.path().join(memory);
        let (status, kilobytes, error) = run(&archive, &out, memory);
        println!("{memory}: status {status:?}, {kilobytes} KiB, {error}");
        assert!(kilobytes < 600 << 10, "{kilobytes} KiB");
        if status == Some(0) {
            right += 1;
            let totals: Json = serde_json::from_slice(&fs::read(out.join("totals.json")).unwrap()).unwrap();
            for (name, family) in Year::of(&truth, "2019").families() {
                let row = totals.as_array().unwrap().iter().find(|row| row["family"] == name).unwrap();
                assert_eq!(row["sources"], family.year()["sources"], "{name}");
                assert_eq!(number(&row["packets"]), number(&family.0["packets"]), "{name}");
            }
        } else {
            assert!(
                status == Some(1) && error.contains("--memory") && error.lines().count() == 1,
                "{status:?} {error}"
            );
        }
    }
    assert!(right > 0, "256 MiB are enough");
}
