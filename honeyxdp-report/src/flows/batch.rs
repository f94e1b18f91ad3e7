//! Some columns of one file, batch by batch, whichever program wrote it.

use std::{collections::HashMap, fs::File, io, path::Path};

use anyhow::Context as _;
use arrow_array::{
    Array as _, ArrayRef, DictionaryArray, FixedSizeBinaryArray, RecordBatch, StringArray, UInt16Array, UInt32Array,
    cast::AsArray as _,
    types::{Int32Type, TimestampMillisecondType},
};
use arrow_cast::cast;
use arrow_schema::{DataType, TimeUnit};
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder},
    },
    file::{metadata::RowGroupMetaData, statistics::Statistics},
};

use crate::escape;

/// Rows of a batch: columns of so many stay in a cache.
const ROWS: usize = 16 << 10;
/// Most families in an archive. There are about a dozen.
const MOST_FAMILIES: usize = 1024;

/// Columns to read besides `family`, `src` and `src6`.
#[derive(Clone, Copy, Debug, Default)]
pub struct FlowColumns {
    /// `attributed_family`, `dst_port`, `packets`, `first_seen` and `last_seen`.
    pub flows: bool,
}

/// Numbers that families have while an archive is read.
#[derive(Debug, Default)]
pub struct FamilyIndex {
    names: Vec<String>,
    numbers: HashMap<String, usize>,
}

impl FamilyIndex {
    /// Their names, by number.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    fn number(&mut self, name: &str) -> anyhow::Result<usize> {
        if let Some(&number) = self.numbers.get(name) {
            return Ok(number);
        }
        anyhow::ensure!(self.names.len() < MOST_FAMILIES, "it has more than {MOST_FAMILIES} families");
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), self.names.len() - 1);
        Ok(self.names.len() - 1)
    }
}

/// Rows of a file.
#[derive(Debug)]
pub struct FlowBatch {
    family: FamilyColumn,
    attributed: Option<FamilyColumn>,
    src: UInt32Array,
    src6: FixedSizeBinaryArray,
    flows: Option<FlowArrays>,
}

#[derive(Debug)]
struct FlowArrays {
    port: UInt16Array,
    packets: UInt32Array,
    first: ArrayRef,
    last: ArrayRef,
}

/// A column of families, as numbers.
#[derive(Debug)]
struct FamilyColumn {
    column: DictionaryArray<Int32Type>,
    numbers: Vec<usize>,
}

/// Where a row came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SourceAddress {
    /// IPv4, as a number.
    V4(u32),
    /// IPv6, as a number.
    V6(u128),
}

/// What a row tells beside its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowFields {
    /// Destination port.
    pub port: u16,
    /// SYNs.
    pub packets: u32,
    /// Time of the first SYN, milliseconds since 1970.
    pub first: i64,
    /// Time of the last SYN, milliseconds since 1970.
    pub last: i64,
}

impl FlowBatch {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.src.len()
    }

    /// The family of a row, as a number.
    pub fn family(&self, row: usize) -> usize {
        self.family.get(row).unwrap_or_default()
    }

    /// The family that a pair test attributed the row's source to, else its own.
    pub fn tool(&self, row: usize) -> usize {
        self.attributed.as_ref().and_then(|attributed| attributed.get(row)).unwrap_or_else(|| self.family(row))
    }

    /// The source of a row; none where the file is wrong.
    pub fn source(&self, row: usize) -> Option<SourceAddress> {
        if self.src.is_valid(row) {
            return Some(SourceAddress::V4(self.src.value(row)));
        }
        let bytes = self.src6.is_valid(row).then(|| self.src6.value(row))?;
        Some(SourceAddress::V6(u128::from_be_bytes(bytes.try_into().ok()?)))
    }

    /// What else a row tells.
    ///
    /// # Panics
    ///
    /// Where that was not read.
    pub fn flow(&self, row: usize) -> FlowFields {
        let flows = self.flows.as_ref().expect("flows are among the columns");
        let time = |column: &ArrayRef| column.as_primitive::<TimestampMillisecondType>().value(row);
        FlowFields {
            port: flows.port.value(row),
            packets: flows.packets.value(row),
            first: time(&flows.first),
            last: time(&flows.last),
        }
    }
}

