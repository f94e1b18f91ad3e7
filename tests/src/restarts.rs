//! A sensor with pins, snapshots and an archive that is started again and again, and the books that have to balance in the
//! end.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use honeyxdp::snapshot::{Snapshot, store};
use honeyxdp_archive::Archive;
use tempfile::TempDir;

use crate::{
    archived::{good, mirai},
    bpffs::BpfFs,
    network::{Namespace, OUTSIDE, SENSOR, VethPair},
    sensor::Sensor,
    strace::Trap,
};

/// SYNs that are sent at once, each from a source of its own.
const BATCH: u32 = 16;

/// What stays when a sensor is gone: its veth, its pins, its directories.
pub struct RestartScenario {
    /// What it watches.
    pub veth: VethPair,
    binary: String,
    bpffs: BpfFs,
    directory: TempDir,
    sent: AtomicU64,
}

impl RestartScenario {
    /// Lays a veth and makes directories for sensors of this program.
    ///
    /// # Errors
    /// Without root.
    pub fn new(binary: &str) -> anyhow::Result<Self> {
        Ok(Self {
            veth: VethPair::silent(1_500)?,
            binary: binary.to_owned(),
            bpffs: BpfFs::mount()?,
            directory: tempfile::tempdir()?,
            sent: AtomicU64::new(0),
        })
    }

    /// Directory of the pins. The first start makes it.
    pub fn pins(&self) -> PathBuf {
        self.bpffs.directory("pins")
    }

    /// Directory of the snapshots.
    pub fn out(&self) -> PathBuf {
        self.directory.path().join("out")
    }

    /// The archive.
    pub fn archive(&self) -> Archive {
        Archive::new(self.directory.path().join("archive"))
    }

    /// The command of a sensor, under a trap if there is one.
    pub fn command(&self, trap: Option<&Trap>) -> Command {
        let namespace = &self.veth.sensor;
        let mut command =
            trap.map_or_else(|| namespace.command(&self.binary), |trap| trap.command(namespace, &self.binary));
        command.args(["run", "-i", SENSOR, "--interval", "200ms", "--history-age", "24h", "--listen", "none"]);
        command.args(["--sensor-id", "ours", "--pin", "--pin-path"]).arg(self.pins());
        command.arg("--archive").arg(self.archive().root()).arg("--out").arg(self.out());
        command
    }

    /// Starts a sensor, and waits until it has stored a snapshot.
    ///
    /// # Errors
    /// When it does not come to that, with what it printed.
    pub fn start(&self, trap: Option<&Trap>) -> anyhow::Result<Sensor> {
        let sequence = || store::read(&self.out()).map_or(0, |snapshot| snapshot.sequence);
        let before = sequence();
        let mut sensor = Sensor::spawn(self.command(trap), self.out())?;
        sensor.wait_until("a snapshot of its own", || sequence() > before)?;
        Ok(sensor)
    }

    /// Sends some SYNs.
    ///
    /// # Errors
    /// When the veth does not take them.
    pub fn scan(&self) -> anyhow::Result<()> {
        self.veth.send(&mirai(BATCH, BATCH))?;
        self.sent.fetch_add(BATCH.into(), Ordering::Relaxed);
        Ok(())
    }

    /// Sends SYNs all the time, while `work` is done.
    ///
    /// # Panics
    /// When the veth does not take them, or `work` does.
    pub fn under_traffic<T>(&self, work: impl FnOnce() -> T) -> T {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    self.scan().expect("the veth takes what is sent");
                    thread::sleep(Duration::from_millis(5));
                }
            });
            // So that a failure ends the traffic too.
            let over = Over(&over);
            let done = work();
            drop(over);
            done
        })
    }

    /// Frames that never came to the end of the veth.
    fn dropped(&self) -> u64 {
        let read = |namespace: &Namespace, interface: &str, what: &str| -> u64 {
            let said = namespace.run(&format!("cat /sys/class/net/{interface}/statistics/{what}_dropped"));
            said.expect("there is a veth").trim().parse().expect("it is a number")
        };
        read(&self.veth.outside, OUTSIDE, "tx") + read(&self.veth.sensor, SENSOR, "rx")
    }

    /// Stops the last sensor, and holds everything that it and the dead ones have written against what was sent.
    ///
    /// # Panics
    /// When something is missing, or there twice.
    pub fn settle(&self, sensor: Sensor) {
        let sent = self.sent.load(Ordering::Relaxed);
        assert_eq!(self.dropped(), 0, "frames that the veth dropped are nobody's");
        sensor.wait_for(|snapshot| snapshot.frames.seen >= sent).expect("every frame is counted");
        let last = sensor.stop().expect("the last one ends as it should");
        assert_eq!((last.frames.seen, last.family("mirai").packets), (sent, sent), "in all");
        let records = last.records;
        assert_eq!(records.packets + records.lost_packets, sent, "in records, or lost");

        let history = history(&self.out());
        assert!(history.windows(2).all(|pair| pair[0].interval.end == pair[1].interval.start), "the time has a gap");
        let sum: u64 = history.iter().map(|snapshot| snapshot.interval.family("mirai").packets).sum();
        assert_eq!(sum, sent, "the intervals do not add up");

        let checked = good(&self.archive());
        assert_eq!(checked.syns, sent, "in accounts");
        assert_eq!(checked.packets + checked.missing, sent, "in rows, or accounted for as missing");
        let left = unfinished(self.archive().root());
        assert!(left.is_empty(), "half files are left: {left:?}");
    }
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The snapshots of a history.
///
/// # Panics
/// When one is not whole, has not the number that its name says, or a number is missing.
pub fn history(out: &Path) -> Vec<Snapshot> {
    let all = store::history(out).expect("the history can be read");
    let numbers: Vec<_> = all.iter().map(|snapshot| snapshot.sequence).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "the sequence has a gap: {numbers:?}");
    all
}

/// Files that somebody began to write.
fn unfinished(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the archive can be listed");
    let paths = entries.map(|entry| entry.expect("the archive can be listed").path());
    paths
        .flat_map(|path| if path.is_dir() { unfinished(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "tmp"))
        .collect()
}
