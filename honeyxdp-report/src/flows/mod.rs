//! The flow records of an archive, read column by column. docs/use/archive.md says what they are.

mod batch;
mod files;

pub use batch::{Batch, Columns, Families, Flow, Source, read};
pub use files::{Archive, Day};
