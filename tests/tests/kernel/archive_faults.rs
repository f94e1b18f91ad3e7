//! What becomes of an archive when things fail: every SYN is in one row, or accounted for as missing.

use std::{
    fs,
    net::Ipv4Addr,
    os::unix::fs::symlink,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use arrow_array::{
    cast::AsArray as _,
    types::{Int32Type, UInt32Type, UInt64Type},
};
use honeyxdp_archive::{Archive, Table, check};
use lab::{
    archived::{batches, good, mirai, sensor, wait_for},
    bpffs::BpfFs,
    network::{SENSOR, VethPair},
    sensor::Sensor,
};
use rustix::process::Signal;

#[path = "../../../honeyxdp-archive/tests/mmdb/mod.rs"]
mod mmdb;

use mmdb::{
    Value::{Map, Text, U32},
    database,
};

use crate::BINARY;

fn killed(mut sensor: Sensor) {
    sensor.signal(Signal::KILL).unwrap();
    sensor.wait().unwrap();
}

/// Sum of a column of the accounts.
fn sum(archive: &Archive, column: &str) -> u64 {
    let values = |batch| -> u64 {
        let batch: &arrow_array::RecordBatch = batch;
        batch.column_by_name(column).unwrap().as_primitive::<UInt64Type>().values().iter().sum()
    };
    batches(archive, Table::Accounting).iter().map(values).sum()
}

#[test]
fn after_kill_9_every_file_is_whole_and_the_next_sensor_goes_on() {
    let veth = VethPair::silent(1_500).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::new(directory.path().join("archive"));
    let first = sensor(&veth, BINARY, directory.path(), "--sensor-id ours").unwrap();
    veth.send(&mirai(50, 500)).unwrap();
    wait_for(&archive, |checked| checked.packets == 500);
    for _ in 0..20 {
        veth.send(&mirai(50, 500)).unwrap();
    }
    killed(first);
    let before = good(&archive);
    assert!(before.packets >= 500, "{before:?}");

    let second = sensor(&veth, BINARY, directory.path(), "--sensor-id ours").unwrap();
    veth.send(&mirai(50, 500)).unwrap();
    second.wait_for(|snapshot| snapshot.family("mirai").packets == 500).unwrap();
    second.stop().unwrap();
    let after = good(&archive);
    assert_eq!(after.packets, before.packets + 500);
    assert_eq!(after.syns, after.packets + after.missing, "rows without an account have got one");
}

#[test]
fn with_pins_every_syn_is_in_one_row_or_in_one_account_over_kill_9() {
    let veth = VethPair::silent(1_500).unwrap();
    let pins = BpfFs::mount().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::new(directory.path().join("archive"));
    let args = format!("--sensor-id ours --pin --pin-path {}", pins.path().join("pins").display());
    let start = || sensor(&veth, BINARY, directory.path(), &args).unwrap();
    let mut running = start();
    let (sent, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let last = thread::scope(|scope| {
        scope.spawn(|| {
            let batch = mirai(64, 64);
            while !over.load(Ordering::Relaxed) {
                veth.send(&batch).unwrap();
                sent.fetch_add(64, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(2));
            }
        });
        // At all distances from the ends of intervals; every other one is left alone until it has written something, which on a
        // busy machine takes a while.
        let mut stored = 0;
        for round in 0..10 {
            if round % 2 == 0 {
                stored = running.wait_for(|snapshot| snapshot.sequence > stored + 1).unwrap().sequence;
            }
            thread::sleep(Duration::from_millis(300 + 37 * round));
            killed(running);
            running = start();
        }
        over.store(true, Ordering::Relaxed);
        running
    });
    let sent = sent.into_inner();
    last.wait_for(|snapshot| snapshot.family("mirai").packets == sent).unwrap();
    last.stop().unwrap();
    let checked = good(&archive);
    assert_eq!(checked.syns, sent, "in accounts");
    assert_eq!(checked.packets + checked.missing, sent, "in rows, or accounted for as missing");
    assert_eq!((sum(&archive, "syns"), sum(&archive, "packets")), (sent, checked.packets));
    // What the dead had read and not written is at most the interval that each was in.
    assert!(checked.packets > sent / 4, "{checked:?} of {sent}");
    veth.sensor.run(&format!("{BINARY} detach --all --pin-path {}", pins.path().join("pins").display())).unwrap();
}

#[test]
fn an_archive_that_begins_on_the_pins_of_a_sensor_without_one_has_what_waited_once() {
    // Killed after its first interval, or as soon as it is attached.
    for patient in [true, false] {
        let veth = VethPair::silent(1_500).unwrap();
        let pins = BpfFs::mount().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let archive = Archive::new(directory.path().join("archive"));
        let pin = format!("--pin --pin-path {}", pins.path().join("pins").display());
        let first = Sensor::start(BINARY, &veth.sensor, &format!("-i {SENSOR} --interval 200ms {pin}")).unwrap();
        let has = |sensor: &Sensor, packets| {
            sensor.wait_for(|snapshot| snapshot.family("mirai").packets == packets).unwrap();
        };
        veth.send(&mirai(10, 100)).unwrap();
        has(&first, 100);
        killed(first);
        // More than a chunk of records.
        veth.send(&mirai(6_000, 6_000)).unwrap();
        let start = || sensor(&veth, BINARY, directory.path(), &format!("--sensor-id ours {pin}")).unwrap();
        let second = start();
        if patient {
            has(&second, 6_100);
        }
        killed(second);
        veth.send(&mirai(50, 50)).unwrap();
        let last = start();
        has(&last, 6_150);
        last.stop().unwrap();
        let checked = good(&archive);
        assert_eq!((checked.syns, checked.packets + checked.missing), (6_150, 6_150), "{patient}: {checked:?}");
        let written = if patient { 6_000..=6_050 } else { 50..=6_050 };
        assert!(written.contains(&checked.packets), "{patient}: {checked:?}");
        let at = pins.path().join("pins");
        veth.sensor.run(&format!("{BINARY} detach --all --pin-path {}", at.display())).unwrap();
    }
}

#[test]
fn a_full_disk_is_said_costs_no_count_and_recovers() {
    let veth = VethPair::silent(1_500).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let disk = directory.path().join("disk");
    fs::create_dir(&disk).unwrap();
    // `ip netns exec` gives the command a mount namespace of its own, so this mount goes with it.
    let script = format!(
        "mount -t tmpfs -o size=1m tmpfs {0} && exec {BINARY} run -i {SENSOR} --interval 200ms --archive {0}/archive --out {1}",
        disk.display(),
        directory.path().join("out").display()
    );
    let mut command = veth.sensor.command("sh");
    command.arg("-c").arg(script);
    let mut sensor = Sensor::spawn(command, directory.path().join("out")).unwrap();
    let view = directory.path().join("view");
    symlink(format!("/proc/{}/root{}", sensor.pid(), disk.display()), &view).unwrap();
    let archive = Archive::new(view.join("archive"));
    veth.send(&mirai(10, 100)).unwrap();
    wait_for(&archive, |checked| checked.packets == 100);

    let fill = || drop(fs::write(view.join("filler"), vec![0; 2 << 20]));
    fill();
    veth.send(&mirai(10, 70)).unwrap();
    sensor.wait_for_line("the archive cannot be written").unwrap();
    sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 170).unwrap();
    assert_eq!(good(&archive).packets, 100, "half a file counts");

    fs::remove_file(view.join("filler")).unwrap();
    sensor.wait_for_line("the archive can be written again").unwrap();
    wait_for(&archive, |checked| checked.packets == 170);
    let checked = good(&archive);
    assert_eq!((checked.syns, checked.missing), (170, 0));

    // Ended while it is full, it says that something is missing, and all other numbers have it.
    fill();
    veth.send(&mirai(10, 30)).unwrap();
    sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 200).unwrap();
    sensor.signal(Signal::INT).unwrap();
    assert_eq!(sensor.wait().unwrap().code(), Some(1));
    sensor.wait_for_line("not everything is in the archive").unwrap();
}

