//! Looks for addresses in everything that an archive's files are made of.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
};

use arrow_array::{
    Array, ArrayRef,
    cast::AsArray as _,
    types::{Int32Type, TimestampMillisecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type},
};
use arrow_schema::DataType;
use honeyxdp_archive::{Archive, Entry, Reader, Table};
use parquet::file::reader::{FileReader as _, SerializedFileReader};

/// All files below a directory.
pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}

/// All files of an archive that count.
pub(crate) fn entries(directory: &Path) -> Vec<Entry> {
    let archive = Archive::new(directory);
    let mut entries = Vec::new();
    for table in Table::ALL {
        for date in archive.dates(table).unwrap() {
            entries.extend(archive.files(table, date).unwrap());
        }
    }
    entries
}

/// What is looked for.
#[derive(Default)]
pub(crate) struct Wanted {
    numbers: Vec<u32>,
    texts: Vec<String>,
    bytes: Vec<Vec<u8>>,
}

impl Wanted {
    pub(crate) fn v4(&mut self, address: Ipv4Addr) {
        for bits in [address.to_bits(), address.to_bits().swap_bytes()] {
            self.numbers.push(bits);
            self.texts.extend([bits.to_string(), format!("{bits:x}"), format!("{bits:o}"), format!("{bits:X}")]);
            self.texts.push(Ipv4Addr::from_bits(bits).to_string());
            self.bytes.push(bits.to_be_bytes().to_vec());
        }
        let [a, b, c, d] = address.octets();
        self.texts.extend([format!("{a}-{b}-{c}-{d}"), format!("{a:02x}.{b:02x}.{c:02x}.{d:02x}")]);
        self.texts.push(format!("{a}%2e{b}"));
    }

    pub(crate) fn v6(&mut self, address: Ipv6Addr) {
        self.texts.extend([address.to_string(), address.octets().map(|byte| format!("{byte:02x}")).concat()]);
        self.bytes.push(address.octets().to_vec());
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.texts.push(text.to_owned());
    }

    /// Everything of it that is in a directory, as `file column: value`.
    pub(crate) fn found_in(&self, directory: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for path in files(directory) {
            let name = path.strip_prefix(directory).unwrap().display().to_string();
            self.in_bytes(&format!("name of {name}"), name.as_bytes(), &mut found);
            self.in_bytes(&format!("bytes of {name}"), &fs::read(&path).unwrap(), &mut found);
            if path.extension().is_some_and(|extension| extension == "parquet") {
                self.in_pages(&name, &path, &mut found);
            }
        }
        for entry in entries(directory) {
            for batch in Reader::open(&entry).unwrap().batches(1000).unwrap() {
                let batch = batch.unwrap();
                for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
                    let place = format!("column {} {}", entry.table.directory(), field.name());
                    self.in_column(&place, column, &mut found);
                }
            }
        }
        found.sort();
        found.dedup();
        found
    }

    /// Pages without their compression, dictionaries too: what no row names can be there.
    fn in_pages(&self, name: &str, path: &Path, found: &mut Vec<String>) {
        let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
        for group in 0..reader.num_row_groups() {
            let group = reader.get_row_group(group).unwrap();
            for column in 0..group.num_columns() {
                for page in group.get_column_page_reader(column).unwrap() {
                    let place = format!("pages of {name} {}", group.metadata().column(column).column_path());
                    self.in_bytes(&place, page.unwrap().buffer(), found);
                }
            }
        }
    }

    fn in_bytes(&self, place: &str, bytes: &[u8], found: &mut Vec<String>) {
        for wanted in self.texts.iter().map(String::as_bytes).chain(self.bytes.iter().map(Vec::as_slice)) {
            if bytes.windows(wanted.len()).any(|window| window == wanted) {
                found.push(format!("{place}: {}", wanted.escape_ascii()));
            }
        }
    }

    fn in_column(&self, place: &str, column: &ArrayRef, found: &mut Vec<String>) {
        let mut number = |value: u64| {
            // Also as a half of a larger number.
            if self.numbers.iter().any(|&wanted| [value, value >> 32].contains(&u64::from(wanted))) {
                found.push(format!("{place}: {value}"));
            }
        };
        match column.data_type() {
            DataType::UInt8 => {
                column.as_primitive::<UInt8Type>().iter().flatten().for_each(|value| number(value.into()));
            }
            DataType::UInt16 => {
                column.as_primitive::<UInt16Type>().iter().flatten().for_each(|value| number(value.into()));
            }
            DataType::UInt32 => {
                column.as_primitive::<UInt32Type>().iter().flatten().for_each(|value| number(value.into()));
            }
            DataType::UInt64 => column.as_primitive::<UInt64Type>().iter().flatten().for_each(number),
            DataType::Timestamp(..) => {
                let times = column.as_primitive::<TimestampMillisecondType>().iter().flatten();
                times.for_each(|time| number(time.cast_unsigned()));
            }
            DataType::Binary => {
                column.as_binary::<i32>().iter().flatten().for_each(|bytes| self.in_bytes(place, bytes, found));
            }
            DataType::FixedSizeBinary(16) => {
                column.as_fixed_size_binary().iter().flatten().for_each(|bytes| self.in_bytes(place, bytes, found));
            }
            DataType::Utf8 => {
                column
                    .as_string::<i32>()
                    .iter()
                    .flatten()
                    .for_each(|text| self.in_bytes(place, text.as_bytes(), found));
            }
            DataType::Dictionary(..) => {
                let words = column.as_dictionary::<Int32Type>().values().as_string::<i32>();
                words.iter().flatten().for_each(|text| self.in_bytes(place, text.as_bytes(), found));
            }
            // A flag is no number, address or text.
            DataType::Boolean => {}
            other => panic!("nothing is looked for in a column of {other}"),
        }
    }
}
