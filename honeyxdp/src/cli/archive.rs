//! The archive on the command line: what goes into it, and `honeyxdp archive`, which looks after one.

use std::{
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use bytesize::ByteSize;
use clap::Subcommand;
use honeyxdp_archive::{Archive, Checked, ConvertStep, Retention, Step};
use jiff::{SignedDuration, Span, Timestamp};
use serde_json::json;

use super::snapshot::print;
use crate::{archive::Options, config::Fault, snapshot::Sensor};

/// Where flow records are kept.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Archive")]
pub(super) struct ArchiveArgs {
    /// Directory of an archive: flow records with source addresses, as Parquet files; docs/use/archive.md describes them. Or a place
    /// on object storage that they are uploaded to, as s3://bucket/prefix; docs/operate/fleet-and-privacy.md
    #[arg(long, value_name = "DIR|PLACE", env = "HONEYXDP_ARCHIVE")]
    archive: Option<Target>,
    /// Countries of sources, for the archive: an MMDB file as GeoLite2-Country, DB-IP or with country_code
    #[arg(long, value_name = "FILE", env = "HONEYXDP_GEOIP")]
    geoip: Option<PathBuf>,
    /// Networks of sources, for the archive: an MMDB file as GeoLite2-ASN or DB-IP
    #[arg(long, value_name = "FILE", env = "HONEYXDP_ASN")]
    asn: Option<PathBuf>,
}

/// Where an archive is.
#[derive(Clone, Debug)]
enum Target {
    /// A directory of this machine.
    Directory(PathBuf),
    /// A place on object storage, as honeyxdp-fleet reads it.
    Place(String),
}

impl From<&str> for Target {
    fn from(text: &str) -> Self {
        if text.contains("://") { Self::Place(text.to_owned()) } else { Self::Directory(text.into()) }
    }
}

/// What a sensor keeps of its archive.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Archive")]
pub(super) struct UpkeepArgs {
    /// With an archive on object storage: directory where files wait until they are uploaded, and for a day after. Default: archive
    /// in the directory of --out
    #[arg(long, value_name = "DIR", env = "HONEYXDP_ARCHIVE_SPOOL")]
    archive_spool: Option<PathBuf>,
    /// Keep dates of the archive that ended less than this long ago, as 400d. Default: all
    #[arg(long, value_name = "TIME", env = "HONEYXDP_ARCHIVE_AGE", value_parser = age)]
    archive_age: Option<SignedDuration>,
    /// Keep so much of the archive: beyond it the oldest dates go, as 100GiB. Default: all
    #[arg(long, value_name = "SIZE", env = "HONEYXDP_ARCHIVE_SIZE")]
    archive_size: Option<ByteSize>,
}

impl ArchiveArgs {
    /// The archive in a directory, if there shall be one.
    ///
    /// # Errors
    /// Returns an error if flags of an archive are given without one.
    pub(super) fn options(
        &self,
        directory: Option<PathBuf>,
        sensor: &Sensor,
        upkeep: Option<Retention>,
        live: bool,
    ) -> Result<Option<Options>, Fault> {
        self.judge()?;
        let Some(directory) = directory else { return Ok(None) };
        let (sensor, site) = (sensor.id.clone(), sensor.site.clone());
        let (country, asn) = (self.geoip.clone(), self.asn.clone());
        Ok(Some(Options { directory, sensor, site, country, asn, upkeep, live }))
    }

    /// Its directory, if there shall be one, where it is not to be uploaded.
    pub(super) fn directory(&self) -> anyhow::Result<Option<PathBuf>> {
        match &self.archive {
            None => Ok(None),
            Some(Target::Directory(directory)) => Ok(Some(directory.clone())),
            Some(Target::Place(place)) => {
                bail!("name a directory, and then upload it: `honeyxdp fleet upload DIR {place} --once`")
            }
        }
    }

    /// Its directory, if it is in one.
    fn local(&self) -> Option<PathBuf> {
        match &self.archive {
            Some(Target::Directory(directory)) => Some(directory.clone()),
            _ => None,
        }
    }

    /// The place on object storage that it is uploaded to, if it is.
    pub(super) fn place(&self) -> Option<&str> {
        match &self.archive {
            Some(Target::Place(place)) => Some(place),
            _ => None,
        }
    }

    /// Checks that databases are only set with an archive.
    pub(super) fn judge(&self) -> Result<(), Fault> {
        let set = [("geoip", self.geoip.is_some()), ("asn", self.asn.is_some())];
        let set: Vec<_> = set.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect();
        if self.archive.is_some() || set.is_empty() {
            return Ok(());
        }
        Err(Fault::new(set, ": only an archive has countries and networks; set archive to its directory"))
    }

    /// Files that are read again when they change.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.geoip.iter().chain(&self.asn).map(PathBuf::as_path)
    }
}

