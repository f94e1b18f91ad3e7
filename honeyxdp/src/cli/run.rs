//! `honeyxdp run`: attach, drain every interval, write, and leave no trace.

mod confine;
mod control;
mod drain;
#[cfg(fuzzing)]
pub mod fuzzing;
mod hangup;
mod live;
mod notify;
mod output;
mod reload;
mod serve;
mod upload;
mod watch;

use std::{num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use bytesize::ByteSize;
use clap::builder::{FalseyValueParser, NonEmptyStringValueParser};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{self, MissedTickBehavior},
};

use self::{
    confine::ConfineArgs,
    drain::{Clock, Counted, Drain},
    hangup::Hangup,
    live::Live,
    notify::Manager,
    output::Output,
    reload::Reloads,
    serve::{ServeArgs, Serving},
    upload::Uploader,
    watch::{Rules, Watch},
};
pub(super) use self::{
    control::{Change, InForce, ROUTE as RULES},
    watch::Verdict,
};
use super::{
    DEFAULT_DIRECTORY,
    archive::{ArchiveArgs, UpkeepArgs},
    duration,
    filters::FilterArgs,
    logs::LogArgs,
    payloads::PayloadArgs,
    sources::SourceArgs,
};
use crate::{
    archive::{Archiver, Opened},
    config::{self, Settings},
    kernel::{ModeChoice, pins},
    snapshot::{PortLimit, Run, Sensor, store::Store},
    view,
};

/// How often the live table is drawn.
const REFRESH: Duration = Duration::from_secs(1);

/// Watch interfaces and count
///
/// Loads the XDP program, attaches it, and writes DIR/snapshot.json every interval until Ctrl-C or SIGTERM; then it detaches,
/// reads the counters once more and writes the last snapshot. Needs root, or CAP_BPF and CAP_NET_ADMIN (before Linux 6.18 CAP_PERFMON too). On a terminal it
/// shows a live table, else a line per interval. SIGHUP reads the file of settings again; without one it ends the sensor.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// Interface to watch; repeat it, or separate with commas, for several. Default: that of the default route
    #[arg(short, long = "interface", value_name = "IFACE", env = "HONEYXDP_INTERFACE", value_delimiter = ',')]
    interfaces: Vec<String>,
    /// Where the program runs: in the driver (native), in the network stack (generic), or native if the driver can and
    /// else generic, with a warning (auto)
    #[arg(long, value_name = "auto|native|generic", env = "HONEYXDP_MODE", default_value = "auto")]
    mode: ModeChoice,
    /// Time between two snapshots, from 100ms to 24h, as 10s, 5m, 1h30m
    #[arg(long, value_name = "TIME", env = "HONEYXDP_INTERVAL", default_value = "10s", value_parser = duration::interval)]
    interval: Duration,
    /// Directory for snapshot.json and history/
    #[arg(long, value_name = "DIR", env = "HONEYXDP_OUT", default_value = DEFAULT_DIRECTORY)]
    out: PathBuf,
    /// How many snapshots stay in history/
    #[arg(long, value_name = "N", env = "HONEYXDP_HISTORY", default_value_t = 360)]
    history: usize,
    /// Name of this sensor in its snapshots. Default: made from the machine's id, which it does not show
    #[arg(long, value_name = "ID", env = "HONEYXDP_SENSOR_ID", value_parser = NonEmptyStringValueParser::new())]
    sensor_id: Option<String>,
    /// Location or network of this sensor, for its snapshots
    #[arg(long, value_name = "NAME", env = "HONEYXDP_SITE", value_parser = NonEmptyStringValueParser::new())]
    site: Option<String>,
    /// How many ports a list of a snapshot holds, or all. The other ports are summed up
    #[arg(long, value_name = "N|all", env = "HONEYXDP_SNAPSHOT_PORTS", default_value = "100")]
    snapshot_ports: PortLimit,
    /// Keep program, counters and links in the kernel when the sensor ends, however it ends: the program goes on counting, and the
    /// next `honeyxdp run --pin` goes on from there. `honeyxdp detach` takes it off
    #[arg(long, env = "HONEYXDP_PIN", value_parser = FalseyValueParser::new())]
    pin: bool,
    /// Directory of the pins, in a BPF file system. Each sensor needs its own
    #[arg(long, value_name = "DIR", env = "HONEYXDP_PIN_PATH", default_value = pins::DIRECTORY)]
    pin_path: PathBuf,
    /// Log marked SYNs, with addresses, to standard error: at most N a second on each CPU, 10 if N is left out, none if 0
    #[arg(long, value_name = "N", env = "HONEYXDP_TRACE_MATCHES", num_args = 0..=1, default_missing_value = "10")]
    trace_matches: Option<u32>,
    /// Print nothing but warnings and errors
    #[arg(short, long, env = "HONEYXDP_QUIET", value_parser = FalseyValueParser::new())]
    quiet: bool,
    #[command(flatten)]
    logs: LogArgs,
    #[command(flatten)]
    confine: ConfineArgs,
    /// File of settings, TOML; flags and the environment go first. Default: /etc/honeyxdp/honeyxdp.toml if it is there
    #[arg(long, value_name = "FILE", env = config::VARIABLE)]
    config: Option<PathBuf>,
    // A flag that is listed below these stands under their headings, in --help and in the file of settings.
    #[command(flatten)]
    filters: FilterArgs,
    /// What happens to a counted SYN: it goes on, or is dropped before the network stack sees it. All other frames go on
    #[arg(
        long,
        value_name = "pass|drop",
        env = "HONEYXDP_VERDICT",
        default_value = "pass",
        help_heading = "Filters",
        hide_possible_values = true
    )]
    verdict: Verdict,
    #[command(flatten)]
    sources: SourceArgs,
    /// Keep flow records of one SYN in N, by chance. Counters and estimates still see every SYN
    #[arg(long, value_name = "N", env = "HONEYXDP_SAMPLE_RECORDS", default_value = "1", help_heading = "Sources")]
    sample_records: NonZeroU32,
    /// Kernel memory for flow records on their way here, all CPUs together
    #[arg(
        long,
        value_name = "SIZE",
        env = "HONEYXDP_RECORD_BUFFER",
        default_value = "64MiB",
        value_parser = record_buffer,
        help_heading = "Sources"
    )]
    record_buffer: ByteSize,
    #[command(flatten)]
    payloads: PayloadArgs,
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    archive: ArchiveArgs,
    #[command(flatten)]
    upkeep: UpkeepArgs,
}

