//! The flow records of an archive, read column by column. docs/use/archive.md describes the columns.

mod archive;
mod batch;

pub use archive::{DayFiles, FlowArchive};
pub use batch::{FamilyIndex, FlowBatch, FlowColumns, FlowFields, SourceAddress, read};
