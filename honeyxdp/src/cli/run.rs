//! `honeyxdp run`: attach, drain every interval, write, and leave no trace.

mod drain;
mod output;
mod serve;

use std::{collections::BTreeMap, num::NonZeroU32, path::PathBuf, pin::Pin, sync::Arc, time::Duration};

use anyhow::Context as _;
use bytesize::ByteSize;
use clap::builder::{FalseyValueParser, NonEmptyStringValueParser};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{self, MissedTickBehavior},
};

use self::{
    drain::{Clock, Drain},
    output::Output,
    serve::{ServeArgs, Serving},
};
use super::{
    DEFAULT_FOLDER, duration,
    filters::{self, FilterArgs},
    sources::SourceArgs,
};
use crate::{
    filter::Filters,
    kernel::{self, Attachment, Interface, Interfaces, Mode, ModeChoice, Program},
    snapshot::{InterfaceReport, ModeReport, Run, Sensor, store::Store},
    view,
};

/// How often the live table is drawn.
const REFRESH: Duration = Duration::from_secs(1);

/// Watch interfaces and count
///
/// Loads the XDP program, attaches it, and writes DIR/snapshot.json every interval until Ctrl-C, SIGTERM or SIGHUP; then it
/// detaches, reads the counters once more and writes the last snapshot. Needs root, or CAP_BPF and CAP_NET_ADMIN. On a
/// terminal it shows a live table, else a line per interval.
#[derive(Debug, clap::Args)]
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
    /// Folder for snapshot.json and history/
    #[arg(long, value_name = "DIR", env = "HONEYXDP_OUT", default_value = DEFAULT_FOLDER)]
    out: PathBuf,
    /// How many snapshots stay in history/
    #[arg(long, value_name = "N", env = "HONEYXDP_HISTORY", default_value_t = 360)]
    history: usize,
    /// Name of this sensor in its snapshots. Default: made from the machine's id, which it does not show
    #[arg(long, value_name = "ID", env = "HONEYXDP_SENSOR_ID", value_parser = NonEmptyStringValueParser::new())]
    sensor_id: Option<String>,
    /// Log marked SYNs, with addresses, to standard error: at most N a second on each CPU, 10 if N is left out, none if 0
    #[arg(long, value_name = "N", env = "HONEYXDP_TRACE_MARKS", num_args = 0..=1, default_missing_value = "10")]
    trace_marks: Option<u32>,
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
    serve: ServeArgs,
    /// Print nothing but warnings and errors
    #[arg(short, long, env = "HONEYXDP_QUIET", value_parser = FalseyValueParser::new())]
    quiet: bool,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start Tokio")?;
    runtime.block_on(sensor(args))
}

async fn sensor(args: Args) -> anyhow::Result<()> {
    // First of all: from here on a signal ends the loop below, and never leaves a snapshot unwritten.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = hangup()?;

    let filters = args.filters.filters()?;
    let settings = args.sources.settings()?;
    let store = Arc::new(Store::open(&args.out, args.history)?);
    let mut output = Output::new(&args);
    let bound = args.serve.bind(&args.out, &mut output)?;
    let interfaces = Interfaces::open()?;
    let chosen = choose(&interfaces, &args.interfaces).await?;
    let (mut program, maps) = Program::load(&kernel::Options {
        interfaces: chosen.iter().map(|interface| interface.index).collect(),
        trace_per_second: args.traces(),
        filters: filters.clone(),
        drop_counted: args.verdict == Verdict::Drop,
        sample: args.sample_records.get(),
        record_memory: usize::try_from(args.record_buffer.as_u64()).unwrap_or(usize::MAX),
        ..kernel::Options::default()
    })?;
    let trace = match args.traces() {
        0 => None,
        _ => Some(kernel::trace::lines(&mut program)?),
    };
    let mut trace = std::pin::pin!(async {
        match trace {
            Some(lines) => lines.await,
            None => std::future::pending().await,
        }
    });

    let started = Clock::now();
    let mut attachments = Vec::new();
    for interface in chosen {
        let attachment = kernel::attach(&mut program, &interfaces, interface, args.mode).await?;
        output.attached(&attachment, program.id());
        attachments.push(attachment);
    }
    let addresses = bound.addresses();
    if !addresses.is_empty() {
        output.note(format!("listening on {}", addresses.join(" and ")));
    }
    output.note(format!("snapshot: {} every {}", store.newest().display(), duration::shown(args.interval)));

    let reports = attachments.iter().map(|attachment| report(attachment, &program)).collect();
    let sensor = Sensor::of_this_machine(args.sensor_id.clone());
    let run = Run { sensor, interfaces: reports, started_at: started.wall, filters: args.filters_in_force(&filters) };
    let drain = Arc::new(Drain::start(maps, &settings, run, started, Arc::clone(&store))?);
    let serving = Serving::start(bound, args.interval, &drain)?;
    serving.attached(&attachments);
    output.start()?;

    let mut intervals = ticks(args.interval);
    let mut refreshes = ticks(REFRESH);
    let failed = loop {
        tokio::select! {
            _ = interrupt.recv() => break None,
            _ = terminate.recv() => break None,
            () = &mut hangup => break None,
            () = &mut trace => {}
            _ = refreshes.tick(), if output.is_live() => output.draw(&drain).await,
            _ = intervals.tick() => {
                drop_lost(&interfaces, &mut attachments, &mut output).await;
                let drained = drain.publish().await;
                serving.publish(&drained, &attachments);
                match drained {
                    Ok(drained) => output.interval(drained),
                    // The counters go on: the next snapshot says what this one could not.
                    Err(error) => output.warn(format!("{error:#}; trying again at the next interval")),
                }
                if attachments.is_empty() {
                    break Some(anyhow::anyhow!("no interface is left to watch"));
                }
            }
        }
    };

    // Detach before the last drain, so that every frame that was counted is in the last snapshot.
    drop(attachments);
    output.stop();
    let last = match drain.publish().await {
        Ok(last) => last,
        Err(error) => {
            // The totals would be gone with the kernel's counters, so they are said at least.
            let totals = drain.look().await.map(|drained| view::totals(&drained.snapshot))?;
            output.warn(format!("the last snapshot cannot be stored; in all: {totals}"));
            return Err(error);
        }
    };
    output.end(last, &store);
    failed.map_or(Ok(()), Err)
}