pub(super) fn run(args: Args, settings: Option<Settings>) -> anyhow::Result<()> {
    args.logs.start(args.quiet);
    args.confine.begin()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start Tokio")?;
    runtime.block_on(sensor(args, settings))
}

async fn sensor(args: Args, settings: Option<Settings>) -> anyhow::Result<()> {
    // First of all: from here on a signal ends the loop below, and never leaves a snapshot unwritten.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let hangup = Hangup::watch()?;

    let rules = Rules::of(&args)?;
    let reloads = settings.map(Reloads::new);
    let settings = args.sources.settings()?;
    // Before rights are given away: its file may be one that nobody else may read.
    let responder = args.payloads.payload_capture()?;
    let store = Arc::new(Store::open(&args.out, args.history)?);
    let sensor = Sensor::of_this_machine(args.sensor_id.clone(), args.site.clone());
    let directory = args.archive_directory()?;
    let archive = args.archive.open(directory.clone(), &sensor, Some(args.upkeep.retention()), true)?;
    let mut output = Output::new(&args);
    let bound = args.serve.bind(&args.out, &mut output)?;
    let mut watch = Watch::start(&args, rules).await?;
    let started = Clock::now();
    let installation = watch.installation();
    output.installed(installation);
    let addresses = bound.addresses();
    if !addresses.is_empty() {
        output.note(format!("listening on {}", addresses.join(" and ")));
    }

    let maps = installation.maps()?;
    let (started_at, resumed, pinned) = (installation.started_at(), installation.resumed(), installation.pinned());
    let (slots, interfaces) = watch.reports().into_iter().unzip();
    let run = Run { sensor, interfaces, started_at, filters: watch.rules().report(), ports: args.snapshot_ports };
    let place = args.archive.place().zip(directory.as_deref());
    let uploader = place.map(|(place, spool)| Uploader::start(spool, place, &run.sensor.id));
    let mut uploader = uploader.transpose().context("cannot upload the archive")?;
    // Threads that are started before this keep their rights, so it comes before the first one.
    args.confine.give_away(&args, &output)?;
    output.note(format!("snapshot: {} every {}", store.newest().display(), duration::shown(args.interval)));
    let (archiver, archive) = archive.map(Opened::start).transpose()?.unzip();
    if let Some(directory) = &directory {
        let place = args.archive.place().map(|place| format!(", and from there to {place}")).unwrap_or_default();
        output.note(format!("archive: {}{place}", directory.display()));
    }
    if let Some(uploader) = &mut uploader {
        uploader.pass_on()?;
    }
    let counted = Counted { maps, run, slots, resumed, pinned, archive, responder };
    let drain = Arc::new(Drain::start(counted, &settings, started, Arc::clone(&store))?);
    let (routes, asked) = control::routes();
    let serving = Serving::start(bound, args.interval, &drain, routes)?;
    serving.watched(&watch);
    let mut manager = Manager::new(drain.pulse());
    output.start()?;
    watch.keep();
    output.warn_if(manager.ready("attached, counting"));

    let mut intervals = ticks(args.interval);
    let mut refreshes = ticks(REFRESH);
    {
        let live = Live { watch: &mut watch, drain: &drain, serving: &serving, reloads, hangup, asked };
        let mut hung_up = std::pin::pin!(live.go_on());
        loop {
            tokio::select! {
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                () = &mut hung_up => break,
                () = manager.look() => output.warn_if(manager.looked()),
                _ = refreshes.tick(), if output.is_live() => output.draw(&drain).await,
                _ = intervals.tick() => {
                    output.warn_if(uploader.as_mut().and_then(Uploader::look));
                    let drained = drain.publish().await;
                    serving.publish(&drained);
                    match drained {
                        Ok(drained) => {
                            output.warn_if(manager.interval(&drained.snapshot));
                            output.interval(drained);
                        }
                        // The counters go on: the next snapshot says what this one could not.
                        Err(error) => {
                            let text = format!("{}; trying again at the next interval", args.confine.explain(&args, &error));
                            output.warn_if(manager.trouble(&text));
                            output.warn(text);
                        }
                    }
                }
            }
        }
    }

    output.warn_if(manager.stopping());
    let pinned = watch.installation().pinned();
    // Detach before the last drain, so that every frame that was counted is in the last snapshot.
    drop(watch);
    let last = drain.publish_last().await;
    // Not before: a terminal can be held.
    output.stop();
    let archived = archiver.is_none_or(Archiver::end);
    let uploaded = uploader.is_none_or(Uploader::end);
    let last = match last {
        Ok(last) => last,
        Err(error) => {
            // The totals would be gone with the kernel's counters, so they are said at least.
            let totals = drain.look().await.map(|drained| view::totals(&drained.snapshot))?;
            output.warn(format!("the last snapshot cannot be stored; in all: {totals}"));
            return Err(error);
        }
    };
    output.end(last, &store, pinned);
    anyhow::ensure!(uploaded, "not everything is uploaded yet: it waits in the spool for the next start");
    anyhow::ensure!(archived, "not everything is in the archive; its losses and the log say what is missing");
    Ok(())
}

impl Args {
    /// The directory that the archive's files are written to.
    fn archive_directory(&self) -> anyhow::Result<Option<PathBuf>> {
        self.upkeep.directory(&self.archive, &self.out)
    }

    /// Whether settings that are right by themselves go together, and the files that they name can be read.
    pub(super) fn judge(&self) -> anyhow::Result<()> {
        self.filters.filters()?;
        self.payloads.responder([])?;
        self.payloads.payload_capture()?;
        self.archive_directory()?;
        self.sources.settings().map(drop)
    }

    /// Lines a second on each CPU; 0 is off.
    fn traces(&self) -> u32 {
        self.trace_matches.unwrap_or(0)
    }
}

fn record_buffer(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    if (ByteSize::mib(1)..=ByteSize::gib(8)).contains(&size) {
        Ok(size)
    } else {
        Err("it is from 1MiB to 8GiB".to_owned())
    }
}

/// The first tick is one period away, and late ticks are not made up for.
fn ticks(period: Duration) -> time::Interval {
    let mut interval = time::interval_at(time::Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}
