//! `honeyxdp import`: logs of other honeypots become payloads of an archive.

use std::{
    collections::HashMap,
    fs::File,
    hash::{BuildHasher as _, RandomState},
    io::{self, Read},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{Subcommand, builder::NonEmptyStringValueParser};
use honeyxdp_archive::{Archive, Attribution, CaptureMode, Geo, PayloadKey, PayloadRow, Writer};
use honeyxdp_signatures::{Signatures, logs};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::json;

use super::{signatures, snapshot::print};
use crate::payloads::classify::{Labelled, labelled};

const HOUR_MS: i64 = 3_600_000;

/// Add logs of other honeypots to an archive
///
/// Commands, downloads and logins become payloads, classified by the signatures, with the times of the log. Lines that
/// cannot be read are counted and skipped. Importing a log again adds nothing; importing a longer one adds what is new.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
                        honeyxdp import cowrie --archive /srv/honeyxdp/archive cowrie.json.2019-07-*\n  \
                        zcat dionaea.json.gz | honeyxdp import dionaea --archive /srv/honeyxdp/archive -")]
pub(super) struct Args {
    #[command(subcommand)]
    honeypot: Honeypot,
    /// Print the result as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Honeypot {
    /// Import logs of Cowrie: JSON, or tables of its sessions (CSV)
    Cowrie(LogArgs),
    /// Import logs of Dionaea: JSON
    Dionaea(LogArgs),
}

/// What is imported, and where to.
#[derive(Debug, clap::Args)]
struct LogArgs {
    /// Log files, plain or compressed with gzip; - is standard input
    #[arg(value_name = "LOG", required = true)]
    logs: Vec<PathBuf>,
    /// Directory of the archive; it is created if missing
    #[arg(long, value_name = "DIR", env = "HONEYXDP_ARCHIVE")]
    archive: PathBuf,
    /// Id of the honeypot in the archive. It must not be that of a running sensor
    #[arg(long, value_name = "ID", default_value = "honeypot", value_parser = NonEmptyStringValueParser::new())]
    sensor_id: String,
    /// File of signatures. Default: the built-in signatures
    #[arg(long, value_name = "FILE", env = "HONEYXDP_SIGNATURES")]
    signatures: Option<PathBuf>,
    /// Countries of sources: an MMDB file as GeoLite2-Country, DB-IP or with country_code
    #[arg(long, value_name = "FILE", env = "HONEYXDP_GEOIP")]
    geoip: Option<PathBuf>,
    /// Networks of sources: an MMDB file as GeoLite2-ASN or DB-IP
    #[arg(long, value_name = "FILE", env = "HONEYXDP_ASN")]
    asn: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug, Default)]
struct Imported {
    payloads: u64,
    logins: u64,
    /// Rows that the archive had already.
    known: u64,
    /// Connections that said nothing.
    silent: u64,
}

/// Imports the logs.
pub(super) fn import(args: &Args) -> anyhow::Result<()> {
    let json = args.json;
    let (Honeypot::Cowrie(args) | Honeypot::Dionaea(args)) = &args.honeypot;
    let mut importer = Importer::open(args)?;
    let mut reader = logs::LogReader::new();
    for log in &args.logs {
        let before = reader.counts().lines;
        let broken =
            |error: io::Error| anyhow::Error::from(error).context(format!("cannot read {}", signatures::shown(log)));
        for observation in reader.read(open(log)?).map_err(broken)? {
            importer.take(observation.map_err(broken)?)?;
        }
        tracing::info!("{}: {} lines", signatures::shown(log), reader.counts().lines - before);
    }
    for observation in reader.finish().collect::<Vec<_>>() {
        importer.take(observation)?;
    }
    let Imported { payloads, logins, known, silent } = importer.finish()?;
    let counts = reader.counts();
    if json {
        return signatures::print_json(&json!({
            "lines": counts.lines, "broken": counts.broken, "others": counts.others, "payloads": payloads,
            "logins": logins, "known": known, "silent": silent,
        }));
    }
    print(&format!(
        "{} lines: {payloads} payloads and {logins} logins are new in the archive, {known} were there; {silent} connections said \
         nothing, {} lines are about other things, {} cannot be read",
        counts.lines, counts.others, counts.broken
    ))?;
    if let Some((line, why)) = &counts.first_broken {
        print(&format!("the first that cannot be read is line {line} of its file: {}", why.escape_debug()))?;
    }
    Ok(())
}

