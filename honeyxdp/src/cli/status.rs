//! `honeyxdp status`: what is attached and pinned, and whose it is.

use std::{fmt::Write as _, path::PathBuf};

use anyhow::Context as _;
use jiff::{Timestamp, Unit};
use serde::Serialize;

use super::{
    config::{directory, pin_directory},
    snapshot::print,
};
use crate::{
    kernel::{
        Interfaces,
        pins::{self, Pinned},
    },
    snapshot::{Snapshot, store},
};

/// Show what is attached and pinned, and whose it is
///
/// Looks at three places: the directory that a sensor writes to, the directory of its pins, and the interfaces of this network
/// namespace, where other XDP programs may be as well. What needs rights to be read is left out with the reason.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory that the sensor writes to. Default: the one in its file of settings, else /var/lib/honeyxdp
    #[arg(long, value_name = "DIR", env = "HONEYXDP_OUT")]
    out: Option<PathBuf>,
    /// Directory of its pins. Default: the one in its file of settings, else /sys/fs/bpf/honeyxdp
    #[arg(long, value_name = "DIR", env = "HONEYXDP_PIN_PATH")]
    pin_path: Option<PathBuf>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Everything that was found.
#[derive(Debug, Serialize)]
struct Status {
    sensor: Sensor,
    /// Null when nothing is pinned.
    pinned: Option<Pinned>,
    /// Why the pins could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pins_unreadable: Option<String>,
    /// Every interface with an XDP program.
    programs: Vec<Program>,
}

/// What a sensor's directory says.
#[derive(Debug, Serialize)]
struct Sensor {
    directory: PathBuf,
    /// Whether a process writes to it.
    running: bool,
    /// The newest snapshot; null when there is none.
    snapshot: Option<Newest>,
}

/// The newest snapshot.
#[derive(Debug, Serialize)]
struct Newest {
    sequence: u64,
    generated_at: Timestamp,
    started_at: Timestamp,
    version: String,
    /// Names of interfaces.
    interfaces: Vec<String>,
    syns: u64,
}

/// An XDP program on an interface.
#[derive(Debug, Serialize)]
struct Program {
    interface: String,
    program_id: u32,
    /// Null for hardware offload, and for several at once.
    mode: Option<&'static str>,
    /// Whether it is the sensor's or a pinned one.
    ours: bool,
}

pub(super) fn status(args: &Args) -> anyhow::Result<()> {
    let (out, pin_path) = (directory(args.out.as_deref()), pin_directory(args.pin_path.as_deref()));
    let (newest, running) = (store::read(&out).ok(), store::in_use(&out));
    let (pinned, pins_unreadable) = match pins::pinned(&pin_path) {
        Ok(pinned) => (pinned, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let of_sensor = newest.iter().filter(|_| running).flat_map(|snapshot| &snapshot.interfaces);
    let of_pins = pinned.iter().flat_map(|pinned| &pinned.links).filter_map(|link| link.program_id);
    let ours: Vec<u32> = of_sensor.map(|interface| interface.program_id).chain(of_pins).collect();
    let sensor = Sensor { directory: out, running, snapshot: newest.map(Newest::of) };
    let status = Status { sensor, pinned, pins_unreadable, programs: programs(&ours)? };
    if args.json {
        return print(&serde_json::to_string_pretty(&status)?);
    }
    print(text(&status)?.trim_end())
}

impl Newest {
    fn of(snapshot: Snapshot) -> Self {
        Self {
            sequence: snapshot.sequence,
            generated_at: snapshot.generated_at,
            started_at: snapshot.started_at,
            version: snapshot.sensor.version,
            interfaces: snapshot.interfaces.into_iter().map(|interface| interface.name).collect(),
            syns: snapshot.families.iter().map(|family| family.packets).sum(),
        }
    }
}

/// Every interface of this namespace that has an XDP program.
fn programs(ours: &[u32]) -> anyhow::Result<Vec<Program>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start Tokio")?;
    let interfaces = runtime.block_on(async { Interfaces::open()?.all().await })?;
    let programs = interfaces.into_iter().filter_map(|interface| {
        let xdp = interface.xdp?;
        Some(Program {
            interface: interface.name,
            program_id: xdp.program_id,
            mode: xdp.mode.map(crate::kernel::Mode::name),
            ours: ours.contains(&xdp.program_id),
        })
    });
    Ok(programs.collect())
}

fn text(status: &Status) -> anyhow::Result<String> {
    let mut text = String::new();
    let Sensor { directory, running, snapshot } = &status.sensor;
    let state = if *running { "running" } else { "not running" };
    writeln!(text, "sensor    {state}, writes to {}", directory.display())?;
    if let Some(newest) = snapshot {
        let age = Timestamp::now().since(newest.generated_at).and_then(|age| age.round(Unit::Second));
        let age = age.map_or_else(|_| "?".to_owned(), |age| format!("{age:#}"));
        writeln!(
            text,
            "          snapshot {} of {age} ago, by version {}; {} SYNs since {:.0} on {}",
            newest.sequence,
            newest.version,
            newest.syns,
            newest.started_at,
            list(&newest.interfaces)
        )?;
    }
    match (&status.pinned, &status.pins_unreadable) {
        (Some(Pinned { directory, about, in_use, links }), _) => {
            let (pid, version) = (about.pid, &about.version);
            let owner = if *in_use { format!("process {pid}") } else { format!("nobody; last by process {pid}") };
            writeln!(text, "pinned    {}: read by {owner}, version {version}", directory.display())?;
            writeln!(text, "          counts since {:.0}", about.started_at)?;
            for link in links {
                let state = match (link.index, link.program_id) {
                    (Some(index), Some(program)) => format!("attached, index {index}, program {program}"),
                    _ => "not attached".to_owned(),
                };
                writeln!(text, "          {}: {state}", link.interface.escape_debug())?;
            }
        }
        (None, Some(reason)) => writeln!(text, "pinned    {reason}")?,
        (None, None) => writeln!(text, "pinned    nothing")?,
    }
    if status.programs.is_empty() {
        writeln!(text, "programs  no interface here has an XDP program")?;
    }
    for (at, program) in status.programs.iter().enumerate() {
        let head = if at == 0 { "programs" } else { "" };
        let (mode, owner) = (program.mode.unwrap_or("?"), if program.ours { "ours" } else { "not ours" });
        let name = program.interface.escape_debug();
        writeln!(text, "{head:<9} {name}: program {}, {mode}, {owner}", program.program_id)?;
    }
    Ok(text)
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "no interface".to_owned() } else { names.join(", ").escape_debug().to_string() }
}