impl FamilyColumn {
    fn get(&self, row: usize) -> Option<usize> {
        self.column.key(row).and_then(|key| self.numbers.get(key).copied())
    }

    fn new(column: &ArrayRef, families: &mut FamilyIndex) -> anyhow::Result<Self> {
        let column: DictionaryArray<Int32Type> = column.as_dictionary().clone();
        let names: &StringArray = column.values().as_string();
        let numbers = names.iter().map(|name| families.number(name.unwrap_or_default())).collect::<Result<_, _>>()?;
        Ok(Self { column, numbers })
    }
}

/// Reads a file. Groups of rows that hold none of the families that `wanted` wants are passed over, where the file tells;
/// rows of other families can come all the same.
///
/// # Errors
///
/// Where the file cannot be read, or has not the columns of an archive.
pub fn read(
    path: &Path,
    columns: FlowColumns,
    families: &mut FamilyIndex,
    wanted: impl Fn(&str) -> bool,
    mut each: impl FnMut(&FlowBatch, &FamilyIndex) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut read = || -> anyhow::Result<()> {
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => anyhow::anyhow!("the archive was compacted meanwhile: ask again"),
            _ => error.into(),
        })?;
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
        let mut names = vec!["family", "src", "src6"];
        if columns.flows {
            names.extend(["attributed_family", "dst_port", "packets", "first_seen", "last_seen"]);
        }
        let parquet = builder.parquet_schema();
        let mask = ProjectionMask::columns(parquet, names.iter().copied());
        let family = parquet.columns().iter().position(|column| column.name() == "family");
        // A pair test can have made another family of any row.
        let groups = builder.metadata().row_groups().iter().enumerate();
        let groups = groups.filter(|(_, group)| columns.flows || family.is_none_or(|at| may_hold(group, at, &wanted)));
        let groups = groups.map(|(number, _)| number).collect();
        let reader = builder.with_projection(mask).with_row_groups(groups).with_batch_size(ROWS).build()?;
        for rows in reader {
            each(&batch(&rows?, columns, families)?, families)?;
        }
        Ok(())
    };
    read().with_context(|| format!("cannot read {}", escape::text(&path.display().to_string())))
}

/// Whether a group of rows may hold a family that is wanted: false only where it has one family alone.
fn may_hold(group: &RowGroupMetaData, column: usize, wanted: impl Fn(&str) -> bool) -> bool {
    let Some(Statistics::ByteArray(values)) = group.column(column).statistics() else { return true };
    let (Some(least), Some(most)) = (values.min_opt(), values.max_opt()) else { return true };
    let is_one = least == most && values.min_is_exact() && values.max_is_exact();
    !is_one || least.as_utf8().map_or(true, wanted)
}

fn batch(rows: &RecordBatch, columns: FlowColumns, families: &mut FamilyIndex) -> anyhow::Result<FlowBatch> {
    // What another program wrote can have wider or plainer types.
    let column = |name: &str, kind: &DataType| -> anyhow::Result<ArrayRef> {
        let column = rows.column_by_name(name).with_context(|| format!("it has no column {name}"))?;
        if column.data_type() == kind {
            return Ok(column.clone());
        }
        cast(column, kind).with_context(|| format!("its column {name} is {}, and not {kind}", column.data_type()))
    };
    let name = DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into());
    let time = DataType::Timestamp(TimeUnit::Millisecond, None);
    let flows = columns.flows.then(|| -> anyhow::Result<FlowArrays> {
        Ok(FlowArrays {
            port: column("dst_port", &DataType::UInt16)?.as_primitive().clone(),
            packets: column("packets", &DataType::UInt32)?.as_primitive().clone(),
            first: column("first_seen", &time)?,
            last: column("last_seen", &time)?,
        })
    });
    Ok(FlowBatch {
        family: FamilyColumn::new(&column("family", &name)?, families)?,
        attributed: columns
            .flows
            .then(|| FamilyColumn::new(&column("attributed_family", &name)?, families))
            .transpose()?,
        src: column("src", &DataType::UInt32)?.as_primitive().clone(),
        src6: column("src6", &DataType::FixedSizeBinary(16))?.as_fixed_size_binary().clone(),
        flows: flows.transpose()?,
    })
}
