//! `honeyxdp-report compare`: leaked lists against the sources of an archive.

use std::path::PathBuf;

use bytesize::ByteSize;
use encoding_rs::Encoding;

use crate::{
    compare::{self, CompareOptions, ReadOptions},
    escape,
    flows::FlowArchive,
    period::{Period, Step},
    view::print,
};

/// Compare leaked lists of devices with observed sources
///
/// Lists are text with one address per line: `ip`, `ip:port user:pass`, `ip user pass`, `ip:port:user:pass`, or CSV with or
/// without a header; UTF-8, UTF-16 or Latin-1; plain or gzip; of any size. Shows how many lines could be parsed, how many
/// addresses there are, how many of them are sources in the archive, by family and time, and the most frequent credentials.
/// docs/use/lists-and-campaigns.md explains each number.
///
/// Example: honeyxdp compare list.txt.gz --archive DIR --period 2019
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Lists; `-` is standard input
    #[arg(value_name = "LIST", required = true)]
    lists: Vec<PathBuf>,
    /// Directory of the archive, as in `honeyxdp run --archive`. Without it, only the lists are analyzed
    #[arg(long, value_name = "DIR", env = "HONEYXDP_ARCHIVE")]
    archive: Option<PathBuf>,
    /// Days of the archive, UTC: 2019, 2019-07, 2019-07-15 or 2019-07-01..2019-09-30. Default: all
    #[arg(long, value_name = "PERIOD", env = "HONEYXDP_PERIOD")]
    period: Option<Period>,
    /// Length of the time buckets of the overlap
    #[arg(long, value_name = "STEP", env = "HONEYXDP_BY", default_value = "month")]
    by: Step,
    /// Number of credentials in the ranking
    #[arg(long, value_name = "N", env = "HONEYXDP_TOP", default_value_t = 20)]
    top: usize,
    /// Show passwords and unparsable lines
    #[arg(long)]
    show_passwords: bool,
    /// Encoding of all lists, such as shift_jis, gbk or windows-1251. Default: detected
    #[arg(long, value_name = "NAME", env = "HONEYXDP_ENCODING", value_parser = encoding)]
    encoding: Option<&'static Encoding>,
    /// Maximum unpacked size of a gzip file; the rest is ignored
    #[arg(long, value_name = "SIZE", env = "HONEYXDP_MAX_UNPACKED", default_value = "64GiB")]
    max_unpacked: ByteSize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn compare(args: &Args) -> anyhow::Result<()> {
    let archive = args.archive.as_deref().map(|directory| FlowArchive::open(directory, args.period)).transpose()?;
    let comparison = compare::compare(&CompareOptions {
        lists: &args.lists,
        reading: ReadOptions { encoding: args.encoding, most_unpacked: args.max_unpacked.as_u64() },
        archive: archive.as_ref(),
        step: args.by,
        top: args.top,
        show_passwords: args.show_passwords,
    })?;
    print(&if args.json { escape::json(&comparison)? } else { compare::show(&comparison) })?;
    let damaged = comparison.lists.iter().find_map(|list| Some((list, list.damage.as_ref()?)));
    match damaged {
        None => Ok(()),
        Some((list, damage)) => anyhow::bail!(
            "{} could not be read completely; the numbers cover the part before the error: {}",
            escape::text(&list.name),
            escape::text(damage)
        ),
    }
}

fn encoding(name: &str) -> Result<&'static Encoding, String> {
    Encoding::for_label(name.as_bytes())
        .ok_or_else(|| "unknown encoding: try shift_jis, gbk, windows-1251 or utf-8".to_owned())
}
