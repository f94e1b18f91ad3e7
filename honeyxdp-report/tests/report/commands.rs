//! `honeyxdp-report compare` and `campaigns` find what was put into the synthetic years.

use std::{fs, process::Command};

use jiff::{ToSpan as _, civil::Date};
use serde_json::Value as Json;

use crate::expected::number;

fn run(args: &[&str]) -> Json {
    let output = Command::new(env!("CARGO_BIN_EXE_honeyxdp-report")).args(args).arg("--json").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The whole year with few bots: surveys are as they are.
fn year() -> (tempfile::TempDir, Json) {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_owned();
    let wanted = honeyxdp_year::Request { out, rows: 40_000, scale: Some(0.003), seed: 3, years: 1, days: 365 };
    let truth = honeyxdp_year::make(&wanted).unwrap();
    (directory, truth)
}

#[test]
fn the_synthetic_lists_and_surveys_are_found() {
    let (directory, truth) = year();
    let archive = directory.path().join("archive");
    let archive = archive.to_str().unwrap();

    let lists = &truth["lists"];
    let mut files: Vec<_> = fs::read_dir(directory.path().join("lists"))
        .unwrap()
        .map(|file| file.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    let mut args = vec!["compare", "--archive", archive, "--by", "year", "--top", "10", "--show-passwords"];
    args.extend(files.iter().map(String::as_str));
    let found = run(&args);
    let total = &found["total"];
    assert_eq!(found["lists"].as_array().unwrap().len() as u64, number(&lists["files"]));
    for (found, expected) in [
        (&total["lines"], &lists["lines"]),
        (&total["entries"], &lists["lines"]),
        (&total["unique_addresses"], &lists["unique_addresses"]),
        (&found["overlap"]["rows"], &truth["rows"]),
        (&found["overlap"]["families"]["mirai"]["sources"], &lists["mirai_sources"]),
        (&found["overlap"]["families"]["mirai"]["in_lists"], &lists["seen_as_mirai"]),
        (&found["overlap"]["periods"][0]["families"]["mirai"]["in_lists"], &lists["seen_as_mirai"]),
    ] {
        assert_eq!(found, expected);
    }
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let share = |part: &Json, all: &Json| number(part) as f64 / number(all) as f64;
    let of_lists = &found["overlap"]["families"]["mirai"]["share_of_lists"];
    assert_eq!(of_lists, share(&lists["seen_as_mirai"], &lists["unique_addresses"]));
    assert!((0.019..0.021).contains(&of_lists.as_f64().unwrap()), "about 2 %: {of_lists}");
    let credentials = &found["credentials"];
    assert_eq!(credentials["top10_share"], share(&lists["lines_of_first_ten_pairs"], &lists["lines"]));
    let pairs: Vec<Json> = credentials["top"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| {
            let text = |key: &str| pair[key].as_str().unwrap().to_owned();
            serde_json::json!([format!("{}:{}", text("user"), text("password")), pair["lines"]])
        })
        .collect();
    assert_eq!(&Json::Array(pairs), &lists["first_ten_pairs"]);

    let found = run(&["campaigns", "--archive", archive]);
    let groups = found["unknown"].as_array().unwrap();
    assert_eq!(groups.len(), 3, "{groups:?}");
    for survey in truth["surveys"].as_array().unwrap() {
        let (network, _) = survey["first_host"].as_str().unwrap().rsplit_once('.').unwrap();
        let group = groups.iter().find(|group| group["network"] == format!("{network}.0/24")).unwrap();
        let activity = &group["activity"];
        assert_eq!(group["tool"], survey["family"]);
        for (found, expected) in [("packets", "packets"), ("sources", "hosts"), ("ports", "ports"), ("days", "runs")] {
            assert_eq!(activity[found], survey[expected], "{network} {found}");
        }
        for (found, expected) in [("first_seen", "first_day"), ("last_seen", "last_day")] {
            let (found, expected) = (activity[found].as_str().unwrap(), survey[expected].as_str().unwrap());
            assert_eq!(found.split('T').next().unwrap(), expected, "{network}");
        }
        let cadence = &activity["cadence"];
        match survey["cadence"].as_str().unwrap() {
            "weekly" => assert_eq!(cadence["kind"], "weekly"),
            // The months of a year have 30.4 days.
            _ => assert!(cadence["kind"] == "every" && (30..=31).contains(&number(&cadence["days"])), "{cadence}"),
        }
        let last: Date = survey["last_day"].as_str().unwrap().parse().unwrap();
        let goes_on = last + 31.days() > Date::constant(2019, 12, 31);
        assert_eq!(activity["status"], if goes_on { "active" } else { "stopped" }, "{network}");
    }
}
