//! What a sensor is told to do.

use std::{fmt, path::PathBuf, time::Duration};

use crate::{
    archive,
    filter::Policy,
    kernel::ModeChoice,
    payloads::{PayloadCapture, Responder},
    server::Address,
    snapshot::{PortLimit, Sensor, store::History},
    sources,
};

/// Configuration of a sensor: flags, environment and file, resolved and checked.
#[derive(Debug)]
pub struct Config {
    /// Names of the interfaces to watch; if empty, the interface of the default route.
    pub interfaces: Vec<String>,
    /// Where the XDP program runs.
    pub mode: ModeChoice,
    /// Time between two snapshots.
    pub interval: Duration,
    /// Directory of snapshot.json and history/.
    pub out: PathBuf,
    /// Which snapshots stay in history/.
    pub history: History,
    /// Maximum number of ports in a list of a snapshot.
    pub snapshot_ports: PortLimit,
    /// Name and host of the sensor, for its output.
    pub sensor: Sensor,
    /// Directory of the pins, if the program stays in the kernel when the sensor ends.
    pub pins: Option<PathBuf>,
    /// Matched SYNs to log per second and CPU; 0 logs none.
    pub trace_per_second: u32,
    /// Log warnings and errors only, and print nothing.
    pub quiet: bool,
    /// Which SYNs are counted and recorded.
    pub policy: Policy,
    /// What is counted about sources.
    pub sources: sources::Settings,
    /// Kernel memory for flow records, bytes, all CPUs together.
    pub record_memory: usize,
    /// Ports and addresses of payload capture. The host's own addresses are added at the start.
    pub responder: Responder,
    /// The classifier of payloads, if any are captured.
    pub payloads: Option<PayloadCapture>,
    /// The archive, if there is one.
    pub archive: Option<archive::Options>,
    /// Address of the object storage that the archive is uploaded to.
    pub upload: Option<String>,
    /// Addresses of the HTTP server; if empty, the default ones.
    pub listen: Vec<Address>,
    /// Files that a running sensor reads again: prefix lists, signatures, databases, settings.
    pub reread: Vec<PathBuf>,
    /// How the settings are read again.
    pub reload: Option<Box<dyn Reload>>,
}

/// Who the sensor's process is, and whether it drops its privileges.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    /// User to become before anything is created; none to stay as started.
    pub user: Option<String>,
    /// Whether all capabilities are kept and no sandbox is entered.
    pub no_sandbox: bool,
}

/// Reads the settings again, on SIGHUP.
pub trait Reload: fmt::Debug {
    /// Whether there is a file to read again.
    fn has_file(&self) -> bool;

    /// Reads the file again, with the flags and variables of the start. Nothing is changed by it.
    ///
    /// # Errors
    /// Returns every error of the file or of a list that it names, one per line.
    fn reload(&self) -> anyhow::Result<Reloaded>;

    /// The last reloaded policy is in force.
    fn applied(&mut self);
}

/// Settings that were read again and are valid.
#[derive(Debug)]
pub struct Reloaded {
    /// The new policy. Prefix lists were read again too, so it can differ although no key does.
    pub policy: Policy,
    /// Keys of the policy whose values differ from those in force.
    pub changed: Vec<String>,
    /// Other keys whose values differ from those at the start. They need a restart.
    pub restart: Vec<String>,
}
