//! `honeyxdp-report compare`: leaked lists against the sources that an archive holds.

use std::path::PathBuf;

use bytesize::ByteSize;
use encoding_rs::Encoding;

use crate::{
    compare::{self, Question, Reading},
    escape,
    flows::Archive,
    period::{Period, Step},
    view::print,
};

/// Compare leaked lists of devices with the sources that were seen
///
/// Lists are text, one address a line: `ip`, `ip:port user:pass`, `ip user pass`, `ip:port:user:pass`, or CSV with or without
/// a header; UTF-8, UTF-16 or Latin-1; gzip or not; of any size. Tells how many lines could be read, how many addresses there
/// are, how many of those the archive has seen, by family and time, and which credentials are frequent.
/// docs/use/lists-and-campaigns.md says what
/// each number means.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Lists to read; `-` is standard input
    #[arg(value_name = "LIST", required = true)]
    lists: Vec<PathBuf>,
    /// Directory of the archive, as in `honeyxdp run --archive`. Without it the lists alone are looked at
    #[arg(long, value_name = "DIR", env = "HONEYXDP_ARCHIVE")]
    archive: Option<PathBuf>,
    /// Days of the archive, UTC: 2019, 2019-07, 2019-07-15 or 2019-07-01..2019-09-30. Default: all
    #[arg(long, value_name = "PERIOD", env = "HONEYXDP_PERIOD")]
    period: Option<Period>,
    /// Buckets of time that the overlap is told for
    #[arg(long, value_name = "STEP", env = "HONEYXDP_BY", default_value = "month")]
    by: Step,
    /// Credentials to rank
    #[arg(long, value_name = "N", env = "HONEYXDP_TOP", default_value_t = 20)]
    top: usize,
    /// Show passwords, and lines that could not be read, as they are
    #[arg(long)]
    show_passwords: bool,
    /// Encoding of all lists, such as shift_jis, gbk or windows-1251. Default: told by their first bytes
    #[arg(long, value_name = "NAME", env = "HONEYXDP_ENCODING", value_parser = encoding)]
    encoding: Option<&'static Encoding>,
    /// Most bytes that a gzip file may unpack to; the rest of it is not read
    #[arg(long, value_name = "SIZE", env = "HONEYXDP_MAX_UNPACKED", default_value = "64GiB")]
    max_unpacked: ByteSize,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn compare(args: &Args) -> anyhow::Result<()> {
    let archive = args.archive.as_deref().map(|directory| Archive::open(directory, args.period)).transpose()?;
    let comparison = compare::compare(&Question {
        lists: &args.lists,
        reading: Reading { encoding: args.encoding, most_unpacked: args.max_unpacked.as_u64() },
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
            "{} could not be read to its end, and the numbers are of what is before: {}",
            escape::text(&list.name),
            escape::text(damage)
        ),
    }
}

fn encoding(name: &str) -> Result<&'static Encoding, String> {
    Encoding::for_label(name.as_bytes())
        .ok_or_else(|| "no such encoding: try shift_jis, gbk, windows-1251 or utf-8".to_owned())
}
