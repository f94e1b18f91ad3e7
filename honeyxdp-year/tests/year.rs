//! The year is the same for the same seed, and its truth fits its files.

use std::path::Path;

use honeyxdp_archive::{Archive, Table};
use honeyxdp_year::{Request, make};

fn request(out: &Path, seed: u64) -> Request {
    Request { out: out.into(), rows: 3_000, scale: Some(0.001), seed, years: 1, days: 40 }
}

#[test]
fn the_seed_decides_everything() {
    let directories = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let [first, same, other] =
        [(0, 7), (1, 7), (2, 8)].map(|(at, seed): (usize, u64)| make(&request(directories[at].path(), seed)).unwrap());
    assert_eq!(first, same);
    assert_ne!(first["years"], other["years"]);
}

#[test]
fn every_day_has_a_file_of_each_sensor_and_lists_have_their_lines() {
    let directory = tempfile::tempdir().unwrap();
    let truth = make(&request(directory.path(), 7)).unwrap();
    let archive = Archive::new(directory.path().join("archive"));
    for table in Table::ALL {
        let dates = archive.dates(table).unwrap();
        assert_eq!(dates.len(), 40);
        assert!(dates.iter().all(|date| archive.files(table, *date).unwrap().len() == 2));
    }
    let files = std::fs::read_dir(directory.path().join("lists")).unwrap();
    let lines: usize = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap().lines().count()).sum();
    assert_eq!(lines as u64, truth["lists"]["lines"].as_u64().unwrap());
    let mirai = &truth["years"]["2019"]["families"]["mirai"];
    let by_day = mirai["packets_by_day_and_port"].as_object().unwrap().values();
    let sum: u64 = by_day.flat_map(|days| days.as_array().unwrap()).map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(mirai["packets"].as_u64().unwrap(), sum);
    assert!(make(&request(directory.path(), 7)).is_err(), "what is there is not written over");
}
