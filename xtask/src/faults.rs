//! `cargo xtask faults`: the table of docs/operate/reliability.md, row by row, by the tests that it names.

mod table;

use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use self::table::Row;
use crate::{
    command::{repository, say},
    leftovers,
    test::{self, Pool},
};

/// Where the table is, in the repository.
const DOCUMENT: &str = "docs/operate/reliability.md";

/// Have every fault of docs/operate/reliability.md happen, and say which are survived
///
/// Builds the tests that the table names, once, and runs exactly these, a row after another. Those in the kernel run as root, by
/// sudo if you are not. Exit status 1 if a row fails, or names a test that does not exist.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only rows whose fault contains TEXT
    #[arg(value_name = "TEXT")]
    rows: Option<String>,
}

pub(crate) fn main(args: &Args) -> Result<()> {
    let rows: Vec<Row> = rows()?
        .into_iter()
        .filter(|row| args.rows.as_ref().is_none_or(|text| row.fault.to_lowercase().contains(&text.to_lowercase())))
        .collect();
    ensure!(!rows.is_empty(), "No fault of {DOCUMENT} has this in its name.");
    test::programs_of_the_tests(true)?;
    leftovers::remove()?;
    let mut pool = Pool::new(&test::build()?)?;

    let start = Instant::now();
    let done: Vec<_> = rows
        .iter()
        .map(|row| {
            let start = Instant::now();
            let result = stand(row, &mut pool);
            if let Err(error) = &result {
                say(format!("{}: {error:#}", row.fault));
            }
            (row, start.elapsed(), result.is_ok())
        })
        .collect();
    print(&done, start.elapsed());
    let failed = done.iter().filter(|(_, _, passed)| !passed).count();
    ensure!(failed == 0, "{failed} of {} faults are not survived as {DOCUMENT} says.", done.len());
    Ok(())
}

/// The rows of the document, all of whose tests are in the sources.
fn rows() -> Result<Vec<Row>> {
    let root = repository();
    let path = root.join(DOCUMENT);
    let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read.", path.display()))?;
    let rows = table::rows(&text)?;
    for row in &rows {
        for test in &row.tests {
            ensure!(test.is_in(&root), "{DOCUMENT}, \"{}\": there is no test {test} in the sources.", row.fault);
        }
    }
    Ok(rows)
}

/// Runs the tests of a row.
fn stand(row: &Row, pool: &mut Pool) -> Result<()> {
    let named: BTreeSet<String> = row.tests.iter().map(ToString::to_string).collect();
    let outcome = pool.run(|test| named.contains(&test.path()))?;
    outcome.check()?;
    ensure!(outcome.passed() == named.len(), "{} tests are named, and {} have run.", named.len(), outcome.passed());
    Ok(())
}

fn print(done: &[(&Row, Duration, bool)], all: Duration) {
    say("faults");
    for (row, time, passed) in done {
        let word = if *passed { "ok" } else { "FAILED" };
        eprintln!("    {word:<6} {:>6.1} s  {}", time.as_secs_f64(), row.fault);
    }
    let failed = done.iter().filter(|(_, _, passed)| !passed).count();
    let tests: BTreeSet<String> = done.iter().flat_map(|(row, ..)| row.tests.iter().map(ToString::to_string)).collect();
    eprintln!(
        "    faults: {}, tests: {}, {:.0} s: {}",
        done.len(),
        tests.len(),
        all.as_secs_f64(),
        if failed == 0 { "all ok".to_owned() } else { format!("{failed} FAILED") }
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_document_names_tests_that_exist() {
        let rows = rows().unwrap();
        assert!(rows.len() > 30, "{}", rows.len());
        let faults: BTreeSet<&str> = rows.iter().map(|row| row.fault.as_str()).collect();
        assert_eq!(faults.len(), rows.len(), "two rows have the same fault");
    }
}
