//! The archive: flow records and payloads in Parquet files, which every analytics tool reads as they are.
//!
//! Three tables, [`Table::Flows`], [`Table::Payloads`] and [`Table::Losses`], lie in folders by UTC date. Files are whole from
//! the moment they have their name. Small ones are merged into larger ones; which file stands in for which others is in its
//! name, see [`Name`]. docs/archive.md describes it for readers.

mod accounted;
mod check;
mod compact;
mod error;
mod file;
mod folder;
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
mod words;
mod writer;

pub use accounted::{Accounted, Counters};
pub use check::{Checked, check};
pub use compact::{Compacted, Step, compact};
pub use error::{Error, Result};
pub use file::{ROW_GROUP, WholeFile, properties};
pub use folder::{Archive, Entry};
pub use geo::{Geo, Place};
pub use keys::PayloadKey;
pub use lock::Kept;
pub use name::Name;
pub use payload::{Decided, How, Label, MOST_PAYLOAD, Payload, payloads_batch};
pub use prune::{Pruned, Retention, prune};
pub use read::Reader;
pub use release::release;
pub use row::{Loss, Origin, Row, flows_batch, losses_batch};
pub use schema::{SCHEMA_KEY, Table};
pub use sorted::write_sorted;
pub use writer::Writer;
