//! What is in an archive, and SYNs to fill it.

use std::{
    net::Ipv4Addr,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use arrow_array::RecordBatch;
use honeyxdp_archive::{Archive, Checked, Reader, Table, check};

use crate::{
    craft,
    network::{SENSOR, VethPair},
    sensor::{Sensor, patience},
};

/// SYNs with Mirai's mark to port 23, of so many sources in turn from 198.18.1.0 on.
pub fn mirai(sources: u32, frames: u32) -> Vec<Vec<u8>> {
    let from = u32::from(Ipv4Addr::new(198, 18, 1, 0));
    (0..frames).map(|n| craft::mirai(Ipv4Addr::from(from + n % sources), [198, 18, 0, 1].into(), 23)).collect()
}

/// A sensor with the directories `archive` and `out` in this one, and an interval of 200 ms.
///
/// # Errors
/// See [`Sensor::spawn`].
pub fn sensor(veth: &VethPair, binary: &str, directory: &Path, args: &str) -> anyhow::Result<Sensor> {
    let mut command = veth.sensor.command(binary);
    command.args(["run", "-i", SENSOR, "--interval", "200ms"]).args(args.split_whitespace());
    command.arg("--archive").arg(directory.join("archive")).arg("--out").arg(directory.join("out"));
    Sensor::spawn(command, directory.join("out"))
}

/// Checks an archive.
///
/// # Panics
/// When something is wrong with it.
pub fn good(archive: &Archive) -> Checked {
    let checked = check(archive).expect("its directories can be read");
    assert_eq!(checked.problems, [""; 0]);
    checked
}

/// Waits until an archive has this property.
///
/// # Panics
/// When it takes too long.
pub fn wait_for(archive: &Archive, property: impl Fn(&Checked) -> bool) {
    let start = Instant::now();
    while !check(archive).is_ok_and(|checked| property(&checked)) {
        assert!(start.elapsed() < patience(), "not within {:?}: {:?}", patience(), check(archive));
        thread::sleep(Duration::from_millis(20));
    }
}

/// All rows of a table.
///
/// # Panics
/// When they cannot be read.
pub fn batches(archive: &Archive, table: Table) -> Vec<RecordBatch> {
    let mut all = Vec::new();
    for date in archive.dates(table).expect("its directories can be read") {
        for file in archive.files(table, date).expect("its directories can be read") {
            let reader = Reader::open(&file).expect("files are whole");
            all.extend(reader.batches(1 << 15).expect("files are whole").map(|batch| batch.expect("files are whole")));
        }
    }
    all
}
