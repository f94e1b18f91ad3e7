//! `honeyxdp report`: the observation report of a period.

use std::{
    io::{self, IsTerminal as _, Write as _},
    num::NonZero,
    path::PathBuf,
    thread,
};

use anyhow::Context as _;
use bytesize::ByteSize;
use jiff::tz::TimeZone;

use crate::{
    cluster::Address,
    period::{Period, Step},
    report::{self, Against, Asked, GeoFiles, Language, Profiles, Request, Scope},
};

/// Make the observation report of a period: figures, tables and a page
///
/// Reads the archive that `honeyxdp run --archive` or `honeyxdp replay --archive` wrote. Writes
/// DIR/report.html, one page with all figures that needs nothing else, and beside it every figure
/// as SVG and PNG and every table as CSV and JSON. Unique sources are exact. Pictures in Japanese
/// need a font that has it, on Debian fonts-vlgothic.
///
/// Examples:
///
///   honeyxdp report --archive /var/lib/honeyxdp/archive --period 2019 --home JP --out report
///   honeyxdp report --archive A --period 2019-07 --bucket day --tz Asia/Tokyo --lang ja --out r
///   honeyxdp report --archive A --period 2019-11 --against 2019-06 --out report
///   honeyxdp report --archive A --port 52869 --port 37215 --rollups A/rollups --out report
///   honeyxdp report --archive s3://bucket/archive --rollups R --out report
///   honeyxdp report --archive s3://bucket/archive --by-sensor --site tokyo-darknet --out report
///   honeyxdp report --archive s3://bucket/archive --engine ballista://scheduler:50050 --out report
///
/// docs/use/report.md explains the figures and the tables.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// Directory of the archive, or where it is on object storage: s3://bucket/prefix, gs://bucket/prefix,
    /// az://container/prefix. Credentials and server come from the environment: AWS_ACCESS_KEY_ID, AWS_ENDPOINT ...
    #[arg(long, value_name = "DIR|URL", env = "HONEYXDP_ARCHIVE")]
    archive: PathBuf,
    /// Have the archive's rows read by a cluster (`honeyxdp cluster --help`), and not by this process. Its executors need
    /// the archive on object storage, or in a directory with the same path. Not with --geoip and --asn
    #[arg(long, value_name = "ballista://HOST:PORT", env = "HONEYXDP_REPORT_ENGINE")]
    engine: Option<Address>,
    /// Days that the cluster is asked about at a time: twice as many as its executors have slots keep them busy
    #[arg(
        long,
        value_name = "N",
        env = "HONEYXDP_REPORT_DAYS_AT_A_TIME",
        requires = "engine",
        default_value = "16",
        value_parser = days_at_a_time
    )]
    days_at_a_time: usize,
    /// Only rows of this sensor, by its id; may be repeated
    #[arg(long = "sensor", value_name = "ID", env = "HONEYXDP_REPORT_SENSOR", value_delimiter = ',')]
    sensors: Vec<String>,
    /// Only rows of sensors at this site, as --site named it to them; may be repeated
    #[arg(long = "site", value_name = "NAME", env = "HONEYXDP_REPORT_SITE", value_delimiter = ',')]
    sites: Vec<String>,
    /// Set the sensors beside each other: what each saw, and what it alone saw. Reads the rows once more
    #[arg(long, env = "HONEYXDP_REPORT_BY_SENSOR")]
    by_sensor: bool,
    /// Directory for the report; it is made if it is not there
    #[arg(long, value_name = "DIR", env = "HONEYXDP_REPORT_OUT")]
    out: PathBuf,
    /// A year, a month or a day, as 2019, 2019-07, 2019-07-01, or FIRST..LAST. Default: all that the archive has
    #[arg(long, value_name = "PERIOD", env = "HONEYXDP_REPORT_PERIOD")]
    period: Option<Period>,
    /// Period that it is set beside: as --period, or none. Default: the one before it, if the archive has rows of it
    #[arg(long, value_name = "PERIOD", env = "HONEYXDP_REPORT_AGAINST", value_parser = against)]
    against: Option<Against>,
    /// Country that is looked at closely: two capital letters of ISO 3166
    #[arg(long, value_name = "COUNTRY", env = "HONEYXDP_REPORT_HOME", default_value = "JP")]
    home: String,
    /// Port whose sources are told apart by kind of malware; may be repeated
    #[arg(
        long = "port",
        value_name = "PORT",
        env = "HONEYXDP_REPORT_PORT",
        value_delimiter = ',',
        default_value = "52869"
    )]
    ports: Vec<u16>,
    /// File with port profiles, TOML, in the place of those that come with this version (contrib/profiles.toml)
    #[arg(long, value_name = "FILE", env = "HONEYXDP_REPORT_PROFILES")]
    profiles: Option<PathBuf>,
    /// MMDB file with countries, in the place of what the sensor wrote
    #[arg(long, value_name = "FILE", env = "HONEYXDP_REPORT_GEOIP")]
    geoip: Option<PathBuf>,
    /// MMDB file with autonomous systems, in the place of what the sensor wrote
    #[arg(long, value_name = "FILE", env = "HONEYXDP_REPORT_ASN")]
    asn: Option<PathBuf>,
    /// Show the passwords of logins
    #[arg(long)]
    show_passwords: bool,
    /// What one point of a figure stands for
    #[arg(long, value_name = "BUCKET", env = "HONEYXDP_REPORT_BUCKET", value_enum, default_value = "day")]
    bucket: Step,
    /// Time zone that days begin and end in, as Asia/Tokyo
    #[arg(long = "tz", value_name = "ZONE", env = "HONEYXDP_REPORT_TZ", default_value = "UTC")]
    zone: String,
    /// Language of the page and the figures
    #[arg(long, value_name = "LANGUAGE", env = "HONEYXDP_REPORT_LANG", value_enum, default_value = "en")]
    lang: Language,
    /// Keep what was found out about each day here, and use what is there: the next report is much faster
    #[arg(long, value_name = "DIR", env = "HONEYXDP_REPORT_ROLLUPS")]
    rollups: Option<PathBuf>,
    /// Memory for the query engine; it goes on in files in the directory of the report when that is full
    #[arg(long, value_name = "SIZE", env = "HONEYXDP_REPORT_MEMORY", value_parser = memory, default_value = "1GiB")]
    memory: usize,
    /// Threads. Default: as many as there are CPUs
    #[arg(long, value_name = "N", env = "HONEYXDP_REPORT_THREADS")]
    threads: Option<NonZero<usize>>,
    /// Make no PNG files
    #[arg(long, env = "HONEYXDP_REPORT_NO_PNG")]
    no_png: bool,
    /// Say as JSON what was made
    #[arg(long)]
    json: bool,
}

