//! The archive: flow records and payloads in Parquet files, which every analytics tool reads as they are.
//!
//! Three tables, [`Table::Flows`], [`Table::Payloads`] and [`Table::Accounting`], lie in directories by UTC date. Files are whole from
//! the moment they have their name. Small ones are merged into larger ones; which file stands in for which others is in its
//! name, see [`FileName`]. docs/archive.md describes it for readers.

mod check;
mod checkpoint;
mod compact;
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
pub use checkpoint::{Checkpoint, Counters};
pub use compact::{Compacted, Step, compact};
pub use directory::{Archive, Entry};
pub use error::{Error, Result};
pub use file::{ROW_GROUP, WholeFile, properties};
pub use geo::{Geo, Location};
pub use keys::PayloadKey;
pub use lock::WriterLock;
pub use name::FileName;
pub use payload::{Attribution, CaptureMode, Classification, MOST_PAYLOAD, PayloadRow, payloads_batch};
pub use prune::{Pruned, Retention, prune};
pub use read::Reader;
pub use release::release;
pub use row::{AccountingRow, FlowRow, Origin, accounting_batch, flows_batch};
pub use schema::{SCHEMA_KEY, Table};
pub use sorted::write_sorted;
pub use writer::Writer;
