//! Where it takes place: at a veth, with a BPF file system, a directory, and the sensor. All of it goes when it is dropped.

use std::{
    env, fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use honeyxdp::snapshot::{Snapshot, store};
use honeyxdp_archive::Archive;
use lab::{
    bpffs::BpfFs,
    network::{SENSOR, VethPair},
    sensor::Sensor,
};
use rustix::process::Signal;
use tempfile::TempDir;

use super::visitors;

/// How long a sensor may take for what it should do at once: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// The place.
pub(crate) struct Stage<'a> {
    sensor: Option<Sensor>,
    directory: TempDir,
    bpffs: BpfFs,
    veth: &'a VethPair,
    /// The program, and a copy of it that stands for another version: they take turns.
    programs: [PathBuf; 2],
    interval: Duration,
    history: u32,
}

impl<'a> Stage<'a> {
    /// Makes it at a veth, without a sensor yet. `history` snapshots are kept.
    pub(crate) fn new(veth: &'a VethPair, interval: Duration, history: u32) -> anyhow::Result<Self> {
        let program = env::current_exe()?.with_file_name("honeyxdp-under-test");
        let hint = "build it first: `cargo build --release -p honeyxdp-tests --bins`, or use `cargo xtask soak`";
        ensure!(program.is_file(), "{} is missing; {hint}", program.display());
        let directory = tempfile::Builder::new().prefix(&format!("hx-soak-{}-", std::process::id())).tempdir()?;
        let other = directory.path().join("honeyxdp-of-another-version");
        fs::copy(&program, &other).context("there is no room for a copy of the program")?;
        Ok(Self {
            sensor: None,
            directory,
            bpffs: BpfFs::mount()?,
            veth,
            programs: [program, other],
            interval,
            history,
        })
    }

    pub(crate) const fn veth(&self) -> &VethPair {
        self.veth
    }

    /// The sensor that runs.
    pub(crate) fn sensor(&self) -> anyhow::Result<&Sensor> {
        self.sensor.as_ref().context("no sensor runs")
    }

    /// The directory of snapshots.
    pub(crate) fn out(&self) -> PathBuf {
        self.directory.path().join("out")
    }

    pub(crate) fn archive(&self) -> Archive {
        Archive::new(self.directory.path().join("archive"))
    }

    /// Snapshots that are kept.
    pub(crate) const fn history(&self) -> u32 {
        self.history
    }

    /// The directory of pins.
    pub(crate) fn pins(&self) -> PathBuf {
        self.bpffs.directory("honeyxdp")
    }

    /// Completes the command of a sensor, with a directory of its own for snapshots.
    fn sensor_of(&self, mut command: Command, out: &Path) -> Command {
        let ([a, b, c, d], port) = visitors::ADDRESS;
        command.args(["run", "--config", "/dev/null", "-i", SENSOR, "--sensor-id", "soak", "--pin", "--pin-path"]);
        command.arg(self.pins()).arg("--archive").arg(self.archive().root()).arg("--out").arg(out);
        command.args(["--interval", &format!("{}ms", self.interval.as_millis())]);
        let age = self.interval * self.history;
        command.args([
            "--history-age",
            &format!("{}ms", age.as_millis()),
            "--history-minutes",
            "0",
            "--listen",
            &format!("{a}.{b}.{c}.{d}:{port}"),
        ]);
        // Ctrl-C is for the run, which then stops the sensor.
        command.process_group(0);
        command
    }

    /// Starts the sensor.
    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        ensure!(self.sensor.is_none(), "a sensor runs already");
        let command = self.sensor_of(self.veth.sensor.command(&self.programs[0]), &self.out());
        self.sensor = Some(Sensor::spawn(command, self.out())?);
        Ok(())
    }

    /// Stops the sensor by SIGTERM, which has to end well.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        let mut sensor = self.sensor.take().context("no sensor runs")?;
        sensor.signal(Signal::TERM)?;
        let status = sensor.wait()?;
        ensure!(status.success(), "a stopped sensor ended with {status}; it printed:\n{}", last_lines(&sensor));
        Ok(())
    }

    /// Kills the sensor.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        let mut sensor = self.sensor.take().context("no sensor runs")?;
        sensor.signal(Signal::KILL)?;
        sensor.wait()?;
        Ok(())
    }

    /// Stops the sensor, and at once the other copy of the program takes over.
    pub(crate) fn upgrade(&mut self) -> anyhow::Result<()> {
        self.programs.swap(0, 1);
        self.stop()?;
        self.start()
    }

    /// A second sensor over the pins of the first, with another directory: it has to be refused.
    pub(crate) fn rival(&self) -> anyhow::Result<()> {
        // Else it would run for ever.
        let mut command = self.veth.sensor.command("timeout");
        command.arg(PATIENCE.as_secs().to_string()).arg(&self.programs[0]);
        let output = self.sensor_of(command, &self.directory.path().join("rival")).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.code() == Some(1) && said.contains("another honeyxdp"),
            "a second sensor over the same pins ended with {}: {said}",
            output.status
        );
        Ok(())
    }

    /// Runs the command line beside the sensor to its end: exit status, and all that it printed.
    pub(crate) fn run(&self, words: &[&str]) -> anyhow::Result<(Option<i32>, String)> {
        let mut command = self.veth.sensor.command(&self.programs[0]);
        let output = command.args(words).process_group(0).output()?;
        Ok((output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()))
    }

    /// The newest snapshot whose interval began after this call; the last one of all when no sensor runs.
    pub(crate) fn attributed(&self) -> anyhow::Result<Snapshot> {
        let Some(sensor) = &self.sensor else { return store::read(&self.out()) };
        let newest = || store::read(&self.out()).ok();
        // The next one can be under way already: of the one after it nothing is from before.
        let after = newest().map_or(0, |snapshot| snapshot.sequence) + 2;
        let start = Instant::now();
        loop {
            match newest() {
                Some(snapshot) if snapshot.sequence >= after => return Ok(snapshot),
                _ if start.elapsed() > PATIENCE + 2 * self.interval => {
                    anyhow::bail!("no snapshot in {PATIENCE:?}; the sensor printed:\n{}", last_lines(sensor))
                }
                _ => thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Takes off what is pinned. No sensor may run.
    pub(crate) fn detach(&self) -> anyhow::Result<()> {
        let pins = self.pins();
        let (code, said) =
            self.run(&["detach", "--all", "--pin-path", pins.to_str().context("the path is no text")?])?;
        ensure!(code == Some(0) && !pins.exists(), "detaching ended with {code:?}: {said}");
        Ok(())
    }

    /// Frames that came in on the sensor's interface, as the kernel counts them.
    pub(crate) fn received(&self) -> anyhow::Result<u64> {
        let text = self.veth.sensor.run(&format!("cat /sys/class/net/{SENSOR}/statistics/rx_packets"))?;
        Ok(text.trim().parse()?)
    }
}

/// The end of what a sensor printed.
fn last_lines(sensor: &Sensor) -> String {
    let printed = sensor.printed();
    let lines: Vec<&str> = printed.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
