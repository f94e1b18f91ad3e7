//! The archive: flow records and payloads in Parquet files, which every analytics tool reads as they are.
//!
//! The tables [`Table::Flows`], [`Table::Payloads`] and [`Table::Accounting`] have a directory for each UTC date. A file is whole from
//! the moment it has its name. Small files are merged into larger ones; the name of a file tells which others it replaces, see
//! [`FileName`]. docs/use/archive.md describes the archive for its readers.

mod check;
mod checkpoint;
mod compact;
mod convert;
mod dictionary;
mod directory;
mod error;
mod file;
mod geo;
mod keys;
mod lock;
mod name;
mod payload;
mod prune;
mod read;
mod release;
mod row;
mod schema;
mod sorted;
mod sources;
mod writer;

pub use check::{Checked, check};
pub use checkpoint::Checkpoint;
pub use compact::{Compacted, Step, compact};
pub use convert::{ConvertStep, Converted, convert};
pub use directory::{Archive, Entry};
pub use error::{Error, Result};
pub use file::WholeFile;
pub use geo::{Geo, Location};
pub use keys::PayloadKey;
pub use lock::WriterLock;
pub use name::FileName;
pub use payload::{Attribution, CaptureMode, Classification, MOST_PAYLOAD, PayloadRow, payloads_batch};
pub use prune::{Pruned, Retention, prune};
pub use read::Reader;
pub use release::release;
pub use row::{AccountingRow, Counters, FlowRow, Origin, accounting_batch, flows_batch};
pub use schema::{SCHEMA_KEY, TCP, Table};
pub use sorted::{Batches, write_sorted};
pub use writer::Writer;
