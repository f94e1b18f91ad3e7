//! What becomes of each column. A column that is not in the list is given away by nobody.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use arrow_array::{
    Array as _, ArrayRef, BinaryArray, DictionaryArray, FixedSizeBinaryArray, RecordBatch, StringArray, UInt16Array,
    UInt32Array,
    cast::AsArray as _,
    new_null_array,
    types::{Int32Type, UInt32Type},
};
use arrow_schema::DataType;
use honeyxdp_archive::Table;

use super::{
    LeftOut, Options,
    addresses::Addresses,
    host,
    names::Names,
    texts::{login_may_hold_an_address, may_hold_an_address},
};

/// What becomes of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Treatment {
    /// It stays.
    Keep,
    /// It gives the destination away, or what was drawn from it: 0 stands for "not given away".
    Zero,
    /// Bytes of a payload, in which the sensor is addressed: none of them.
    Empty,
    SourceV4,
    SourceV6,
    Sensor,
    Site,
    /// Country and network of the source.
    Geo,
    /// The destination may have gone into it: null.
    Null,
    UrlHost,
    /// Path or file of a URL.
    UrlText,
    Login,
}

fn treatment(table: Table, column: &str) -> Option<Treatment> {
    use Treatment::{Empty, Geo, Keep, Login, Null, Sensor, Site, SourceV4, SourceV6, UrlHost, UrlText, Zero};
    Some(match (table, column) {
        (_, "sensor") => Sensor,
        (_, "site") => Site,
        (_, "interval_start") | (Table::Flows | Table::Accounting, "interval_end") => Keep,
        (
            Table::Accounting,
            "frames" | "syns" | "packets" | "lost" | "sampled_out" | "dropped_by_archive" | "filtered",
        ) => Keep,
        (Table::Accounting, "payloads" | "payloads_lost") => Keep,
        (Table::Flows | Table::Payloads, "src") => SourceV4,
        (Table::Flows | Table::Payloads, "src6") => SourceV6,
        (Table::Flows | Table::Payloads, "country" | "asn") => Geo,
        (Table::Flows | Table::Payloads, "family" | "rule_id" | "protocol" | "dst_port") => Keep,
        (Table::Flows, "attributed_family" | "packets" | "first_seen" | "last_seen" | "matched") => Keep,
        (Table::Flows, "tcp_window" | "ttl" | "dont_fragment" | "option_layout") => Keep,
        (Table::Flows, "options_length" | "options_head") => Keep,
        // Mirai's sequence number is the destination, masscan's IP id is made of it, and other tools hash it into these. ZMap
        // derives source ports from the destination.
        (Table::Flows, "ip_id" | "seq_first" | "seq_last") => Zero,
        (Table::Flows, "src_port_first" | "src_port_last") => Null,
        (
            Table::Payloads,
            "time" | "src_port" | "capture_mode" | "length" | "attribution_source" | "family_confidence",
        ) => Keep,
        (Table::Payloads, "exploit" | "exploit_rule_id" | "exploit_confidence") => Keep,
        (Table::Payloads, "url_host") => UrlHost,
        (Table::Payloads, "url_path" | "url_file") => UrlText,
        (Table::Payloads, "username" | "password") => Login,
        (Table::Payloads, "payload") => Empty,
        _ => return None,
    })
}

/// Refuses a table with a column of which nobody decided whether it may be given away.
pub(super) fn check(table: Table) -> anyhow::Result<()> {
    for field in table.schema().fields() {
        if treatment(table, field.name()).is_none() {
            bail!(
                "nobody decided what an export gives away of column {} of {}; please report this",
                field.name(),
                table.directory()
            );
        }
    }
    Ok(())
}

/// Changes rows into what may be given away.
pub(super) struct Columns {
    pub(super) options: Options,
    pub(super) addresses: Addresses,
    pub(super) names: Names,
    pub(super) left_out: LeftOut,
}

impl Columns {
    /// The rows as they may be given away, in the order that they have.
    pub(super) fn given_away(&mut self, table: Table, rows: &RecordBatch) -> anyhow::Result<RecordBatch> {
        let schema = rows.schema();
        let mut columns = Vec::with_capacity(rows.num_columns());
        for (field, column) in schema.fields().iter().zip(rows.columns()) {
            let name = field.name();
            let treatment = treatment(table, name).with_context(|| format!("column {name} is not known"))?;
            columns.push(self.column(treatment, name, column)?);
        }
        Ok(RecordBatch::try_new(schema, columns)?)
    }