/// What the engine needs for a day, bytes.
const LEAST_MEMORY: usize = 64 << 20;

pub(super) fn report(args: Args) -> anyhow::Result<()> {
    let zone = TimeZone::get(&args.zone)
        .ok()
        .with_context(|| format!("there is no time zone {:?}: write it as Asia/Tokyo or UTC.", args.zone))?;
    let mut ports = args.ports;
    ports.sort_unstable();
    ports.dedup();
    let profiles = args.profiles.as_deref().map_or_else(Profiles::own, Profiles::read)?;
    let request = Request {
        archive: args.archive,
        engine: args.engine.map(|scheduler| Asked { scheduler, days: args.days_at_a_time }),
        scope: Scope { sensors: args.sensors, sites: args.sites },
        by_sensor: args.by_sensor,
        period: args.period,
        against: args.against.unwrap_or(Against::Before),
        zone,
        bucket: args.bucket,
        home: args.home,
        ports,
        profiles,
        geo: GeoFiles { country: args.geoip, asn: args.asn },
        show_passwords: args.show_passwords,
        language: args.lang,
        out: args.out,
        rollups: args.rollups,
        memory: args.memory,
        threads: args.threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get),
        png: !args.no_png,
    };
    let report = report::make(&request, &progress)?;
    for warning in &report.warnings {
        eprintln!("honeyxdp-report: {warning}");
    }
    if args.json {
        let times: serde_json::Map<_, _> =
            report.times.iter().map(|(name, time)| (name.clone(), time.as_secs_f64().into())).collect();
        let about = serde_json::json!({
            "page": report.page, "days": report.days.0, "days_known": report.days.1, "seconds": times,
            "warnings": report.warnings,
        });
        println!("{about:#}");
    } else {
        println!("{}", report.page.display());
    }
    Ok(())
}

/// Reads how many days a cluster is asked about at a time. Each is a thread of this process, which waits.
fn days_at_a_time(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(days @ 1..=1024) => Ok(days),
        _ => Err("write a number from 1 to 1024".into()),
    }
}

/// Reads a size of memory that the engine can work with.
pub(super) fn memory(text: &str) -> Result<usize, String> {
    let size: ByteSize = text.parse()?;
    let size = usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
    if size < LEAST_MEMORY { Err("64MiB are the least".into()) } else { Ok(size) }
}

/// Reads a period, or `none`.
fn against(text: &str) -> Result<Against, String> {
    if text == "none" { Ok(Against::Nothing) } else { text.parse().map(Against::Period) }
}

/// Days that are done, on the last line of a terminal.
fn progress(done: usize, of: usize) {
    let mut terminal = io::stderr();
    if terminal.is_terminal() && of > 1 {
        let end = if done == of { "\r\x1b[K" } else { "" };
        // A terminal that went away is not worth a report.
        let _ = write!(terminal, "\rday {done} of {of} ...{end}");
    }
}
