//! The command line of a soak run, which `cargo xtask soak` has too.

use std::path::PathBuf;

/// Let a sensor run for long under everything that happens to one, and see whether it loses, doubles or leaks
///
/// Two network namespaces with a veth between them. One sends mixed traffic: scans, ordinary SYNs, UDP, fragments, VLANs,
/// IPv6, garbage, floods. In the other runs `honeyxdp run` with pins, an archive and HTTP. Meanwhile filters are changed,
/// HTTP is asked, fast and by slow readers, the archive is checked and compacted. In the first half of the run the sensor is
/// also stopped, killed and replaced again and again; in the second half one process stays.
///
/// At every check the sender rests until a snapshot has everything, and then there must be equal, over all restarts: frames
/// and bytes sent and counted, each disposition by itself, frames that the interface received, the intervals' sum, the
/// metrics, flow records, and the rows and accounts of the archive.
///
/// Figures are sampled at every check, with no filter in force and no client connected. "Flat" means: the median of the last
/// third of the samples is at most so much above that of the third before it. Memory (RSS, PSS): 5 % and 4 MiB, over the
/// samples of the second half's one process, if that half has at least five minutes and six samples. File handles and
/// threads: 2. Maps and programs in the kernel, and their memory: nothing. The sensor's directory: 10 % and 1 MiB. The archive
/// may grow. A leak that is slower than that is not found: let it run longer. A map or program of ours that nobody holds any
/// more, and that is still there, is a fault at once.
///
/// Exit status: 0 all equal and flat, 1 not so, with what it was.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long it runs; fractions are fine
    #[arg(long, value_name = "N", default_value_t = 60.0, value_parser = positive)]
    pub(crate) minutes: f64,
    /// Frames a second, on average
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    pub(crate) rate: u32,
    /// What is sent and what is done when come from this number; the machine's own timing does not
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Seconds between two checks
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = positive)]
    pub(crate) every: f64,
    /// Restarts at least: on a machine that is too slow for them it takes longer
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) restarts: u64,
    /// Also write all samples, figures and faults to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Send so many frames without telling: the run has to fail, which a test looks at
    #[arg(long, value_name = "N", default_value_t = 0, hide = true)]
    pub(crate) untold: u64,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("give a number above 0, as 60 or 0.5".to_owned()),
    }
}