/// What happens to a counted SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Verdict {
    /// It goes on.
    Pass,
    /// It ends here, before the network stack sees it.
    Drop,
}

impl Args {
    /// What the snapshot says about filters.
    fn filters_in_force(&self, filters: &Filters) -> BTreeMap<String, serde_json::Value> {
        let mut report = filters::report(filters);
        if self.verdict == Verdict::Drop {
            report.insert("verdict".to_owned(), "drop".into());
        }
        if self.sample_records.get() > 1 {
            report.insert("sample_records".to_owned(), self.sample_records.get().into());
        }
        report
    }

    /// Lines a second on each CPU; 0 is off.
    fn traces(&self) -> u32 {
        self.trace_marks.unwrap_or(0)
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

/// Comes with SIGHUP, the end of a login. Under nohup, which ignores it, it never comes.
fn hangup() -> std::io::Result<Pin<Box<dyn Future<Output = ()>>>> {
    // SAFETY: all zero is a valid value of this plain structure, and a null pointer leaves the action as it is.
    let ignored = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGHUP, std::ptr::null(), &raw mut action) == 0 && action.sa_sigaction == libc::SIG_IGN
    };
    if ignored {
        return Ok(Box::pin(std::future::pending()));
    }
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(Box::pin(async move {
        hangup.recv().await;
    }))
}

/// The interfaces that were named, or that of the default route.
async fn choose(interfaces: &Interfaces, names: &[String]) -> anyhow::Result<Vec<Interface>> {
    let mut chosen: Vec<Interface> = Vec::new();
    for name in names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
        let interface = interfaces.named(name).await?;
        if chosen.iter().all(|other| other.index != interface.index) {
            chosen.push(interface);
        }
    }
    if chosen.is_empty() {
        chosen.push(interfaces.of_default_route().await?);
    }
    Ok(chosen)
}

/// The first tick is one period away, and late ticks are not made up for.
fn ticks(period: Duration) -> time::Interval {
    let mut interval = time::interval_at(time::Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Says which interfaces are gone. What they counted stays counted.
async fn drop_lost(interfaces: &Interfaces, attachments: &mut Vec<Attachment>, output: &mut Output) {
    let Ok(there) = interfaces.all().await else {
        return;
    };
    attachments.retain(|attachment| {
        let found = there.iter().any(|interface| interface.index == attachment.interface.index);
        if !found {
            output.warn(format!("{} is gone: its frames are no longer counted", attachment.interface.name));
        }
        found
    });
}

fn report(attachment: &Attachment, program: &Program) -> InterfaceReport {
    InterfaceReport {
        name: attachment.interface.name.clone(),
        index: attachment.interface.index,
        mode: match attachment.mode {
            Mode::Native => ModeReport::Native,
            Mode::Generic => ModeReport::Generic,
        },
        program_id: program.id(),
        program_tag: format!("{:016x}", program.tag()),
        dispositions: BTreeMap::new(),
    }
}
