//! The answer to one question: columns with names, rows of plain values; as CSV and as JSON.

use std::fmt::Write as _;

use anyhow::Context as _;
use datafusion::arrow::{
    array::{Array as _, AsArray as _, RecordBatch},
    compute::cast,
    datatypes::{DataType, Float64Type, Int64Type},
};
use serde::Serialize;

/// One field of a row.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Nothing is known, or the row stands for all that have no row of their own.
    None,
    /// A count.
    Integer(i64),
    /// A median.
    Number(f64),
    /// A name or a date.
    Text(String),
}

impl Value {
    /// The count in it, 0 if it is none.
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Integer(value) => u64::try_from(*value).unwrap_or(0),
            _ => 0,
        }
    }

    /// As it is shown.
    pub(super) fn text(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Integer(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// The answer to one question.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The name of the question, and of the files.
    pub name: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Its rows.
    pub rows: Vec<Vec<Value>>,
}

impl Table {
    pub(super) fn from_batches(name: &str, columns: Vec<String>, batches: &[RecordBatch]) -> anyhow::Result<Self> {
        let mut rows = Vec::new();
        for batch in batches {
            let mut fields = Vec::new();
            for column in batch.columns() {
                fields.push(values(column).with_context(|| format!("cannot read the answer to {name}"))?.into_iter());
            }
            for _ in 0..batch.num_rows() {
                rows.push(fields.iter_mut().map(|values| values.next().unwrap_or(Value::None)).collect());
            }
        }
        Ok(Self { name: name.into(), columns, rows })
    }

    /// Where a column is.
    pub(super) fn column(&self, name: &str) -> anyhow::Result<usize> {
        self.columns
            .iter()
            .position(|column| column == name)
            .with_context(|| format!("the question {} has no column {name}", self.name))
    }

    /// Takes out what a column says.
    pub(super) fn hide(&mut self, name: &str) -> anyhow::Result<()> {
        let column = self.column(name)?;
        self.rows.iter_mut().for_each(|row| row[column] = Value::None);
        Ok(())
    }

    /// RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe before it.
    pub(super) fn csv(&self) -> String {
        let mut text = self.columns.join(",") + "\r\n";
        for row in &self.rows {
            let fields: Vec<_> = row
                .iter()
                .map(|value| match value {
                    Value::Text(text) => csv_text(text),
                    other => other.text(),
                })
                .collect();
            let _ = write!(text, "{}\r\n", fields.join(","));
        }
        text
    }

    /// An array of objects.
    pub(super) fn json(&self) -> anyhow::Result<String> {
        let rows: Vec<serde_json::Map<String, serde_json::Value>> = self
            .rows
            .iter()
            .map(|row| {
                let fields = self.columns.iter().cloned().zip(row.iter().map(|value| serde_json::json!(value)));
                fields.collect()
            })
            .collect();
        Ok(serde_json::to_string_pretty(&rows)? + "\n")
    }
}

fn csv_text(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    let text = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text };
    if text.contains(['"', ',', '\'']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

fn values(column: &datafusion::arrow::array::ArrayRef) -> anyhow::Result<Vec<Value>> {
    // A sum of counts that may be missing is a decimal number without a fraction.
    let whole = match column.data_type() {
        DataType::Decimal128(_, scale) => *scale == 0,
        other => other.is_integer(),
    };
    let float = column.data_type().is_floating();
    let to = if whole {
        DataType::Int64
    } else if float {
        DataType::Float64
    } else {
        DataType::Utf8
    };
    let column = cast(column, &to)?;
    Ok((0..column.len())
        .map(|row| {
            if column.is_null(row) {
                Value::None
            } else if whole {
                Value::Integer(column.as_primitive::<Int64Type>().value(row))
            } else if float {
                Value::Number(column.as_primitive::<Float64Type>().value(row))
            } else {
                Value::Text(column.as_string::<i32>().value(row).to_owned())
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_counts() {
        let sums = datafusion::arrow::array::Decimal128Array::from(vec![Some(93_869_829), None]);
        let sums: datafusion::arrow::array::ArrayRef =
            std::sync::Arc::new(sums.with_precision_and_scale(20, 0).unwrap());
        assert_eq!(values(&sums).unwrap(), [Value::Integer(93_869_829), Value::None]);
    }

    #[test]
    fn hostile_text_stays_a_field() {
        let table = Table {
            name: "t".into(),
            columns: vec!["family".into(), "packets".into()],
            rows: vec![
                vec![Value::Text("=cmd|' /C calc'!A0".into()), Value::Integer(1)],
                vec![Value::Text("a,\"b\"\r\n\0c".into()), Value::None],
            ],
        };
        assert_eq!(
            table.csv(),
            "family,packets\r\n\"'=cmd|' /C calc'!A0\",1\r\n\"a,\"\"b\"\"\u{fffd}\u{fffd}\u{fffd}c\",\r\n"
        );
        let json: serde_json::Value = serde_json::from_str(&table.json().unwrap()).unwrap();
        assert_eq!(json[1]["family"], "a,\"b\"\r\n\0c");
    }
}