#[test]
fn countries_and_networks_are_those_of_the_file_that_is_there_now() {
    let veth = VethPair::silent(1_500).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::new(directory.path().join("archive"));
    let (geoip, asn) = (directory.path().join("country.mmdb"), directory.path().join("asn.mmdb"));
    let net = Ipv4Addr::new(198, 18, 1, 0);
    let country = |code| vec![(net, 25, Map(vec![("country", Map(vec![("iso_code", Text(code))]))]))];
    database(&geoip, country("JP"));
    database(&asn, vec![(net, 25, Map(vec![("autonomous_system_number", U32(64_500))]))]);
    let args = format!("--sensor-id ours --geoip {} --asn {}", geoip.display(), asn.display());
    let mut sensor = sensor(&veth, BINARY, directory.path(), &args).unwrap();
    // 198.18.1.0 to 198.18.1.127 are in the file, as many are not.
    veth.send(&mirai(256, 256)).unwrap();
    wait_for(&archive, |checked| checked.packets == 256);
    // As an update does it; a file that is no database leaves the one before in force. Both under Landlock.
    database(&geoip, country("BR"));
    // It is looked at when an interval ends.
    thread::sleep(Duration::from_secs(1));
    veth.send(&mirai(1, 1)).unwrap();
    wait_for(&archive, |checked| checked.packets == 257);
    fs::write(&geoip, "this is no database").unwrap();
    veth.send(&mirai(1, 1)).unwrap();
    sensor.wait_for_line("countries and networks come from the file that was read before").unwrap();
    veth.send(&mirai(1, 1)).unwrap();
    sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 259).unwrap();
    sensor.stop().unwrap();
    good(&archive);

    let mut found = std::collections::BTreeMap::new();
    for batch in batches(&archive, Table::Flows) {
        let codes = batch.column_by_name("country").unwrap().as_dictionary::<Int32Type>().clone();
        let codes = codes.downcast_dict::<arrow_array::StringArray>().unwrap();
        let networks = batch.column_by_name("asn").unwrap().as_primitive::<UInt32Type>();
        for (code, network) in codes.into_iter().zip(networks) {
            *found.entry((code.unwrap_or("").to_owned(), network)).or_insert(0) += 1;
        }
    }
    let found: Vec<_> = found.iter().map(|((code, network), rows)| (code.as_str(), *network, *rows)).collect();
    assert_eq!(found, [("", None, 128), ("BR", Some(64_500), 3), ("JP", Some(64_500), 128)]);

    let mut command = veth.sensor.command(BINARY);
    command.args(["run", "-i", SENSOR, "--archive"]).arg(archive.root()).arg("--geoip").arg(&geoip);
    let output = command.arg("--out").arg(directory.path().join("out")).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no MMDB file"), "{output:?}");
}

