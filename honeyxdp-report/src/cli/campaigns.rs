//! `honeyxdp-report campaigns`: research scanners in an archive.

use std::path::PathBuf;

use bytesize::ByteSize;

use crate::{
    campaigns::{CampaignOptions, find, known::KnownScanners, show},
    escape,
    flows::FlowArchive,
    period::Period,
    view::print,
};

/// Find research scanners in an archive
///
/// Shows the activity of known scanners, and finds unknown ones: sources of one network (/24, or /48 of IPv6) that use one tool,
/// with their ports, first and last day, cadence, and whether they are still active. docs/use/lists-and-campaigns.md explains the method.
/// contrib/known-scanners.toml is an example of a file of known scanners.
///
/// Example: honeyxdp campaigns --archive DIR --known-scanners scanners.toml --period 2019
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory of the archive, as in `honeyxdp run --archive`
    #[arg(long, value_name = "DIR", env = "HONEYXDP_ARCHIVE")]
    archive: PathBuf,
    /// TOML file with known scanners
    #[arg(long, value_name = "FILE", env = "HONEYXDP_KNOWN_SCANNERS")]
    known_scanners: Option<PathBuf>,
    /// Days of the archive, UTC: 2019, 2019-07, 2019-07-15 or 2019-07-01..2019-09-30. Default: all
    #[arg(long, value_name = "PERIOD", env = "HONEYXDP_PERIOD")]
    period: Option<Period>,
    /// Families of the scanning tools of unknown scanners, as in `honeyxdp fingerprints`
    #[arg(
        long,
        value_name = "FAMILY",
        env = "HONEYXDP_TOOL",
        value_delimiter = ',',
        default_value = "zmap,zmap4,masscan,nmap,unicornscan,naabu,hping3"
    )]
    tool: Vec<String>,
    /// Minimum SYNs of a network in the output
    #[arg(long, value_name = "N", env = "HONEYXDP_MIN_PACKETS", default_value_t = 100)]
    min_packets: u64,
    /// Maximum number of networks, those with most SYNs first
    #[arg(long, value_name = "N", env = "HONEYXDP_TOP", default_value_t = 50)]
    top: usize,
    /// Memory for networks; when it is full, networks with the fewest SYNs are evicted, and the output says so
    #[arg(long, value_name = "SIZE", env = "HONEYXDP_MEMORY", default_value = "1GiB")]
    memory: ByteSize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn campaigns(args: &Args) -> anyhow::Result<()> {
    let known = args.known_scanners.as_deref().map(KnownScanners::read).transpose()?.unwrap_or_default();
    let archive = FlowArchive::open(&args.archive, args.period)?;
    let campaigns = find(&CampaignOptions {
        archive: &archive,
        known: &known,
        tools: &args.tool,
        min_packets: args.min_packets,
        top: args.top,
        memory: usize::try_from(args.memory.as_u64()).unwrap_or(usize::MAX),
    })?;
    print(&if args.json { escape::json(&campaigns)? } else { show(&campaigns) })?;
    Ok(())
}