impl UpkeepArgs {
    pub(super) fn retention(&self) -> Retention {
        Retention { age: self.archive_age, bytes: self.archive_size.map(|size| size.as_u64()) }
    }

    /// The directory that files are written to, if there shall be an archive. `out` is the directory of snapshots.
    ///
    /// # Errors
    /// When flags contradict each other.
    pub(super) fn directory(&self, archive: &ArchiveArgs, out: &Path) -> Result<Option<PathBuf>, Fault> {
        if archive.place().is_none() {
            if self.archive_spool.is_some() {
                let what = " is for an archive on object storage: set archive to its address, as s3://bucket/prefix";
                return Err(Fault::new(["archive-spool"], what));
            }
            return Ok(archive.local());
        }
        let local = [("archive-age", self.archive_age.is_some()), ("archive-size", self.archive_size.is_some())];
        let local: Vec<_> = local.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect();
        if !local.is_empty() {
            let what = ": an archive on object storage is pruned by the rules of its bucket; leave this out";
            return Err(Fault::new(local, what));
        }
        Ok(Some(self.archive_spool.clone().unwrap_or_else(|| out.join("archive"))))
    }
}

/// Look after an archive
///
/// A running sensor merges and removes files by itself; for archives of replays, or that others have written, do it here.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
    /// Print the result as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read every file to its end and compare it with its name, its footer and the accounts of intervals
    Check {
        /// Directory of the archive
        #[arg(env = "HONEYXDP_ARCHIVE")]
        dir: PathBuf,
    },
    /// Merge the files of every hour, and of every date, that is over. It may be killed at any time
    Compact {
        /// Directory of the archive
        #[arg(env = "HONEYXDP_ARCHIVE")]
        dir: PathBuf,
    },
    /// Convert an archive of honeyxdp 0.1.0 to the current tables, file by file
    ///
    /// Stop the sensors that write to it first. The command can be killed at any time; run it again to resume.
    Convert {
        /// Directory of the archive
        #[arg(env = "HONEYXDP_ARCHIVE")]
        dir: PathBuf,
        /// Only report what would be converted
        #[arg(long)]
        dry_run: bool,
    },
    /// Remove whole dates, the oldest first. The present date stays
    Prune {
        /// Directory of the archive
        #[arg(env = "HONEYXDP_ARCHIVE")]
        dir: PathBuf,
        /// Keep dates that ended less than this long ago, as 400d
        #[arg(long, value_name = "TIME", env = "HONEYXDP_ARCHIVE_AGE", value_parser = age, required_unless_present = "size")]
        age: Option<SignedDuration>,
        /// Remove the oldest dates until the rest has at most this size, as 100GiB
        #[arg(long, value_name = "SIZE", env = "HONEYXDP_ARCHIVE_SIZE")]
        size: Option<ByteSize>,
    },
}

pub(super) fn archive(args: &Args) -> anyhow::Result<()> {
    match &args.command {
        Command::Check { dir } => check(&open(dir)?, args.json),
        Command::Compact { dir } => compact(&open(dir)?, args.json),
        Command::Convert { dir, dry_run } => convert(&open(dir)?, *dry_run, args.json),
        Command::Prune { dir, age, size } => {
            let retention = Retention { age: *age, bytes: size.map(|size| size.as_u64()) };
            prune(&open(dir)?, &retention, args.json)
        }
    }
}

fn open(directory: &Path) -> anyhow::Result<Archive> {
    if !directory.is_dir() {
        bail!("{} is no directory; name that of an archive, as given to `honeyxdp run --archive`", directory.display());
    }
    Ok(Archive::new(directory))
}

