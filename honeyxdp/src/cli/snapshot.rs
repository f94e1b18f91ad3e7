//! `honeyxdp snapshot`: the newest snapshot of a sensor.

use std::path::PathBuf;

use super::config::directory;
use crate::{
    snapshot::{json_schema, store},
    view::{self, Room},
};

/// Show the newest snapshot
///
/// Reads snapshot.json of a running or stopped sensor, as a table or as the JSON it is.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory that the sensor writes to. Default: the one in its file of settings, else /var/lib/honeyxdp
    #[arg(long, value_name = "DIR", env = "HONEYXDP_OUT")]
    out: Option<PathBuf>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    /// Print the JSON Schema of snapshots instead
    #[arg(long)]
    schema: bool,
}

pub(super) fn snapshot(args: &Args) -> anyhow::Result<()> {
    if args.schema {
        return print(&serde_json::to_string_pretty(&json_schema())?);
    }
    let snapshot = store::read(&directory(args.out.as_deref()))?;
    if args.json {
        return print(&serde_json::to_string_pretty(&snapshot)?);
    }
    print(&view::table(&snapshot, Room::of_stdout()))
}

/// Prints to standard output; that a reader such as `head` has gone away is no failure.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
