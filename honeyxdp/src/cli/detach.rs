//! `honeyxdp detach`: take off what a sensor has pinned.

use std::path::PathBuf;

use anyhow::bail;

use super::{config::pin_directory, snapshot::print};
use crate::kernel::pins;

/// Take off what is pinned in the kernel
///
/// A sensor that was started with --pin leaves its program attached and counting when it ends. This takes it off: from one
/// interface, whose counts stay for the next run, or with --all from every one, and then its counters are gone too. A sensor
/// that runs has to be stopped first.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(super) struct Args {
    /// Take it off this interface only, and keep its counts
    #[arg(short, long, value_name = "IFACE", group = "what")]
    interface: Option<String>,
    /// Take it off all interfaces, and end its counts
    #[arg(long, group = "what")]
    all: bool,
    /// Directory of the pins. Default: the one in the file of settings, else /sys/fs/bpf/honeyxdp
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
