//! Leaked lists against the sources that were seen.
//!
//! The way of a list: [`input`] opens it, unpacks and decodes it; [`lines`] cuts it into lines of bounded length; [`entry`]
//! takes an address, a port and credentials out of each; [`counter`] counts them. [`overlap`] lays the addresses over the
//! sources of an archive. [`result`] is what comes out, [`table`] how it is shown.

mod address;
mod cells;
mod counter;
mod credentials;
pub mod entry;
mod input;
pub mod lines;
mod overlap;
mod result;
mod table;

use std::path::{Path, PathBuf};

pub use input::ReadOptions;
pub use result::Comparison;
pub use table::show;

use crate::{flows::FlowArchive, period::Step};
use result::SCHEMA;

/// What is asked.
#[derive(Debug)]
pub struct CompareOptions<'a> {
    /// The lists, `-` for standard input.
    pub lists: &'a [PathBuf],
    /// How they are read.
    pub reading: ReadOptions,
    /// The sources that were seen.
    pub archive: Option<&'a FlowArchive>,
    /// Buckets of time that the overlap is told for.
    pub step: Step,
    /// Credentials that are ranked.
    pub top: usize,
    /// Whether passwords and lines are told as they are.
    pub show_passwords: bool,
}

/// Reads the lists and the archive.
///
/// # Errors
///
/// Where a list cannot be opened, or the archive cannot be read. A list that is damaged further on is part of the result.
pub fn compare(options: &CompareOptions<'_>) -> anyhow::Result<Comparison> {
    let mut counter = counter::ListCounter::new(options.show_passwords);
    let mut lists = Vec::new();
    for path in options.lists {
        lists.push(counter.read(path, &options.reading)?);
    }
    let overlap = match options.archive {
        None => None,
        Some(archive) => Some(overlap::overlap(archive, &counter.addresses, &mut lists, options.step)?),
    };
    Ok(Comparison {
        schema: SCHEMA,
        total: counter.total(),
        credentials: counter.credentials(options.top),
        lists: lists.into_iter().map(|list| list.report).collect(),
        examples: counter.examples,
        overlap,
    })
}

/// How a list is called in what is shown; not yet escaped.
fn name(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() }
}