/// The newest file of the flows.
fn newest(archive: &Archive) -> std::path::PathBuf {
    let dates = archive.dates(Table::Flows).unwrap();
    archive.files(Table::Flows, *dates.last().unwrap()).unwrap().last().unwrap().path.clone()
}

#[test]
fn half_a_file_is_removed_or_named_and_stops_nobody() {
    let veth = VethPair::silent(1_500).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::new(directory.path().join("archive"));
    let first = sensor(&veth, BINARY, directory.path(), "--sensor-id ours").unwrap();
    veth.send(&mirai(50, 500)).unwrap();
    wait_for(&archive, |checked| checked.packets == 500);
    killed(first);
    // As a kill leaves it, and as a failing disk does.
    let whole = newest(&archive);
    let beside = |name: &str| whole.with_file_name(name);
    let bytes = fs::read(&whole).unwrap();
    let unfinished = beside(&format!(".ours-{0:015}-{0:015}-0.parquet.tmp", 2));
    fs::write(&unfinished, &bytes[..bytes.len() / 2]).unwrap();
    let others = beside(&format!(".theirs-{0:015}-{0:015}-0.parquet.tmp", 2));
    fs::write(&others, &bytes[..bytes.len() / 2]).unwrap();
    let broken = beside(&format!("ours-{0:015}-{0:015}-0.parquet", 1));
    fs::write(&broken, &bytes[..bytes.len() / 2]).unwrap();

    let second = sensor(&veth, BINARY, directory.path(), "--sensor-id ours").unwrap();
    assert!(!unfinished.exists(), "nobody else removes it");
    assert!(others.exists(), "another sensor may be writing it");
    veth.send(&mirai(50, 70)).unwrap();
    second.wait_for(|snapshot| snapshot.family("mirai").packets == 70).unwrap();
    second.stop().unwrap();
    let checked = check(&archive).unwrap();
    assert_eq!(checked.packets, 570);
    assert!(matches!(&checked.problems[..], [one] if one.contains(&*broken.to_string_lossy())), "{checked:?}");
    fs::remove_file(broken).unwrap();
    good(&archive);
}

#[test]
fn a_second_sensor_of_the_same_id_is_refused_and_the_first_goes_on() {
    let veth = VethPair::silent(1_500).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let archive = Archive::new(directory.path().join("archive"));
    let first = sensor(&veth, BINARY, directory.path(), "--sensor-id ours").unwrap();
    let other = VethPair::silent(1_500).unwrap();
    let second = |id: &str, out: &Path| {
        let mut command = other.sensor.command(BINARY);
        command.args(["run", "-i", SENSOR, "--interval", "200ms", "--sensor-id", id, "--archive"]);
        command.arg(archive.root()).arg("--out").arg(out);
        command
    };
    let out = directory.path().join("other");
    let output = second("ours", &out).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("as sensor ours; give this one another --sensor-id or --archive"), "{said}");
    let second = Sensor::spawn(second("theirs", &out), out).unwrap();
    veth.send(&mirai(5, 50)).unwrap();
    other.send(&mirai(5, 70)).unwrap();
    wait_for(&archive, |checked| checked.packets == 120);
    first.stop().unwrap();
    second.stop().unwrap();
    assert_eq!(good(&archive).syns, 120);
}