fn open(log: &Path) -> anyhow::Result<Box<dyn Read>> {
    if log == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(File::open(log).with_context(|| format!("cannot read {}", signatures::shown(log)))?))
}

struct Importer {
    archive: Archive,
    sensor: String,
    writer: Writer,
    geo: Geo,
    rules: Signatures,
    known: Known,
    done: Imported,
}

impl Importer {
    fn open(args: &LogArgs) -> anyhow::Result<Self> {
        let rules = signatures::rules(args.signatures.as_deref())?;
        let geo = Geo::open(args.geoip.as_deref(), args.asn.as_deref())?;
        let archive = Archive::new(&args.archive);
        let writer = Writer::open(&archive, &args.sensor_id, 1)
            .with_context(|| format!("cannot write to the archive {}", signatures::shown(&args.archive)))?;
        let (sensor, known) = (args.sensor_id.clone(), Known::default());
        Ok(Self { archive, sensor, writer, geo, rules, known, done: Imported::default() })
    }

    fn take(&mut self, observation: logs::Observation) -> anyhow::Result<()> {
        let logs::Observation { time_ms, src, src_port: sport, dst_port: dport, login, text, .. } = observation;
        if login.is_none() && text.is_empty() {
            self.done.silent += 1;
            return Ok(());
        }
        let Labelled { exploit, family, url: [url_host, url_path, url_file] } = labelled(&self.rules, &text);
        let place = self.geo.place(src);
        let (username, password) = login.map(|login| (login.user, login.password)).unzip();
        let mut payload = PayloadRow {
            interval_start: time_ms - time_ms.rem_euclid(HOUR_MS),
            time: time_ms,
            src,
            // 0 where the log does not say it.
            src_port: sport.unwrap_or(0),
            dst_port: dport.unwrap_or(0),
            protocol: honeyxdp_archive::TCP,
            capture_mode: CaptureMode::Imported,
            exploit,
            family: family.unwrap_or(Attribution::Unattributed),
            url_host,
            url_path,
            url_file,
            username,
            password,
            length: u32::try_from(text.len()).unwrap_or(u32::MAX),
            payload: text,
            country: place.country,
            asn: place.asn,
        };
        // As it will be in the archive, to be compared with what is there.
        payload.truncate();
        if self.known.take(&self.archive, &self.sensor, &payload)? {
            self.done.known += 1;
            return Ok(());
        }
        let counter = if payload.username.is_some() { &mut self.done.logins } else { &mut self.done.payloads };
        *counter += 1;
        Ok(self.writer.push_payload(payload)?)
    }

    fn finish(mut self) -> anyhow::Result<Imported> {
        self.writer.flush()?;
        Ok(self.done)
    }
}

/// Rows that were imported before: a log that comes again, or one that goes on, adds only what is new.
#[derive(Default)]
struct Known {
    hasher: RandomState,
    /// Of each date that was asked for, how often a row was there when the import began.
    dates: HashMap<Date, HashMap<u64, u64>>,
}

impl Known {
    /// Whether the archive had this row, and one more of them than was asked for until now.
    fn take(&mut self, archive: &Archive, sensor: &str, payload: &PayloadRow) -> anyhow::Result<bool> {
        let time = Timestamp::from_millisecond(payload.time)?;
        let date = time.to_zoned(TimeZone::UTC).date();
        if !self.dates.contains_key(&date) {
            let rows = self.rows(archive, sensor, date)?;
            self.dates.insert(date, rows);
        }
        let hash = self.hasher.hash_one(PayloadKey::from(payload));
        let left = self.dates.get_mut(&date).and_then(|rows| rows.get_mut(&hash)).filter(|left| **left > 0);
        Ok(left.map(|left| *left -= 1).is_some())
    }

    fn rows(&self, archive: &Archive, sensor: &str, date: Date) -> anyhow::Result<HashMap<u64, u64>> {
        let mut rows = HashMap::new();
        archive.each_payload(sensor, date, |key| *rows.entry(self.hasher.hash_one(key)).or_default() += 1)?;
        Ok(rows)
    }
}
