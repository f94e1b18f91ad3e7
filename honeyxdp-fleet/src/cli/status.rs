//! `honeyxdp fleet status`: how the sensors are, from the archive alone.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use honeyxdp_archive::{Archive, Table};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::duration;
use crate::{
    Place,
    fetch::{Wanted, fetch},
    status::{self, Limits, State, Status},
};

/// Say how the sensors are: which was up when, what was lost, who fell silent
///
/// Reads the accounts of intervals in an archive, and nothing else: no sensor is asked. A sensor is
/// silent when nothing came from it for longer than --silent. A day is marked when a sensor saw four
/// times as much or as little as its usual day and the change of the others tell. Times are UTC.
///
/// Examples:
///
///   honeyxdp fleet status s3://bucket/honeyxdp
///   honeyxdp fleet status /srv/fleet --last 30d --json
///   honeyxdp fleet status s3://bucket/honeyxdp --check   # exit status 1 if one is silent
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// The archive: a directory, or s3://bucket/prefix, gs://bucket/prefix, az://container/prefix
    #[arg(value_name = "PLACE", env = "HONEYXDP_ARCHIVE")]
    place: String,
    /// How far back to look, as 7d
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "7d")]
    last: SignedDuration,
    /// A sensor that said nothing for so long is silent. Intervals without SYNs are written up to 60 intervals later
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "30m")]
    silent: SignedDuration,
    /// Judge as of this time, as 2026-11-23T12:00Z. Default: now
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Keep what comes from object storage here, so that the next time only what is new comes
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Fail if a sensor is silent
    #[arg(long)]
    check: bool,
    /// Say it as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let at = args.at.unwrap_or_else(Timestamp::now);
    let from = at.checked_sub(args.last).context("that is too far back")?;
    let status = if Place::is_remote(&args.place) {
        let temporary;
        let directory: &Path = match &args.cache {
            Some(directory) => directory,
            None => {
                temporary = tempfile::tempdir()?;
                temporary.path()
            }
        };
        // An interval can have begun a day before.
        let first = from.to_zoned(TimeZone::UTC).date().yesterday()?;
        let wanted = Wanted { tables: &[Table::Accounting], from: Some(first), to: None };
        let place = Place::open(&args.place)?;
        super::runtime()?.block_on(fetch(&place, directory, wanted, &|_, _, _| ()))?;
        read(directory, from, at, args)?
    } else {
        let directory = Path::new(&args.place);
        ensure!(directory.is_dir(), "{} is no directory; name that of an archive", directory.display());
        read(directory, from, at, args)?
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&status)?);
    } else if status.sensors.is_empty() {
        println!("{} has no account of any sensor since {from:.0}", args.place);
    } else {
        print!("{}", status::table(&status));
    }
    let silent = status.sensors.iter().filter(|sensor| sensor.state == State::Silent).count();
    if args.check && (silent > 0 || status.sensors.is_empty()) {
        bail!("{silent} of {} sensors are silent", status.sensors.len());
    }
    Ok(())
}

fn read(directory: &Path, from: Timestamp, at: Timestamp, args: &Args) -> anyhow::Result<Status> {
    status::read(&Archive::new(directory), from, at, Limits { silent: args.silent })
}
