//! `honeyxdp run`: the configuration of a sensor from flags, environment and file.

use std::{
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use bytesize::ByteSize;
use clap::builder::{FalseyValueParser, NonEmptyStringValueParser};

use super::{
    DEFAULT_DIRECTORY,
    archive::{ArchiveArgs, UpkeepArgs},
    duration,
    logs::LogArgs,
    payloads::PayloadArgs,
    reload::RunSettings,
    sources::SourceArgs,
};
use crate::{
    config::{self, Fault, Faults, Settings},
    filter::{FilterArgs, FilterName, Filters, Policy, Verdict, change::ChangeError},
    kernel::{ModeChoice, pins},
    sensor::{self, Config, Identity, Reload},
    server::Address,
    snapshot::{PortLimit, Sensor, store::History},
};

/// Watch interfaces and count
///
/// Loads the XDP program, attaches it, and writes DIR/snapshot.json every interval. Ctrl-C or SIGTERM detaches it, reads the
/// counters once more and writes the last snapshot. On a terminal a live table is shown, elsewhere a line per interval.
/// SIGHUP reads the settings file again; without a file it ends the sensor. Needs root, or CAP_BPF and CAP_NET_ADMIN, and
/// CAP_PERFMON before Linux 6.18.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
                        honeyxdp run -i eth0                                    # count, and keep the newest snapshot\n  \
                        honeyxdp run -i eth0 --port 23,2323 --archive /srv/flows   # only Telnet, and keep flow records\n  \
                        honeyxdp run -i eth0 --respond 80,37215 --respond-to 198.51.100.0/24")]
pub(super) struct Args {
    /// Interface to watch; repeat it, or separate with commas, for several. Default: the interface of the default route
    #[arg(short, long = "interface", value_name = "IFACE", env = "HONEYXDP_INTERFACE", value_delimiter = ',')]
    interfaces: Vec<String>,
    /// Where the program runs: in the driver (native), in the network stack (generic), or native if the driver supports it and
    /// otherwise generic, with a warning (auto)
    #[arg(long, value_name = "auto|native|generic", env = "HONEYXDP_MODE", default_value = "auto")]
    mode: ModeChoice,
    /// Time between two snapshots, from 100ms to 24h, as 10s, 5m, 1h30m
    #[arg(long, value_name = "TIME", env = "HONEYXDP_INTERVAL", default_value = "10s", value_parser = duration::interval)]
    interval: Duration,
    /// Directory for snapshot.json and history/
    #[arg(long, value_name = "DIR", env = "HONEYXDP_OUT", default_value = DEFAULT_DIRECTORY)]
    out: PathBuf,
    /// Age up to which history/ keeps every snapshot; 0 keeps none for it
    #[arg(long, value_name = "TIME", env = "HONEYXDP_HISTORY_AGE", default_value = "1h", value_parser = duration::age)]
    history_age: Duration,
    /// Age up to which history/ keeps one snapshot per minute; 0 keeps none for it
    #[arg(long, value_name = "TIME", env = "HONEYXDP_HISTORY_MINUTES", default_value = "24h", value_parser = duration::age)]
    history_minutes: Duration,
    /// Name of this sensor in its snapshots. Default: made from the machine's id, which it does not show
    #[arg(long, value_name = "ID", env = "HONEYXDP_SENSOR_ID", value_parser = NonEmptyStringValueParser::new())]
    sensor_id: Option<String>,
    /// Location or network of this sensor, for its snapshots
    #[arg(long, value_name = "NAME", env = "HONEYXDP_SITE", value_parser = NonEmptyStringValueParser::new())]
    site: Option<String>,
    /// How many ports a list of a snapshot holds, or all. The other ports are summed up
    #[arg(long, value_name = "N|all", env = "HONEYXDP_SNAPSHOT_PORTS", default_value = "100")]
    snapshot_ports: PortLimit,
    /// Keep program, counters and links in the kernel when the sensor ends, even by kill -9: the program continues to count, and
    /// the next `honeyxdp run --pin` continues from there. `honeyxdp detach` removes it
    #[arg(long, env = "HONEYXDP_PIN", value_parser = FalseyValueParser::new())]
    pin: bool,
    /// Directory of the pins, in a BPF file system. Each sensor needs its own
    #[arg(long, value_name = "DIR", env = "HONEYXDP_PIN_PATH", default_value = pins::DIRECTORY)]
    pin_path: PathBuf,
    /// Log SYNs that match a fingerprint, with addresses, to standard error: at most N per second and CPU; 10 without N
    #[arg(long, value_name = "N", env = "HONEYXDP_TRACE_MATCHES", num_args = 0..=1, default_missing_value = "10")]
    trace_matches: Option<u32>,
    /// Print warnings and errors only
    #[arg(short, long, env = "HONEYXDP_QUIET", value_parser = FalseyValueParser::new())]
    quiet: bool,
    #[command(flatten)]
    logs: LogArgs,
    #[command(flatten)]
    privileges: PrivilegeArgs,
    /// Settings file, TOML; flags and the environment take precedence. Default: /etc/honeyxdp/honeyxdp.toml if it exists
    #[arg(long, value_name = "FILE", env = config::VARIABLE)]
    config: Option<PathBuf>,
    // Flags below have their headings in --help and their sections in the settings file.
    #[command(flatten)]
    filters: FilterArgs,
    /// What happens to a counted SYN: it passes, or is dropped before the network stack. All other frames pass
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
    /// Keep flow records of one SYN in N, at random. Counters and estimates still include every SYN
    #[arg(long, value_name = "N", env = "HONEYXDP_SAMPLE_RECORDS", default_value = "1", help_heading = "Sources")]
    sample_records: NonZeroU32,
    /// Kernel memory for flow records, all CPUs together
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

/// What a running sensor may do.
#[derive(Clone, Debug, clap::Args)]
struct PrivilegeArgs {
    /// Run as this user, who then owns the files. Needs root; CAP_BPF and CAP_NET_ADMIN are kept, and CAP_PERFMON before Linux 6.18
    #[arg(long, value_name = "NAME", env = "HONEYXDP_USER", value_parser = NonEmptyStringValueParser::new())]
    user: Option<String>,
    /// Keep all privileges. By default the sensor, once attached, keeps what filters and interfaces need, and its own directories
    #[arg(long, env = "HONEYXDP_NO_SANDBOX", value_parser = FalseyValueParser::new())]
    no_sandbox: bool,
}

/// Where the sensor answers.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "HTTP")]
struct ServeArgs {
    /// Address for snapshot, metrics, health and dashboard; repeat it, or separate with commas: 127.0.0.1:7823, a port, or
    /// unix:/path; `none` turns HTTP off. Default: 127.0.0.1:7823. The socket DIR/honeyxdp.sock is always there
    #[arg(long, value_name = "ADDR", env = "HONEYXDP_LISTEN", value_delimiter = ',')]
    listen: Vec<Address>,
}

pub(super) fn run(args: Args, settings: Option<Settings>) -> anyhow::Result<()> {
    args.logs.start(args.quiet);
    let PrivilegeArgs { user, no_sandbox } = args.privileges.clone();
    sensor::run(Identity { user, no_sandbox }, move || args.config(settings))
}

impl Args {
    /// The configuration, with the files read that it names.
    fn config(self, settings: Option<Settings>) -> anyhow::Result<Config> {
        self.judge(settings.as_ref())?;
        let sensor = Sensor::of_this_machine(self.sensor_id.clone(), self.site.clone());
        let directory = self.archive_directory()?;
        Ok(Config {
            policy: self.policy()?,
            sources: self.sources.settings()?,
            payloads: self.payloads.payload_capture()?,
            responder: self.payloads.responder()?,
            archive: self.archive.options(directory, &sensor, Some(self.upkeep.retention()), true)?,
            upload: self.archive.place().map(str::to_owned),
            reread: self.reread().map(Path::to_owned).collect(),
            pins: self.pin.then_some(self.pin_path),
            trace_per_second: self.trace_matches.unwrap_or(0),
            record_memory: usize::try_from(self.record_buffer.as_u64()).unwrap_or(usize::MAX),
            reload: settings.map(|settings| Box::new(RunSettings::new(settings)) as Box<dyn Reload>),
            interfaces: self.interfaces,
            mode: self.mode,
            interval: self.interval,
            out: self.out,
            history: History::new(self.history_age, self.history_minutes, self.interval),
            snapshot_ports: self.snapshot_ports,
            quiet: self.quiet,
            listen: self.serve.listen,
            sensor,
        })
    }

    /// Which SYNs are counted and recorded, with the prefix lists read.
    pub(super) fn policy(&self) -> anyhow::Result<Policy> {
        let filters = filters(&self.filters).map_err(all)?;
        Ok(Policy { filters, verdict: self.verdict, sample_records: self.sample_records })
    }

    /// Files that the sensor reads again while it runs.
    fn reread(&self) -> impl Iterator<Item = &Path> {
        let settings = self.config.as_deref().unwrap_or(Path::new(config::DEFAULT_FILE));
        self.filters.0.files().chain(self.payloads.files()).chain(self.archive.files()).chain([settings])
    }

    /// The directory that the archive's files are written to.
    fn archive_directory(&self) -> Result<Option<PathBuf>, Fault> {
        self.upkeep.directory(&self.archive, &self.out)
    }

    /// Every error between settings that are valid one by one, and in the files that they name.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = filters(&self.filters).err().unwrap_or_default();
        let checks = [
            self.payloads.responder().map(drop),
            self.payloads.payload_capture().map(drop),
            self.archive_directory().map(drop),
            self.archive.judge(),
            self.sources.settings().map(drop),
            self.listens(),
        ];
        faults.extend(checks.into_iter().filter_map(Result::err));
        faults
    }

    fn listens(&self) -> Result<(), Fault> {
        let listen = &self.serve.listen;
        if listen.contains(&Address::None) && listen.len() > 1 {
            return Err(Fault::new(["listen"], " is `none` and an address: leave one of them out"));
        }
        Ok(())
    }

    /// Returns an error with a line for each fault.
    pub(super) fn judge(&self, settings: Option<&Settings>) -> anyhow::Result<()> {
        let explain = |fault: &Fault| settings.map_or_else(|| fault.to_string(), |settings| settings.explain(fault));
        Faults::of(&self.faults(), explain).map_or(Ok(()), |faults| Err(faults.into()))
    }
}

/// Several errors as one, a line for each.
pub(super) fn all(faults: Vec<Fault>) -> anyhow::Error {
    Faults::of(&faults, ToString::to_string).map_or_else(|| anyhow::anyhow!("no fault"), Into::into)
}

/// The filters of a command, with the prefix lists read; or every error.
pub(super) fn filters(args: &FilterArgs) -> Result<Filters, Vec<Fault>> {
    let fault = |(names, error): (Vec<FilterName>, ChangeError)| {
        let what = match error {
            ChangeError::NothingLeft(what) if names.len() > 1 => format!(" together leave no {what} to count"),
            ChangeError::NothingLeft(what) => format!(" leaves no {what} to count"),
            ChangeError::TwoAddresses(local) => format!(" gives {local} two public addresses"),
            error => format!(": {error}"),
        };
        Fault::new(names.into_iter().map(FilterName::flag).collect::<Vec<_>>(), what)
    };
    Filters::from_settings(&args.0).map_err(|errors| errors.into_iter().map(fault).collect())
}

fn record_buffer(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    if (ByteSize::mib(1)..=ByteSize::gib(8)).contains(&size) {
        Ok(size)
    } else {
        Err("expected a size from 1MiB to 8GiB".to_owned())
    }
}
