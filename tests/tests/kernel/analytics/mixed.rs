//! An archive with everything that its readers can fall over, and what is in it by the rows that were written.

pub(crate) mod aged;
pub(crate) mod truth;

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
};

use honeyxdp_archive::{
    AccountingRow, Archive, Attribution, CaptureMode, Entry, FlowRow, PayloadRow, Table, Writer, check, compact,
};
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use truth::Truth;

/// The names of the second and the third one's files have not their ids. Those of the second one began with `_` once, which Hadoop
/// and Arrow take for hidden.
pub(crate) const SENSORS: [&str; 3] = ["tokyo", "/lab", "oslo-2"];
pub(crate) const DATES: [&str; 2] = ["2019-11-05", "2019-11-06"];
const ROWS: u32 = 40;
const COUNTRIES: [Option<[u8; 2]>; 4] = [Some(*b"JP"), None, Some(*b"NA"), Some(*b"DE")];

/// The archive, and the rows that were written to it.
pub(crate) struct Mixed {
    directory: TempDir,
    pub(crate) archive: Archive,
    pub(crate) truth: Truth,
    /// Copies of files that were merged since.
    kept: Vec<Entry>,
}

impl Mixed {
    /// An archive without files.
    pub(crate) fn empty() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let archive = Archive::new(directory.path().join("archive"));
        Self { directory, archive, truth: Truth::default(), kept: Vec::new() }
    }

    /// An archive with files of all levels and versions, and what a compaction leaves that is killed.
    pub(crate) fn whole() -> Self {
        let mut mixed = Self::empty();
        mixed.write(0);
        mixed.merge();
        mixed.write(1);
        mixed.merge();
        mixed.write(2);
        mixed.leave_behind();
        mixed
    }

    pub(crate) fn root(&self) -> &Path {
        self.archive.root()
    }

    /// Three files of every table for every sensor and date.
    pub(crate) fn write(&mut self, part: u32) {
        for (which, sensor) in (0..).zip(SENSORS) {
            let mut writer = Writer::open(&self.archive, sensor, 1_000).unwrap();
            writer.at_site((sensor == SENSORS[2]).then_some("nordic"));
            for hour in 0..3 {
                for (day, date) in (0..).zip(DATES) {
                    let hour = part * 8 + hour;
                    self.interval(&mut writer, sensor, which, day * 24 + hour, start(date, hour));
                }
                writer.flush().unwrap();
            }
        }
    }

    /// An interval of an hour: rows, payloads, and the account.
    fn interval(&mut self, writer: &mut Writer, sensor: &'static str, which: u32, part: u32, start: i64) {
        let mut packets = 0;
        for n in 0..ROWS {
            let row = row(which, part * 7 + n, start);
            packets += u64::from(row.packets);
            self.truth.rows.push((sensor, row));
            writer.push(row).unwrap();
        }
        writer.push_payload(payload(part, start)).unwrap();
        self.truth.payloads += 1;
        let lost = u64::from(part) + 5_000_000_000;
        // One looks at no payloads, one does always, and one at times.
        let payloads = (which == 1 || which == 2 && part.is_multiple_of(2)).then_some(u64::from(part) + 1);
        let loss = AccountingRow {
            interval_start: start,
            interval_end: start + 3_600_000,
            frames: packets + lost + 20,
            syns: packets + lost + 7,
            packets,
            lost,
            sampled_out: 4,
            dropped_by_archive: 3,
            filtered: 2,
            payloads: payloads.map(|_| 1),
            payloads_lost: payloads,
        };
        self.truth.losses.push((sensor, loss));
        writer.account(loss);
    }

    /// Merges all files, and keeps copies of them.
    pub(crate) fn merge(&mut self) {
        for file in self.all_files() {
            let path = self.copy_of(&file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::copy(&file.path, path).unwrap();
            self.kept.push(file);
        }
        // Numbers of files are the time of writing.
        let merged = compact(&self.archive, Timestamp::now() + SignedDuration::from_hours(3), |_| {}).unwrap();
        assert!(merged.into > 0, "{merged:?}");
    }

    /// Puts back some of the files that were merged, as a compaction leaves them that is killed before it has removed them, and
    /// files that are not the archive's.
    pub(crate) fn leave_behind(&self) {
        let is_back = |file: &&Entry| match file.name.sensor.as_str() {
            "tokyo" => true,
            "s_lab" => file.name.level == 0,
            _ => file.name.level > 0,
        };
        for file in self.kept.iter().filter(is_back) {
            fs::copy(self.copy_of(file), &file.path).unwrap();
        }
        for table in Table::ALL {
            let directory = self.root().join(table.directory()).join(format!("date={}", DATES[0]));
            fs::write(directory.join("notes.parquet"), "no Parquet").unwrap();
            fs::write(directory.join(".tokyo-000000000000001-000000000000001-0.parquet.tmp"), "half").unwrap();
        }
        let leftovers = check(&self.archive).unwrap().leftovers;
        for sensor in ["tokyo", "s_lab", "oslo_2"] {
            assert!(leftovers.iter().any(|name| name.contains(&format!("{sensor}-"))), "{sensor}: {leftovers:?}");
        }
    }

    /// All files, those too that others stand in for.
    pub(crate) fn all_files(&self) -> Vec<Entry> {
        let mut all = Vec::new();
        for table in Table::ALL {
            for date in self.archive.dates(table).unwrap() {
                all.extend(self.archive.all_files(table, date).unwrap());
            }
        }
        all
    }

    fn copy_of(&self, file: &Entry) -> PathBuf {
        self.directory.path().join("kept").join(file.path.strip_prefix(self.root()).unwrap())
    }
}

