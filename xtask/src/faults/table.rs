//! The table in the document, and the tests that it names.

use std::{fmt, fs, path::Path};

use anyhow::{Context as _, Result, ensure};

use crate::test::KERNEL_TESTS;

/// Stands for the unit tests of a package, where others have the name of a file in its directory `tests`.
pub(super) const LIBRARY: &str = "lib";
/// Begins the table's first line.
const HEAD: &str = "| fault |";

/// A fault, and what shows that it is survived.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) fault: String,
    pub(super) tests: Vec<Test>,
}

/// A test, written `package::target::name`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Test {
    package: String,
    pub(super) target: String,
    /// With the modules that it is in.
    pub(super) name: String,
}

impl Test {
    fn parse(text: &str) -> Option<Self> {
        let (package, rest) = text.split_once("::")?;
        let (target, name) = rest.split_once("::")?;
        Some(Self { package: package.to_owned(), target: target.to_owned(), name: name.to_owned() })
    }

    /// Whether the sources have such a test.
    pub(super) fn is_in(&self, root: &Path) -> bool {
        let directory = root.join(if self.package == KERNEL_TESTS { "tests" } else { &self.package });
        let mut modules: Vec<&str> = self.name.split("::").collect();
        let Some(name) = modules.pop() else { return false };
        let unit = self.target == LIBRARY;
        let directory = directory.join(if unit { "src" } else { "tests" });
        if !unit {
            modules.insert(0, &self.target);
        }
        let path = modules.join("/");
        // A module of tests may be the end of the file of what it tests; a target may be a directory.
        let outer = modules.split_last().map_or_else(String::new, |(_, outer)| outer.join("/"));
        [&path, &outer]
            .into_iter()
            .flat_map(|path| [format!("{path}.rs"), format!("{path}/mod.rs"), format!("{path}/main.rs")])
            .any(|place| has(&directory.join(place), name))
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}::{}", self.package, self.target, self.name)
    }
}

/// Whether a file has a test of this name.
fn has(file: &Path, name: &str) -> bool {
    let Ok(text) = fs::read_to_string(file) else { return false };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let begin = format!("fn {name}(");
    lines.iter().enumerate().any(|(at, line)| {
        let attributes = lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
        line.trim_start_matches("async ").starts_with(&begin)
            && attributes.into_iter().any(|line| line.contains("test]"))
    })
}

/// The rows of the table in a document.
pub(super) fn rows(document: &str) -> Result<Vec<Row>> {
    let mut lines = document.lines().skip_while(|line| !line.starts_with(HEAD));
    lines.next().context("The document has no table of faults.")?;
    lines.skip(1).take_while(|line| line.starts_with('|')).map(row).collect()
}

fn row(line: &str) -> Result<Row> {
    let cells: Vec<&str> = line.trim().trim_matches('|').split(" | ").map(str::trim).collect();
    let [fault, _, tests] = cells[..] else {
        anyhow::bail!("A row has {} cells and not 3: {line}", cells.len());
    };
    // Text between backticks.
    let named = tests.split('`').skip(1).step_by(2);
    let tests: Vec<Test> = named
        .map(|text| Test::parse(text).with_context(|| format!("`{text}` is no package::target::name.")))
        .collect::<Result<_>>()?;
    ensure!(!tests.is_empty(), "No test shows this: {fault}");
    Ok(Row { fault: fault.to_owned(), tests })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_with_the_tests_that_they_name() {
        let document = "# Faults\n\n| fault | what happens | tests |\n|---|---|---|\n| it *burns* | nothing | `a::b::c`, `d::lib::e::f` |\n\nx";
        let rows = rows(document).unwrap();
        let tests: Vec<String> = rows[0].tests.iter().map(ToString::to_string).collect();
        assert_eq!((rows.len(), rows[0].fault.as_str()), (1, "it *burns*"));
        assert_eq!(tests, ["a::b::c", "d::lib::e::f"]);
        assert_eq!((rows[0].tests[1].target.as_str(), rows[0].tests[1].name.as_str()), ("lib", "e::f"));
    }

    #[test]
    fn a_row_without_a_test_is_an_error() {
        let table = |cells: &str| rows(&format!("{HEAD} b | c |\n|---|---|---|\n{cells}\n"));
        assert!(
            table("| it burns | nothing | somebody looked |").unwrap_err().to_string().contains("No test shows this")
        );
        assert!(table("| it burns | nothing | `a::b` |").unwrap_err().to_string().contains("no package::target::name"));
        assert!(table("| it burns | nothing |").unwrap_err().to_string().contains("2 cells"));
        assert!(rows("no table").is_err());
    }

    #[test]
    fn a_test_is_found_where_it_is_and_nowhere_else() {
        let root = crate::command::repository();
        let here = |text: &str| Test::parse(text).unwrap().is_in(&root);
        assert!(here("xtask::lib::faults::table::tests::a_test_is_found_where_it_is_and_nowhere_else"));
        assert!(here(
            "honeyxdp-tests::kernel::reliability::a_directory_that_becomes_read_only_is_said_and_costs_no_count"
        ));
        assert!(!here("honeyxdp-tests::kernel::reliability::mirai"), "it is no test");
        assert!(!here("honeyxdp-tests::kernel::reliability::nothing"));
        assert!(!here(
            "honeyxdp-tests::kernel::nothing::a_directory_that_becomes_read_only_is_said_and_costs_no_count"
        ));
    }
}
