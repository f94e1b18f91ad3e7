//! Makes a synthetic year: see `cargo xtask year --help`.

use std::{path::PathBuf, process::ExitCode, time::Instant};

use clap::Parser;
use honeyxdp_year::{Request, make};

/// Make a synthetic archive of the year 2019 whose truth is known
///
/// Writes DIR/archive, DIR/lists (leaked lists, 2 % of whose addresses are sources of Mirai) and
/// DIR/truth.json: what the report and the other commands must find. The same seed gives the same rows.
///
/// Examples:
///
///   cargo xtask year --out /tmp/year --rows 100000      a small one: seconds
///   cargo xtask year --out /tmp/year --rows 200000000   as large as the observations: minutes, 5 GB
///   cargo xtask year --out /tmp/year --years 2          2018 as well, to set 2019 beside it
#[derive(Parser)]
#[command(name = "year", verbatim_doc_comment)]
struct Args {
    /// Directory for it; an archive must not be there yet
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// About how many rows
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    rows: u64,
    /// Sources, surveys and lists against those of 2019, over 0 and up to 1. Default: as the rows allow
    #[arg(long, value_name = "SHARE")]
    scale: Option<f64>,
    /// Everything follows from it
    #[arg(long, value_name = "N", default_value_t = 2019)]
    seed: u64,
    /// Years, the last of them 2019; the rows are those of all
    #[arg(long, value_name = "N", default_value_t = 1)]
    years: u16,
    /// Days of each year, from 1 January
    #[arg(long, value_name = "N", default_value_t = 365)]
    days: u16,
}

fn main() -> ExitCode {
    let Args { out, rows, scale, seed, years, days } = Args::parse();
    let begin = Instant::now();
    match make(&Request { out: out.clone(), rows, scale, seed, years, days }) {
        Ok(truth) => {
            println!("{} rows in {}, {:.1} s", truth["rows"], out.display(), begin.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("year: {error:#}");
            ExitCode::FAILURE
        }
    }
}