/// The begin of an hour; that of the last one is a millisecond before the date ends.
fn start(date: &str, hour: u32) -> i64 {
    let midnight = format!("{date}T00:00:00Z").parse::<Timestamp>().unwrap().as_millisecond();
    if hour == 18 { midnight + 86_399_999 } else { midnight + i64::from(hour) * 3_600_000 }
}

/// Sources of three kinds, some of which every sensor sees.
fn source(which: u32, n: u32) -> IpAddr {
    let n = if n.is_multiple_of(3) { n } else { n + which * 1_000 };
    let v4 = Ipv4Addr::from_bits(u32::MAX - n);
    match n % 4 {
        0 => IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) | u128::from(n))),
        // Not the same source as the one over IPv4.
        1 if n.is_multiple_of(3) => IpAddr::V6(v4.to_ipv6_mapped()),
        _ => IpAddr::V4(if n % 4 == 2 { Ipv4Addr::from_bits(u32::MAX - n + 1) } else { v4 }),
    }
}

fn row(which: u32, n: u32, start: i64) -> FlowRow {
    let family = (n / 5 % 3) as usize;
    FlowRow {
        interval_start: start,
        interval_end: start + 3_600_000,
        family: ["mirai", "hajime", "other"][family],
        rule_id: ["mirai/1", "hajime/1", "other/1"][family],
        attributed_family: n.is_multiple_of(7).then_some("nmap"),
        src: source(which, n),
        protocol: honeyxdp_archive::TCP,
        src_port_first: None,
        src_port_last: None,
        // More than ten, and some with the same number of SYNs.
        dst_port: [23, 2323, 80, 8080, 5555, 22, 443, 445, 3389, 65_535, 7547, 37_215, 1, 5358][(n % 14) as usize],
        // The sum of some does not fit into 32 bits.
        packets: if n.is_multiple_of(16) { 4_000_000_000 } else { n % 2 + 1 },
        first_seen: start,
        last_seen: start,
        matched: 0x8002,
        tcp_window: 65_535,
        ttl: 255,
        dont_fragment: None,
        options_length: 255,
        options_head: u32::MAX,
        ip_id: 54_321,
        seq_first: u32::MAX,
        seq_last: 0,
        country: COUNTRIES[(n / 2 % 4) as usize],
        asn: n.is_multiple_of(3).then_some(u32::MAX),
    }
}

fn payload(n: u32, start: i64) -> PayloadRow {
    PayloadRow {
        interval_start: start,
        time: start,
        src: source(0, n),
        src_port: 40_000,
        dst_port: 23,
        protocol: honeyxdp_archive::TCP,
        capture_mode: CaptureMode::Answered,
        exploit: None,
        family: Attribution::Unattributed,
        url_host: None,
        url_path: None,
        url_file: None,
        // Whoever sent it may have liked quotation marks.
        username: Some("ro'ot\"\\\n".to_owned()),
        password: None,
        length: 600,
        payload: (0..=u8::MAX).collect(),
        country: None,
        asn: None,
    }
}