    fn column(&mut self, treatment: Treatment, name: &str, column: &ArrayRef) -> anyhow::Result<ArrayRef> {
        let none = || new_null_array(column.data_type(), column.len());
        let Self { options, addresses, names, left_out } = self;
        Ok(match treatment {
            Treatment::Keep => Arc::clone(column),
            Treatment::Geo if options.places => Arc::clone(column),
            Treatment::Geo | Treatment::Null => none(),
            Treatment::UrlHost | Treatment::UrlText if !options.urls => none(),
            Treatment::Login if !options.logins => none(),
            Treatment::Zero => zeros(column)?,
            Treatment::Empty => {
                let empty = std::iter::repeat_n(&b""[..], column.len());
                left_out.payloads +=
                    column.as_binary::<i32>().iter().flatten().filter(|bytes| !bytes.is_empty()).count();
                Arc::new(BinaryArray::from_iter_values(empty))
            }
            Treatment::SourceV4 => {
                let sources = column.as_primitive::<UInt32Type>().iter();
                Arc::new(sources.map(|source| Some(addresses.v4(source?))).collect::<UInt32Array>())
            }
            Treatment::SourceV6 => {
                let sources = column.as_fixed_size_binary();
                let new = sources.iter().map(|source| {
                    let source = <[u8; 16]>::try_from(source?).ok()?;
                    Some(addresses.v6(u128::from_be_bytes(source)).to_be_bytes())
                });
                Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(new, 16)?)
            }
            Treatment::Sensor => words(column, |sensor| names.sensor(sensor).map(Some))?,
            Treatment::Site => words(column, |site| names.site(site))?,
            Treatment::UrlHost => {
                words(column, |text| Ok(counted(&mut left_out.url_hosts, host::given_away(text, addresses))))?
            }
            Treatment::UrlText => {
                let count = if name == "url_path" { &mut left_out.url_paths } else { &mut left_out.url_files };
                words(column, |text| Ok(counted(count, (!may_hold_an_address(text)).then(|| text.to_owned()))))?
            }
            Treatment::Login => {
                let count = if name == "username" { &mut left_out.usernames } else { &mut left_out.passwords };
                words(column, |text| Ok(counted(count, (!login_may_hold_an_address(text)).then(|| text.to_owned()))))?
            }
        })
    }
}

/// Counts what became nothing.
fn counted<T>(count: &mut usize, given: Option<T>) -> Option<T> {
    *count += usize::from(given.is_none());
    given
}

fn zeros(column: &ArrayRef) -> anyhow::Result<ArrayRef> {
    let rows = column.len();
    Ok(match column.data_type() {
        DataType::UInt16 => Arc::new(UInt16Array::from(vec![0; rows])),
        DataType::UInt32 => Arc::new(UInt32Array::from(vec![0; rows])),
        other => bail!("a column of {other} has no 0; please report this"),
    })
}

/// A column of texts, changed. Texts that come again in a row are asked for once.
fn words(column: &ArrayRef, mut new: impl FnMut(&str) -> anyhow::Result<Option<String>>) -> anyhow::Result<ArrayRef> {
    let DataType::Dictionary(..) = column.data_type() else {
        let texts =
            column.as_string_opt::<i32>().context("a column of texts holds something else; please report this")?;
        let texts = texts.iter().map(|text| text.map_or(Ok(None), &mut new));
        return Ok(Arc::new(texts.collect::<anyhow::Result<StringArray>>()?));
    };
    let words =
        column.as_dictionary_opt::<Int32Type>().context("a column of words has other keys; please report this")?;
    let words =
        words.downcast_dict::<StringArray>().context("a column of words holds something else; please report this")?;
    let mut last: Option<(&str, Option<String>)> = None;
    let mut changed: Vec<Option<String>> = Vec::with_capacity(column.len());
    for word in words {
        let Some(word) = word else {
            changed.push(None);
            continue;
        };
        if last.as_ref().is_none_or(|(old, _)| *old != word) {
            last = Some((word, new(word)?));
        }
        changed.push(last.as_ref().and_then(|(_, new)| new.clone()));
    }
    Ok(Arc::new(changed.iter().map(Option::as_deref).collect::<DictionaryArray<Int32Type>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_was_thought_of_and_no_other_is_given_away() {
        for table in Table::ALL {
            check(table).unwrap();
            assert_eq!(treatment(table, "site"), Some(Treatment::Site));
            for column in ["dst", "dst6", "destination", "payload2", ""] {
                assert_eq!(treatment(table, column), None, "{column}");
            }
        }
        // Of one table, these say nothing about another.
        assert_eq!(treatment(Table::Accounting, "src"), None);
        assert_eq!(treatment(Table::Flows, "payload"), None);
    }
}
