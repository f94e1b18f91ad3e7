//! `honeyxdp-report campaigns`: the surveys in an archive.

use std::path::PathBuf;

use bytesize::ByteSize;

use crate::{
    campaigns::{Question, find, rules::Rules, show},
    escape,
    flows::Archive,
    period::Period,
    view::print,
};

/// Find the surveys in an archive
///
/// Tells of known surveys, which a file of rules names, what they did; and finds unknown ones: sources of one network (/24, or /48
/// of IPv6) that use one tool, with their ports, first and last day, how regularly they come, and whether they still do.
/// docs/use/lists-and-campaigns.md says how that is told. contrib/known-scanners.toml is an example of a file of rules.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory of the archive, as in `honeyxdp run --archive`
    #[arg(long, value_name = "DIR", env = "HONEYXDP_ARCHIVE")]
    archive: PathBuf,
    /// File that names known surveys, TOML
    #[arg(long, value_name = "FILE", env = "HONEYXDP_RULES")]
    rules: Option<PathBuf>,
    /// Days of the archive, UTC: 2019, 2019-07, 2019-07-15 or 2019-07-01..2019-09-30. Default: all
    #[arg(long, value_name = "PERIOD", env = "HONEYXDP_PERIOD")]
    period: Option<Period>,
    /// Tools by which unknown surveys are looked for, as families of docs/use/fingerprints.md
    #[arg(
        long,
        value_name = "FAMILY",
        env = "HONEYXDP_TOOL",
        value_delimiter = ',',
        default_value = "zmap,zmap4,masscan,nmap,unicornscan,naabu,hping3"
    )]
    tool: Vec<String>,
    /// SYNs that a network has to have sent to be told
    #[arg(long, value_name = "N", env = "HONEYXDP_MIN_PACKETS", default_value_t = 100)]
    min_packets: u64,
    /// Networks to tell, those with the most SYNs first
    #[arg(long, value_name = "N", env = "HONEYXDP_TOP", default_value_t = 50)]
    top: usize,
    /// Memory for networks; those with the fewest SYNs are given up when it is used, and that is said
    #[arg(long, value_name = "SIZE", env = "HONEYXDP_MEMORY", default_value = "1GiB")]
    memory: ByteSize,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn campaigns(args: &Args) -> anyhow::Result<()> {
    let rules = args.rules.as_deref().map(Rules::read).transpose()?.unwrap_or_default();
    let archive = Archive::open(&args.archive, args.period)?;
    let campaigns = find(&Question {
        archive: &archive,
        rules: &rules,
        tools: &args.tool,
        min_packets: args.min_packets,
        top: args.top,
        memory: usize::try_from(args.memory.as_u64()).unwrap_or(usize::MAX),
    })?;
    print(&if args.json { escape::json(&campaigns)? } else { show(&campaigns) })?;
    Ok(())
}
