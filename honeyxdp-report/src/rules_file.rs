//! Files of rules that people write: TOML, with errors that name the line.

use std::{fs, path::Path};

use anyhow::Context as _;
use serde::de::DeserializeOwned;

use crate::escape;

/// Longest file of rules, bytes.
const LONGEST: u64 = 16 << 20;

/// Reads a file and gives its text to `parse`.
///
/// # Errors
/// Where it cannot be read or is too long, and those of `parse`, with the name of the file.
pub(crate) fn read<T>(path: &Path, parse: impl FnOnce(&str) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let shown = escape::text(&path.display().to_string());
    let length = fs::metadata(path).with_context(|| format!("cannot read {shown}"))?.len();
    anyhow::ensure!(length <= LONGEST, "{shown} is longer than 16 MiB: is it a file of rules?");
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    parse(&text).with_context(|| format!("{shown} is wrong"))
}

/// Reads TOML.
///
/// # Errors
/// Where it is not TOML of this kind; the error names the line.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> anyhow::Result<T> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        anyhow::anyhow!("line {line}: {}", escape::text(error.message()))
    })
}