fn check(archive: &Archive, json: bool) -> anyhow::Result<()> {
    let found = honeyxdp_archive::check(archive)?;
    let Checked { files, bytes, rows, packets, intervals, syns, missing, .. } = &found;
    let Checked { payloads, payloads_missing, leftovers, problems, .. } = &found;
    if json {
        print(&serde_json::to_string_pretty(&json!({
            "files": files, "bytes": bytes, "rows": rows, "packets": packets,
            "intervals": intervals, "syns": syns, "missing": missing,
            "payloads": payloads, "payloads_missing": payloads_missing, "leftovers": leftovers, "problems": problems,
        }))?)?;
    } else {
        for problem in problems {
            print(&format!("wrong: {}", problem.escape_debug()))?;
        }
        for leftover in leftovers {
            print(&format!("left over, `honeyxdp archive compact` removes it: {}", leftover.escape_debug()))?;
        }
        print(&format!(
            "{files} files, {}: {rows} rows with {packets} SYNs; {intervals} intervals with {syns} SYNs, {missing} of them in no row",
            ByteSize::b(*bytes)
        ))?;
        if payloads + payloads_missing > 0 {
            print(&format!("{payloads} payloads; {payloads_missing} that were captured are in no row"))?;
        }
    }
    match problems.len() {
        0 => Ok(()),
        1 => bail!("one thing is wrong with the archive"),
        many => bail!("{many} things are wrong with the archive"),
    }
}

fn compact(archive: &Archive, json: bool) -> anyhow::Result<()> {
    let done = honeyxdp_archive::compact(archive, Timestamp::now(), |step| {
        if let Step::Named(name) = step {
            tracing::debug!("merged {name}");
        }
    })?;
    if json {
        return print(&serde_json::to_string_pretty(&json!({
            "merged": done.merged, "into": done.into, "rows": done.rows,
            "leftovers": done.leftovers, "unreadable": done.unreadable,
        }))?);
    }
    print(&format!(
        "{} files merged into {}, {} rows; {} left over were removed",
        done.merged, done.into, done.rows, done.leftovers
    ))?;
    if done.unreadable > 0 {
        print(&format!(
            "{} files cannot be read and were left alone; `honeyxdp archive check` names them",
            done.unreadable
        ))?;
    }
    Ok(())
}

fn convert(archive: &Archive, dry_run: bool, json: bool) -> anyhow::Result<()> {
    let is_terminal = io::stderr().is_terminal();
    let done = honeyxdp_archive::convert(archive, dry_run, |step, seen, total| {
        if let (true, ConvertStep::Begun(path)) = (is_terminal, step) {
            let name = path.file_name().unwrap_or_default().display().to_string();
            eprint!("\r\x1b[Kfile {} of {total}: {}", seen + 1, name.escape_debug());
        }
    });
    if is_terminal {
        eprint!("\r\x1b[K");
    }
    let done = done.context("the conversion stopped; every row is kept, run the command again to resume")?;
    if json {
        print(&serde_json::to_string_pretty(&json!({
            "dry_run": dry_run, "files": done.files, "rows": done.rows, "bytes_before": done.bytes_before,
            "bytes_after": done.bytes_after, "current": done.current, "problems": done.problems,
        }))?)?;
    } else {
        for problem in &done.problems {
            print(&format!("not converted: {}", problem.escape_debug()))?;
        }
        let before = ByteSize::b(done.bytes_before);
        print(&if dry_run {
            format!("{} files to be converted, {} rows, {before}; {} are current", done.files, done.rows, done.current)
        } else {
            let after = ByteSize::b(done.bytes_after);
            format!(
                "{} files converted, {} rows, {before} to {after}; {} were current",
                done.files, done.rows, done.current
            )
        })?;
    }
    match done.problems.len() {
        0 => Ok(()),
        1 => bail!("one file cannot be converted and was left as it is; remove it or restore it from a backup"),
        many => bail!("{many} files cannot be converted and were left as they are; remove or restore them"),
    }
}

fn prune(archive: &Archive, retention: &Retention, json: bool) -> anyhow::Result<()> {
    let done = honeyxdp_archive::prune(archive, retention, Timestamp::now())?;
    if json {
        let dates: Vec<String> = done.dates.iter().map(ToString::to_string).collect();
        return print(&serde_json::to_string_pretty(&json!({
            "dates": dates, "files": done.files, "bytes": done.bytes, "left": done.left,
        }))?);
    }
    print(&format!(
        "{} dates removed, {} files, {}; {} are left",
        done.dates.len(),
        done.files,
        ByteSize::b(done.bytes),
        ByteSize::b(done.left)
    ))
}

/// Reads an age: days have 24 hours.
fn age(text: &str) -> Result<SignedDuration, String> {
    let wrong = || "write it as 400d, 8w or 12h".to_owned();
    let span: Span = text.parse().map_err(|_| wrong())?;
    let age = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    if age.is_positive() { Ok(age) } else { Err("it is longer than nothing".to_owned()) }
}
