//! Measurements: `cargo xtask bench`. Every figure is a median of rounds, and stands beside something else that was
//! measured in the same run: machines differ, ratios hold.
//!
//! One file for each measurement; what they share is in `table` (numbers and how they are shown), `subject` (a program
//! behind the generator) and `live` (a sensor on a veth).

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

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use jiff::Timestamp;

use crate::table::Table;

/// Measure honeyxdp on this machine
///
/// Without a PART it measures everything, in about ten minutes. Each number is a median of rounds. What it is compared
/// with is measured in the same run, in turn with it. All traffic stays in network namespaces that it makes and removes.
/// An idle machine gives steady numbers; look at min and max.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench", max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    /// Also write all numbers to this file, as JSON
    #[arg(long, value_name = "FILE", global = true)]
    json: Option<PathBuf>,
    #[command(subcommand)]
    part: Option<Part>,
}

/// What all parts obey.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Settings {
    /// Rounds; medians, least and most of them are shown
    #[arg(long, value_name = "N", global = true, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Only see whether everything works: one short round, whose numbers mean little
    #[arg(long, global = true)]
    quick: bool,
    /// Seconds that each live measurement sends frames; each has its own default
    #[arg(long, value_name = "N", global = true, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: Option<u64>,
}

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

/// A measurement. The comments of its file say how it is done, docs/benchmarks.md what the numbers mean.
#[derive(Clone, Copy, Debug, Subcommand)]
enum Part {
    /// Cost of a SYN in the kernel, each one different: over an empty program, against a hash of sources, against C
    Packet,
    /// Cost of each filter by itself
    Filters,
    /// Cost of one frame, the same again and again, by kind of frame
    Frames,
    /// Whether CPUs disturb each other: cost of a SYN while 1, 2, ... all CPUs count
    Cores,
    /// Live frames over a veth, native and generic, beside tcpdump with a filter for one mark
    Throughput,
    /// A spoofed flood from 2^32 sources: is every frame counted, and how good is the estimate of sources
    Flood,
    /// A million sources, a million SYNs a second: are they counted exactly
    Million,
    /// Reading everything, beside the batch calls of bpf(2); and the CPU that a sensor takes, idle and busy
    Drain,
    /// Reading a capture file, beside tcpdump and tshark with a filter for one mark
    Replay,
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
        }
    }
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
