//! A fleet of sensors: an S3 server, and posts that watch veth pairs of their own and have a way to it that can be cut.

use std::{
    fs,
    net::Ipv4Addr,
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use honeyxdp_archive::{Archive, Table};
use tempfile::TempDir;

use crate::{
    craft,
    network::{Namespace, SENSOR, VethPair},
    s3::{self, BUCKET, Server},
    sensor::{Sensor, patience},
};

/// A server, and programs as they are installed.
pub struct Fleet {
    /// Where the server is.
    pub hub: Namespace,
    /// The server.
    pub server: Server,
    programs: TempDir,
}

/// A sensor's place: what it watches, and its way to the server.
pub struct RestartScenario {
    /// What it watches.
    pub veth: VethPair,
    /// Tells it from others.
    pub number: u8,
    /// Of its snapshots and its spool.
    pub directory: TempDir,
}

impl Fleet {
    /// Starts the S3 server of `lab`, and puts programs beside each other, each under the name that the others look for.
    ///
    /// # Panics
    /// Without root.
    pub fn new(lab: &str, programs: &[(&str, &str)]) -> Self {
        let hub = Namespace::new("hub").unwrap();
        hub.ip("link set lo up").unwrap();
        let server = Server::start(lab, &hub).unwrap();
        let directory = tempfile::tempdir().unwrap();
        s3::installed(directory.path(), programs).unwrap();
        Self { hub, server, programs: directory }
    }

    /// Where a program lies.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.path().join(name)
    }

    /// Lays a veth from a new sensor's namespace to the server.
    ///
    /// # Panics
    /// When something is not as it should be.
    pub fn post(&self, number: u8) -> RestartScenario {
        let veth = VethPair::silent(1_500).unwrap();
        let there = self.hub.name();
        veth.sensor.ip(&format!("link add up0 type veth peer name down{number} netns {there}")).unwrap();
        veth.sensor.ip(&format!("addr add 198.19.{number}.2/30 dev up0")).unwrap();
        veth.sensor.ip("link set up0 up").unwrap();
        self.hub.ip(&format!("addr add 198.19.{number}.1/30 dev down{number}")).unwrap();
        self.hub.ip(&format!("link set down{number} up")).unwrap();
        RestartScenario { veth, number, directory: tempfile::tempdir().unwrap() }
    }

    /// Starts a sensor that uploads.
    ///
    /// # Panics
    /// When something is not as it should be.
    pub fn start(&self, post: &RestartScenario, args: &str) -> Sensor {
        let mut command = post.veth.sensor.command(self.program("honeyxdp"));
        s3::at(&mut command, &format!("198.19.{}.1", post.number));
        command.args(["run", "-i", SENSOR, "--interval", "200ms", "--archive", &format!("s3://{BUCKET}/archive")]);
        command.args(args.split_whitespace()).arg("--out").arg(post.directory.path());
        Sensor::spawn(command, post.directory.path().to_owned()).unwrap()
    }

    /// A command of honeyxdp, on the server's machine.
    pub fn honeyxdp(&self, args: &[&str]) -> Command {
        let mut command = self.hub.command(self.program("honeyxdp"));
        s3::at(&mut command, "127.0.0.1");
        command.args(args);
        command
    }

    /// A command of the fleet, on the server's machine.
    pub fn command(&self, args: &[&str]) -> Command {
        self.honeyxdp(&[&["fleet"], args].concat())
    }

    /// What is in the bucket, fetched.
    ///
    /// # Panics
    /// When something is not as it should be.
    pub fn fetched(&self) -> (TempDir, Archive) {
        let directory = tempfile::tempdir().unwrap();
        let place = format!("s3://{BUCKET}/archive");
        let output = self.command(&["fetch", &place, directory.path().to_str().unwrap()]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let archive = Archive::new(directory.path());
        (directory, archive)
    }

    /// Files of a table in the bucket.
    ///
    /// # Panics
    /// When something is not as it should be.
    pub fn objects(&self, table: Table) -> usize {
        let dates = fs::read_dir(self.server.bucket().join("archive").join(table.directory()));
        let files = dates.into_iter().flatten().flat_map(|date| fs::read_dir(date.unwrap().path()).unwrap());
        files.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().ends_with(".parquet")).count()
    }
}

impl RestartScenario {
    /// The archive that it writes, from which files are uploaded.
    pub fn spool(&self) -> Archive {
        Archive::new(self.directory.path().join("archive"))
    }

    /// Sends SYNs with Mirai's mark, one of each source.
    ///
    /// # Panics
    /// When something is not as it should be.
    pub fn scan(&self, sources: std::ops::Range<u32>) {
        let syn = |source| craft::mirai(Ipv4Addr::from(0xC612_1000 + source), [198, 18, 0, 1].into(), 23);
        self.veth.send(&sources.map(syn).collect::<Vec<_>>()).unwrap();
    }

    /// Cuts its way to the server, or mends it.
    ///
    /// # Panics
    /// When something is not as it should be.
    pub fn cut(&self, cut: bool) {
        self.veth.sensor.ip(&format!("link set up0 {}", if cut { "down" } else { "up" })).unwrap();
    }
}

/// Waits until a condition holds.
///
/// # Panics
/// Panics if it does not hold within [`patience`].
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < patience(), "not within {:?}: {what}", patience());
        thread::sleep(Duration::from_millis(50));
    }
}
