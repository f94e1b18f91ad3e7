//! `honeyxdp fleet fetch`: bring an archive from object storage into a directory.

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use bytesize::ByteSize;
use honeyxdp_archive::Table;
use jiff::civil::Date;

use crate::{
    Place,
    fetch::{Fetched, Wanted, fetch},
};

/// Bring an archive from object storage into a directory
///
/// `honeyxdp compare`, `campaigns`, `archive check` and everything else that reads directories can read it
/// then. Run it again, and only what is new comes.
///
/// Example:
///
///   honeyxdp fleet fetch s3://bucket/honeyxdp /srv/fleet --from 2026-11-01
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Args {
    /// Where from: s3://bucket/prefix, gs://bucket/prefix, az://container/prefix
    #[arg(value_name = "PLACE")]
    place: String,
    /// Directory for it; it is made if it is not there
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Only dates from this one on, as 2026-11-01
    #[arg(long, value_name = "DATE")]
    from: Option<Date>,
    /// Only dates up to this one
    #[arg(long, value_name = "DATE")]
    to: Option<Date>,
    /// Say as JSON what was done
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let place = Place::open(&args.place)?;
    fs::create_dir_all(&args.directory).with_context(|| format!("cannot make {}", args.directory.display()))?;
    let wanted = Wanted { tables: &Table::ALL, from: args.from, to: args.to };
    let progress_of = |date: Date, done, of| super::progress(&format!("{date}: file"), done, of);
    let done = super::runtime()?.block_on(fetch(&place, &args.directory, wanted, &progress_of))?;
    let Fetched { files, bytes, known, merged } = done;
    if args.json {
        let done = serde_json::json!({ "files": files, "bytes": bytes, "known": known, "merged": merged });
        println!("{done:#}");
    } else {
        println!(
            "{files} files, {}, came; {known} were there, {merged} that were merged are removed",
            ByteSize::b(bytes)
        );
    }
    Ok(())
}
