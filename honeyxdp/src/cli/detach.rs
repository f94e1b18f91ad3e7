//! `honeyxdp detach`: remove a pinned program.

use std::path::PathBuf;

use anyhow::bail;

use super::{config::pin_directory, snapshot::print};
use crate::kernel::pins;

/// Remove a pinned program from the kernel
///
/// A sensor started with --pin leaves its program attached and counting when it ends. Remove it from one interface, whose
/// counts stay for the next run, or with --all from every interface, together with the counters. Stop a running sensor
/// first.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(super) struct Args {
    /// Detach from this interface only, and keep its counts
    #[arg(short, long, value_name = "IFACE", group = "what")]
    interface: Option<String>,
    /// Detach from all interfaces, and remove the counters
    #[arg(long, group = "what")]
    all: bool,
    /// Directory of the pins. Default: the one in the settings file, else /sys/fs/bpf/honeyxdp
    #[arg(long, value_name = "DIR", env = "HONEYXDP_PIN_PATH")]
    pin_path: Option<PathBuf>,
}

pub(super) fn detach(args: &Args) -> anyhow::Result<()> {
    let path = pin_directory(args.pin_path.as_deref());
    let directory = path.display();
    if !pins::is_there(&path) {
        bail!(
            "nothing is pinned in {directory}; a sensor without --pin detaches when it ends, and --pin-path names other directories"
        );
    }
    match &args.interface {
        Some(interface) if pins::detach(&path, interface)? => {
            print(&format!("detached from {interface}; its counts are kept in {directory}"))
        }
        Some(interface) => {
            bail!("nothing that is pinned in {directory} is attached to {interface:?}; see `honeyxdp status`")
        }
        None => {
            let links = pins::detach_all(&path)?;
            let s = if links == 1 { "" } else { "s" };
            print(&format!("detached from {links} interface{s}; nothing is left in {directory}"))
        }
    }
}
