//! `honeyxdp filter`: show and change the filters of a running sensor.

use std::{fmt::Write as _, num::NonZeroU32, path::PathBuf, time::Duration};

use anyhow::Context as _;

use super::{config::directory, snapshot::print};
use crate::{
    filter::{
        FilterNames, FilterWords, Verdict,
        change::{Change, InForce, Operation, ROUTE},
    },
    server::{
        SOCKET,
        client::{Client, Target},
    },
};

/// Maximum time for an answer: a program with many prefixes takes a while to load.
const PATIENCE: Duration = Duration::from_secs(30);
/// Entries of a list that are shown; `--json` has all.
const SHOWN: usize = 10;

/// Show and change the filters of a running sensor
///
/// A change replaces the program and keeps its counters: no frame is lost or counted twice. It stays in force until the
/// sensor ends or reads its settings file again; to keep it, add it to that file.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
                        honeyxdp filter add --ignore-src 198.51.100.0/24    # or @FILE\n  \
                        honeyxdp filter remove --ignore-src 198.51.100.7    # also part of a prefix\n  \
                        honeyxdp filter set --port 23,2323 --verdict drop   # other filters stay\n  \
                        honeyxdp filter clear --ignore-src                  # or all, without a name")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Inner,
    /// Directory of the sensor, with its socket honeyxdp.sock. Default: the one in its settings file, else /var/lib/honeyxdp
    #[arg(long, value_name = "DIR", env = "HONEYXDP_OUT", global = true)]
    out: Option<PathBuf>,
    /// Socket of the sensor instead, as unix:/path. TCP allows no changes
    #[arg(long, value_name = "URL", env = "HONEYXDP_CONNECT", global = true)]
    connect: Option<Target>,
    /// Print the filters in force as JSON, with whole lists
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Inner {
    /// Show the filters in force
    Show,
    /// Add values to filters
    Add {
        #[command(flatten)]
        words: FilterWords,
    },
    /// Remove values from filters; also part of a prefix
    Remove {
        #[command(flatten)]
        words: FilterWords,
    },
    /// Replace the values of the named filters. The others stay
    Set(Box<SetArgs>),
    /// Remove filters: those named, or all
    Clear(FilterNames),
}

#[derive(Debug, clap::Args)]
struct SetArgs {
    #[command(flatten)]
    words: FilterWords,
    /// What happens to a counted SYN
    #[arg(long, value_name = "pass|drop", hide_possible_values = true)]
    verdict: Option<Verdict>,
    /// Keep flow records of one SYN in N, at random
    #[arg(long, value_name = "N")]
    sample_records: Option<NonZeroU32>,
}

pub(super) fn filter(args: Args) -> anyhow::Result<()> {
    let change = change(args.command)?;
    let target = args.connect.unwrap_or_else(|| Target::Unix(directory(args.out.as_deref()).join(SOCKET)));
    let client = Client::new(target, PATIENCE);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start Tokio")?;
    let rules: InForce = runtime.block_on(async {
        match &change {
            Some(change) => client.post(ROUTE, change).await,
            None => client.get(ROUTE).await,
        }
    })?;
    if args.json {
        return print(&serde_json::to_string_pretty(&rules)?);
    }
    print(text(&rules)?.trim_end())
}

/// The change that is asked for. Prefix lists are read here, with the privileges of the client.
fn change(command: Inner) -> anyhow::Result<Option<Change>> {
    let filters = |operation, words: FilterWords| -> anyhow::Result<_> {
        let words = words.with_files_read()?;
        Ok(Some(Change::Filters { operation, words, verdict: None, sample_records: None }))
    };
    match command {
        Inner::Show => Ok(None),
        Inner::Add { words } => filters(Operation::Add, words),
        Inner::Remove { words } => filters(Operation::Remove, words),
        Inner::Clear(FilterNames(names)) => Ok(Some(Change::Clear { names })),
        Inner::Set(args) => {
            let SetArgs { words, verdict, sample_records } = *args;
            let words = words.with_files_read()?;
            Ok(Some(Change::Filters { operation: Operation::Set, words, verdict, sample_records }))
        }
    }
}

fn text(rules: &InForce) -> anyhow::Result<String> {
    let mut text = String::new();
    let filters = &rules.filters;
    for (name, list) in filters.iter() {
        if list.is_empty() {
            continue;
        }
        let more = match list.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more (--json shows all)"),
        };
        writeln!(
            text,
            "{:<12} {}{more}",
            name.flag(),
            list.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ")
        )?;
    }
    if text.is_empty() {
        writeln!(text, "no filter: every SYN is counted")?;
    }
    if rules.verdict == Verdict::Drop {
        writeln!(text, "{:<12} drop", "verdict")?;
    }
    if rules.sample_records.get() > 1 {
        writeln!(text, "{:<12} one SYN in {}", "records", rules.sample_records)?;
    }
    Ok(text)
}
