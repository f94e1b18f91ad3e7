//! Measurements: `cargo xtask bench`. Every figure is a median of rounds, and stands beside something else that was
//! measured in the same run: machines differ, ratios hold.
//!
//! One file for each measurement; what they share is in `table` (numbers and how they are shown), `subject` (a program
//! behind the generator) and `live` (a sensor on a veth).

mod args;
mod cores;
mod drain;
mod filters;
mod flood;
mod frames;
mod live;
mod million;
mod packet;
mod replay;
mod subject;
mod table;
mod throughput;

use std::fs;

use anyhow::Context as _;
use jiff::Timestamp;

use self::table::Table;
pub(crate) use args::{Cli, Part, Settings};

impl Settings {
    const fn rounds(self) -> u32 {
        if self.quick { 1 } else { self.rounds }
    }

    /// `full`, or `quick` if it is only to work.
    fn of<T>(self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// How long to send frames.
    fn time(self, full: u64) -> std::time::Duration {
        std::time::Duration::from_secs(self.seconds.unwrap_or(self.of(full, 1)))
    }
}

impl Part {
    const ALL: [Self; 9] = [
        Self::Packet,
        Self::Filters,
        Self::Frames,
        Self::Cores,
        Self::Throughput,
        Self::Flood,
        Self::Million,
        Self::Drain,
        Self::Replay,
    ];

    fn measure(self, settings: Settings) -> anyhow::Result<Vec<Table>> {
        match self {
            Self::Packet => packet::measure(settings),
            Self::Filters => filters::measure(settings),
            Self::Frames => frames::measure(settings),
            Self::Cores => cores::measure(settings),
            Self::Throughput => throughput::measure(settings),
            Self::Flood => flood::measure(settings),
            Self::Million => million::measure(settings),
            Self::Drain => drain::measure(settings),
            Self::Replay => replay::measure(settings),
            Self::Report(_) => anyhow::bail!("this one is measured by `cargo xtask bench report`"),
        }
    }
}

pub(crate) fn run(cli: &Cli) -> anyhow::Result<()> {
    let machine = Machine::look();
    println!("{}, {} CPUs, Linux {}", machine.processor, machine.cpus, machine.kernel);
    let parts = cli.part.map_or_else(|| Part::ALL.to_vec(), |part| vec![part]);
    let mut tables = Vec::new();
    for part in parts {
        for table in part.measure(cli.settings)? {
            println!("\n{table}");
            tables.push(table.json());
        }
    }
    if let Some(file) = &cli.json {
        let document = serde_json::json!({
            "schema": "honeyxdp.bench/1",
            "measured_at": Timestamp::now(),
            "machine": { "processor": machine.processor, "cpus": machine.cpus, "kernel": machine.kernel },
            "rounds": cli.settings.rounds(),
            "quick": cli.settings.quick,
            "tables": tables,
        });
        fs::write(file, serde_json::to_vec_pretty(&document)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// Where it was measured.
struct Machine {
    processor: String,
    cpus: usize,
    kernel: String,
}

impl Machine {
    fn look() -> Self {
        let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = text.lines().find_map(|line| line.strip_prefix("model name"));
        Self {
            processor: model.map_or("a processor", |name| name.trim_start_matches([' ', '\t', ':'])).to_owned(),
            cpus: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        }
    }
}
