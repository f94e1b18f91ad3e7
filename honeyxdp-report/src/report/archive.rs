//! The columns of an archive's files that the report reads (docs/use/archive.md has them all).

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// Of flow files. Text is read as views: they group faster than dictionaries do.
pub(super) fn flow_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("sensor", DataType::Utf8View, true),
        Field::new("family", DataType::Utf8View, true),
        Field::new("rule_id", DataType::Utf8View, true),
        Field::new("attributed_family", DataType::Utf8View, true),
        Field::new("src", DataType::UInt32, true),
        Field::new("src6", DataType::FixedSizeBinary(16), true),
        Field::new("dst_port", DataType::UInt16, true),
        Field::new("packets", DataType::UInt32, true),
        Field::new("first_seen", time(), true),
        Field::new("country", DataType::Utf8View, true),
        Field::new("asn", DataType::UInt32, true),
        Field::new("site", DataType::Utf8View, true),
    ]))
}

/// Of files of payloads. The payloads themselves are not read.
pub(super) fn payload_schema() -> SchemaRef {
    let text = |name| Field::new(name, DataType::Utf8View, true);
    let mut fields = vec![
        text("sensor"),
        text("site"),
        Field::new("time", time(), true),
        Field::new("src", DataType::UInt32, true),
        Field::new("src6", DataType::FixedSizeBinary(16), true),
        Field::new("dst_port", DataType::UInt16, true),
    ];
    fields.extend(["exploit", "exploit_rule_id", "exploit_confidence"].map(text));
    fields.extend(["family", "attribution_source", "rule_id", "family_confidence"].map(text));
    fields.extend(["url_host", "url_path", "url_file", "username", "password"].map(text));
    Arc::new(Schema::new(fields))
}

/// Of accounting files.
pub(super) fn loss_schema() -> SchemaRef {
    let count = |name| Field::new(name, DataType::UInt64, true);
    let text = |name| Field::new(name, DataType::Utf8View, true);
    let mut fields = vec![text("sensor"), text("site"), Field::new("interval_start", time(), true)];
    fields.extend(
        ["syns", "packets", "lost", "sampled_out", "dropped_by_archive", "filtered", "payloads", "payloads_lost"]
            .map(count),
    );
    Arc::new(Schema::new(fields))
}

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}
