//! The columns of the tables. They are a contract: what changes their meaning gets a new version.

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// Key of a file's footer that names its schema.
pub const SCHEMA_KEY: &str = "honeyxdp.schema";

/// A table of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// One row per flow record.
    Flows,
    /// One row per interval: what was counted, and what of it is not in the other tables.
    Accounting,
    /// One row per captured payload or login.
    Payloads,
}

impl Table {
    /// All.
    pub const ALL: [Self; 3] = [Self::Flows, Self::Accounting, Self::Payloads];

    /// FileName of its directory.
    pub const fn directory(self) -> &'static str {
        match self {
            Self::Flows => "flows",
            Self::Accounting => "losses",
            Self::Payloads => "payloads",
        }
    }

    /// FileName and version of its schema, which is in every footer under [`SCHEMA_KEY`].
    pub const fn version(self) -> &'static str {
        match self {
            Self::Flows => "honeyxdp.flows/2",
            Self::Accounting => "honeyxdp.losses/3",
            Self::Payloads => "honeyxdp.payloads/2",
        }
    }

    /// CaptureMode many of its columns, from the first on, files of a version have; `None` for a version that cannot be read. The
    /// columns that came later may be null.
    pub(crate) fn columns_of(self, version: &str) -> Option<usize> {
        match (self, version) {
            (Self::Flows, "honeyxdp.flows/1") => Some(22),
            (Self::Accounting, "honeyxdp.losses/1") => Some(10),
            (Self::Accounting, "honeyxdp.losses/2") => Some(12),
            (Self::Payloads, "honeyxdp.payloads/1") => Some(24),
            _ => (version == self.version()).then(|| self.schema().fields().len()),
        }
    }

    /// Its columns. Directories add `date`.
    pub fn schema(self) -> SchemaRef {
        static FLOWS: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(flows()));
        static LOSSES: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(losses()));
        static PAYLOADS: LazyLock<SchemaRef> = LazyLock::new(|| Arc::new(payloads()));
        Arc::clone(match self {
            Self::Flows => &FLOWS,
            Self::Accounting => &LOSSES,
            Self::Payloads => &PAYLOADS,
        })
    }
}

/// Few different strings.
fn words() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

fn flows() -> Schema {
    let field = |name, data_type| Field::new(name, data_type, false);
    let optional = |name, data_type| Field::new(name, data_type, true);
    Schema::new(vec![
        field("sensor", words()),
        field("interval_start", time()),
        field("interval_end", time()),
        field("family", words()),
        field("rule", words()),
        optional("attributed", words()),
        optional("src", DataType::UInt32),
        optional("src6", DataType::FixedSizeBinary(16)),
        field("dport", DataType::UInt16),
        field("packets", DataType::UInt32),
        field("first", time()),
        field("last", time()),
        field("matched", DataType::UInt16),
        field("window", DataType::UInt16),
        field("ttl", DataType::UInt8),
        field("options_length", DataType::UInt8),
        field("options_head", DataType::UInt32),
        field("ip_id", DataType::UInt16),
        field("seq_first", DataType::UInt32),
        field("seq_last", DataType::UInt32),
        optional("country", words()),
        optional("asn", DataType::UInt32),
        optional("site", words()),
    ])
}

fn losses() -> Schema {
    let field = |name, data_type| Field::new(name, data_type, false);
    let optional = |name, data_type| Field::new(name, data_type, true);
    Schema::new(vec![
        field("sensor", words()),
        field("interval_start", time()),
        field("interval_end", time()),
        field("frames", DataType::UInt64),
        field("syns", DataType::UInt64),
        field("packets", DataType::UInt64),
        field("lost", DataType::UInt64),
        field("sampled_out", DataType::UInt64),
        field("dropped_by_archive", DataType::UInt64),
        field("filtered", DataType::UInt64),
        optional("payloads", DataType::UInt64),
        optional("payloads_lost", DataType::UInt64),
        optional("site", words()),
    ])
}

fn payloads() -> Schema {
    let field = |name, data_type| Field::new(name, data_type, false);
    let optional = |name, data_type| Field::new(name, data_type, true);
    Schema::new(vec![
        field("sensor", words()),
        field("interval_start", time()),
        field("time", time()),
        optional("src", DataType::UInt32),
        optional("src6", DataType::FixedSizeBinary(16)),
        field("sport", DataType::UInt16),
        field("dport", DataType::UInt16),
        field("how", words()),
        optional("exploit", words()),
        optional("exploit_rule", words()),
        optional("exploit_confidence", words()),
        field("family", words()),
        field("attribution_source", words()),
        optional("evidence", words()),
        optional("family_confidence", words()),
        optional("url_host", DataType::Utf8),
        optional("url_path", DataType::Utf8),
        optional("url_file", DataType::Utf8),
        optional("username", DataType::Utf8),
        optional("password", DataType::Utf8),
        field("length", DataType::UInt32),
        field("payload", DataType::Binary),
        optional("country", words()),
        optional("asn", DataType::UInt32),
        optional("site", words()),
    ])
}
