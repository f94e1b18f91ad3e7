//! The columns of the tables. They are a contract: a change of meaning gets a new version.

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::file::metadata::SortingColumn;

/// Key of the footer that names a file's schema.
pub const SCHEMA_KEY: &str = "honeyxdp.schema";

/// Number of TCP in the column `protocol`.
pub const TCP: u8 = 6;

/// A table of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// One row per flow record.
    Flows,
    /// One row per interval: the SYNs counted, and how many of them are in no other table.
    Accounting,
    /// One row per captured payload or login.
    Payloads,
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 3] = [Self::Flows, Self::Accounting, Self::Payloads];

    /// Name of the table and of its directory.
    pub const fn directory(self) -> &'static str {
        match self {
            Self::Flows => "flows",
            Self::Accounting => "accounting",
            Self::Payloads => "payloads",
        }
    }

    /// Name and version of the schema. Every footer has it under [`SCHEMA_KEY`].
    pub const fn version(self) -> &'static str {
        match self {
            Self::Flows => "honeyxdp.flows/3",
            Self::Accounting => "honeyxdp.accounting/3",
            Self::Payloads => "honeyxdp.payloads/3",
        }
    }

    /// The column that decides the date of a row's directory.
    pub const fn time_column(self) -> &'static str {
        match self {
            Self::Flows => "first_seen",
            Self::Accounting => "interval_start",
            Self::Payloads => "time",
        }
    }

    /// The columns that rows are sorted by, ascending and with nulls last: IPv4 sources come before IPv6 sources.
    pub const fn sort_order(self) -> &'static [&'static str] {
        match self {
            Self::Flows | Self::Payloads => &["family", "dst_port", "src", "src6"],
            Self::Accounting => &["interval_start"],
        }
    }

    /// The sort order as a footer declares it.
    pub(crate) fn sorting_columns(self) -> Vec<SortingColumn> {
        let schema = self.schema();
        let index = |name: &&str| schema.index_of(name).ok().and_then(|index| i32::try_from(index).ok());
        let indices = self.sort_order().iter().filter_map(index);
        indices.map(|column_idx| SortingColumn { column_idx, descending: false, nulls_first: false }).collect()
    }

    /// Whether [`crate::convert`] reads files of this older schema.
    pub(crate) fn is_convertible(self, version: &str) -> bool {
        let versions: &[&str] = match self {
            Self::Flows => &["honeyxdp.flows/1", "honeyxdp.flows/2"],
            Self::Accounting => &["honeyxdp.losses/1", "honeyxdp.losses/2", "honeyxdp.losses/3"],
            Self::Payloads => &["honeyxdp.payloads/1", "honeyxdp.payloads/2"],
        };
        versions.contains(&version)
    }

    /// The columns in order. Directories add `date`.
    pub fn schema(self) -> SchemaRef {
        static FLOWS: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(flows()));
        static ACCOUNTING: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(accounting()));
        static PAYLOADS: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(payloads()));
        Arc::clone(match self {
            Self::Flows => &FLOWS,
            Self::Accounting => &ACCOUNTING,
            Self::Payloads => &PAYLOADS,
        })
    }
}

/// Text with few distinct values.
pub(crate) fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

fn required(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, false)
}

fn optional(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

fn flows() -> Schema {
    Schema::new(vec![
        required("sensor", dictionary()),
        optional("site", dictionary()),
        required("interval_start", time()),
        required("interval_end", time()),
        required("family", dictionary()),
        required("rule_id", dictionary()),
        optional("attributed_family", dictionary()),
        required("protocol", DataType::UInt8),
        optional("src", DataType::UInt32),
        optional("src6", DataType::FixedSizeBinary(16)),
        optional("src_port_first", DataType::UInt16),
        optional("src_port_last", DataType::UInt16),
        required("dst_port", DataType::UInt16),
        required("packets", DataType::UInt32),
        required("first_seen", time()),
        required("last_seen", time()),
        required("matched", DataType::UInt16),
        required("tcp_window", DataType::UInt16),
        required("ttl", DataType::UInt8),
        optional("dont_fragment", DataType::Boolean),
        optional("option_layout", dictionary()),
        required("options_length", DataType::UInt8),
        required("options_head", DataType::UInt32),
        required("ip_id", DataType::UInt16),
        required("seq_first", DataType::UInt32),
        required("seq_last", DataType::UInt32),
        optional("country", dictionary()),
        optional("asn", DataType::UInt32),
    ])
}

fn accounting() -> Schema {
    Schema::new(vec![
        required("sensor", dictionary()),
        optional("site", dictionary()),
        required("interval_start", time()),
        required("interval_end", time()),
        required("frames", DataType::UInt64),
        required("syns", DataType::UInt64),
        required("packets", DataType::UInt64),
        required("lost", DataType::UInt64),
        required("sampled_out", DataType::UInt64),
        required("dropped_by_archive", DataType::UInt64),
        required("filtered", DataType::UInt64),
        optional("payloads", DataType::UInt64),
        optional("payloads_lost", DataType::UInt64),
    ])
}

fn payloads() -> Schema {
    Schema::new(vec![
        required("sensor", dictionary()),
        optional("site", dictionary()),
        required("interval_start", time()),
        required("time", time()),
        optional("src", DataType::UInt32),
        optional("src6", DataType::FixedSizeBinary(16)),
        required("src_port", DataType::UInt16),
        required("dst_port", DataType::UInt16),
        required("protocol", DataType::UInt8),
        required("capture_mode", dictionary()),
        optional("exploit", dictionary()),
        optional("exploit_rule_id", dictionary()),
        optional("exploit_confidence", dictionary()),
        required("family", dictionary()),
        required("attribution_source", dictionary()),
        optional("rule_id", dictionary()),
        optional("family_confidence", dictionary()),
        optional("url_host", DataType::Utf8),
        optional("url_path", DataType::Utf8),
        optional("url_file", DataType::Utf8),
        optional("username", DataType::Utf8),
        optional("password", DataType::Utf8),
        required("length", DataType::UInt32),
        required("payload", DataType::Binary),
        optional("country", dictionary()),
        optional("asn", DataType::UInt32),
    ])
}
