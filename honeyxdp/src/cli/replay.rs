//! `honeyxdp replay`: the same counts from capture files, without privileges.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use clap::builder::{FalseyValueParser, NonEmptyStringValueParser};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::{archive::ArchiveArgs, run, snapshot::print, sources::SourceArgs};
use crate::{
    Pipeline,
    archive::{self, Archiver, Opened},
    filter::{FilterArgs, Policy},
    replay,
    snapshot::{
        PortLimit, Recorder, Run, Sensor, Span,
        store::{History, Store},
    },
    view::{self, Room},
};

/// Count the SYNs of capture files
///
/// Reads pcap and pcapng files, also compressed with gzip, and writes the same snapshot that a sensor writes: one for all
/// files together. Link types: Ethernet (with up to two VLAN tags), raw IP, Linux cooked v1 and v2. A damaged file is
/// counted up to the damage, named with the place of it, and makes the exit status 1.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Capture files, in the order in which they are read; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Directory for snapshot.json. Not taken from the environment, so that a replay never replaces a sensor's own
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Name of the sensor in the snapshot. Default: made from the machine's id, which it does not show
    #[arg(long, value_name = "ID", env = "HONEYXDP_SENSOR_ID", value_parser = NonEmptyStringValueParser::new())]
    sensor_id: Option<String>,
    /// Location or network of the sensor, for the snapshot
    #[arg(long, value_name = "NAME", env = "HONEYXDP_SITE", value_parser = NonEmptyStringValueParser::new())]
    site: Option<String>,
    /// How many ports a list of the snapshot holds, or all. The other ports are summed up
    #[arg(long, value_name = "N|all", env = "HONEYXDP_SNAPSHOT_PORTS", default_value = "100")]
    snapshot_ports: PortLimit,
    #[command(flatten)]
    filters: FilterArgs,
    #[command(flatten)]
    sources: SourceArgs,
    #[command(flatten)]
    archive: ArchiveArgs,
    /// Print the snapshot as JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Print nothing but errors, and with --json nothing but the snapshot
    #[arg(short, long, env = "HONEYXDP_QUIET", value_parser = FalseyValueParser::new())]
    quiet: bool,
}

pub(super) fn replay(args: &Args) -> anyhow::Result<()> {
    let store = Store::open(&args.out, History::OFF)?;
    let filters = run::filters(&args.filters).map_err(run::all)?;
    let settings = args.sources.settings()?;
    let mut pipeline = Pipeline::new(filters.clone(), &settings);
    let sensor = Sensor::of_this_machine(args.sensor_id.clone(), args.site.clone());
    let directory = args.archive.directory()?;
    let archive = args.archive.options(directory.clone(), &sensor, None, false)?;
    let archive = archive.as_ref().map(archive::Options::open).transpose()?;
    let (archiver, queue) = archive.map(Opened::start).transpose()?.unzip();
    if let Some(queue) = queue {
        pipeline.archive(queue);
    }
    let mut times: Option<(replay::Time, replay::Time)> = None;
    let mut damaged = 0;
    for path in &args.files {
        if let Err(error) = read(path, &mut pipeline, &mut times, args.quiet) {
            damaged += 1;
            eprintln!("honeyxdp: {}: {error:#}", path.display());
        }
    }
    if damaged == args.files.len() && pipeline.counts().seen() == 0 {
        bail!("nothing could be read, so no snapshot was written");
    }

    let now = Timestamp::now();
    let (start, end) = times.map_or((now, now), |(first, last)| (first.into(), last.into()));
    let length = Duration::try_from(end.duration_since(start)).unwrap_or_default();
    pipeline.close(end)?;
    let archived = archiver.is_none_or(Archiver::end);
    let run = Run {
        sensor,
        interfaces: Vec::new(),
        started_at: start,
        filters: Policy { filters, ..Policy::default() }.report(),
        ports: args.snapshot_ports,
    };
    let recorder = Recorder::new(run, store.last_sequence());
    let mut snapshot = recorder.snapshot(pipeline.counts(), pipeline.sources(), Span { start, end, length });
    snapshot.generated_at = now;
    store.write(&snapshot)?;
    if args.json {
        print(&serde_json::to_string_pretty(&snapshot)?)?;
    } else if !args.quiet {
        print(&view::table(&snapshot, Room::of_stdout()))?;
        print(&format!("\nsnapshot: {}", store.newest().display()))?;
    }
    let directory = directory.unwrap_or_default();
    anyhow::ensure!(archived, "not everything is in the archive {}", directory.display());
    match damaged {
        0 => Ok(()),
        1 => Err(anyhow!("one file could not be read, or not to its end; what could be read is counted")),
        many => Err(anyhow!("{many} files could not be read, or not to their end; what could be read is counted")),
    }
}

/// Counts one file.
fn read(
    path: &Path,
    pipeline: &mut Pipeline,
    times: &mut Option<(replay::Time, replay::Time)>,
    quiet: bool,
) -> anyhow::Result<()> {
    let (input, bytes): (Box<dyn Read>, u64) = if path == Path::new("-") {
        (Box::new(io::stdin().lock()), 0)
    } else {
        let file = File::open(path).context("cannot open it")?;
        let metadata = file.metadata().context("cannot read it")?;
        if metadata.is_dir() {
            bail!("it is a directory; name the files in it");
        }
        (Box::new(file), metadata.len())
    };
    let bar = if quiet { ProgressBar::hidden() } else { progress(path, bytes) };
    let result = replay::read(bar.wrap_read(input), |packet| {
        let tick = packet.timestamp.map_or(0, replay::Time::tick);
        if let Some(time) = packet.timestamp {
            pipeline.clock(time.seconds());
            let (first, last) = times.get_or_insert((time, time));
            *first = time.min(*first);
            *last = time.max(*last);
        }
        pipeline.packet(packet.link, packet.data, packet.original_len.into(), tick);
    });
    bar.finish_and_clear();
    result?;
    Ok(())
}

/// A bar over the bytes of the file; it hides itself where standard error is no terminal.
fn progress(path: &Path, bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
        .expect("the template is valid");
    ProgressBar::new(bytes).with_style(style).with_message(path.display().to_string())
}
