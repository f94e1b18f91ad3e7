//! A sensor on a veth, and a generator at the other end of it.

use std::{env, thread, time::Duration};

use anyhow::{Context as _, ensure};
use honeyxdp::snapshot::Snapshot;
use lab::{
    cpu,
    generator::{Amount, Pattern, Sender, Sent},
    network::{SENSOR, VethPair},
    sensor::Sensor,
};

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) sent: Sent,
    /// The sensor's last one.
    pub(crate) snapshot: Snapshot,
    /// CPU time of the sensor while frames came, and until it had stored them.
    pub(crate) cpu: Duration,
    /// Most memory that the sensor's process ever held, bytes.
    pub(crate) memory: u64,
}

impl Outcome {
    /// The sensor's CPU time as a share of one CPU, percent.
    pub(crate) fn cpu_share(&self) -> f64 {
        share(self.cpu, self.sent.time)
    }

    /// Whether every frame that arrived was counted.
    pub(crate) const fn all_counted(&self) -> bool {
        self.snapshot.frames.seen == self.sent.frames
    }
}

/// Percent.
pub(crate) fn share(of: Duration, time: Duration) -> f64 {
    of.as_secs_f64() / time.as_secs_f64() * 100.0
}

/// `honeyxdp`, as it was built with this program.
pub(crate) fn binary() -> anyhow::Result<String> {
    let path = env::current_exe()?.with_file_name("honeyxdp-under-test");
    let hint = "build it first: `cargo build --release -p honeyxdp-tests --bins`, or use `cargo xtask bench`";
    ensure!(path.is_file(), "{} is missing; {hint}", path.display());
    path.into_os_string().into_string().ok().context("the path of this program is no text")
}

/// Starts a sensor on a silent veth with these options.
pub(crate) fn sensor(veth: &VethPair, options: &str) -> anyhow::Result<Sensor> {
    Sensor::start(&binary()?, &veth.sensor, &format!("-i {SENSOR} {options}"))
}

/// Sends to a sensor with these options, and stops it.
pub(crate) fn run(options: &str, pattern: Pattern, amount: Amount, rate: Option<u32>) -> anyhow::Result<Outcome> {
    let veth = VethPair::silent(1_500)?;
    let mut sender = Sender::new(&veth, pattern)?;
    if options.contains("generic") {
        sender.poll_without_program()?;
    }
    let sensor = sensor(&veth, options)?;
    let before = cpu::used(sensor.pid())?;
    let sent = send(&mut sender, amount, rate)?;
    let snapshot = sensor.wait_for(|snapshot| snapshot.frames.seen >= sent.frames)?;
    ensure!(snapshot.frames.seen >= sent.frames, "there is a newer one");
    let (cpu, memory) = (cpu::used(sensor.pid())? - before, cpu::peak_memory(sensor.pid())?);
    Ok(Outcome { sent, snapshot: sensor.stop()?, cpu, memory })
}

/// Sends on the last CPU, so that the others are free for who reads.
pub(crate) fn send(sender: &mut Sender<'_>, amount: Amount, rate: Option<u32>) -> anyhow::Result<Sent> {
    let cpus = cpu::allowed()?;
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            cpu::pin(&cpus[cpus.len() - 1..])?;
            sender.send(amount, rate)
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
