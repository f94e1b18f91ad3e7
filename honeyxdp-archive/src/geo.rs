//! Country and network of an address, from MMDB files in the layouts of MaxMind, DB-IP and others.

use std::{
    fs,
    net::IpAddr,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use maxminddb::Reader;
use serde::Deserialize;

use crate::{Error, Result};

/// Where an address is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// ISO 3166 code.
    pub country: Option<[u8; 2]>,
    /// Number of the autonomous system.
    pub asn: Option<u32>,
}

/// One or two files: countries and networks.
#[derive(Debug, Default)]
pub struct Geo {
    country: Option<Database>,
    asn: Option<Database>,
}

/// Time, number and size of a file.
type Stamp = (SystemTime, u64, u64);

struct Database {
    path: PathBuf,
    reader: Reader<Vec<u8>>,
    changed: Option<Stamp>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What a record can say, whatever else it holds. MaxMind and DB-IP have `country.iso_code` and `autonomous_system_number`,
/// flat files `country_code` and `asn`, the latter as a number or as "AS64496".
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow, default)]
    country: Option<CountryField<'a>>,
    #[serde(borrow, default)]
    registered_country: Option<CountryField<'a>>,
    #[serde(default)]
    country_code: Option<&'a str>,
    #[serde(default)]
    autonomous_system_number: Option<u32>,
    #[serde(borrow, default)]
    asn: Option<Number<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum CountryField<'a> {
    Code(&'a str),
    Record {
        #[serde(default)]
        iso_code: Option<&'a str>,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Number<'a> {
    Number(u32),
    Text(&'a str),
}

impl CountryField<'_> {
    fn code(&self) -> Option<[u8; 2]> {
        match self {
            Self::Code(code) => iso(code),
            Self::Record { iso_code } => iso((*iso_code)?),
        }
    }
}

/// Two letters, and not more: the file is somebody else's.
fn iso(code: &str) -> Option<[u8; 2]> {
    let code: [u8; 2] = code.as_bytes().try_into().ok()?;
    code.iter().all(u8::is_ascii_alphabetic).then(|| code.map(|letter| letter.to_ascii_uppercase()))
}

impl Geo {
    /// Reads the files.
    ///
    /// # Errors
    /// When one cannot be read or is no MMDB file.
    pub fn open(country: Option<&Path>, asn: Option<&Path>) -> Result<Self> {
        let open = |path: Option<&Path>| path.map(Database::open).transpose();
        Ok(Self { country: open(country)?, asn: open(asn)? })
    }

    /// Whether there is any file.
    pub const fn is_empty(&self) -> bool {
        self.country.is_none() && self.asn.is_none()
    }

    /// Looks an address up. What is not found is `None`.
    pub fn place(&self, address: IpAddr) -> Location {
        let record = |database: &Option<Database>| database.as_ref().map(|database| database.look_up(address));
        Location {
            country: record(&self.country).and_then(|place| place.country),
            asn: record(&self.asn).and_then(|place| place.asn),
        }
    }

    /// Reads the files again that changed. One that cannot be read now is gone on without a change, and said.
    ///
    /// # Errors
    /// When one changed and cannot be read.
    pub fn refresh(&mut self) -> Result<bool> {
        let mut any = false;
        for database in [&mut self.country, &mut self.asn].into_iter().flatten() {
            let changed = changed(&database.path);
            if changed.is_some() && changed != database.changed {
                // Once for each change, also when it is wrong.
                database.changed = changed;
                *database = Database::open(&database.path)?;
                any = true;
            }
        }
        Ok(any)
    }
}

impl Database {
    fn open(path: &Path) -> Result<Self> {
        let changed = changed(path);
        let bytes = fs::read(path).map_err(Error::io(path))?;
        let reader =
            Reader::from_source(bytes).map_err(|error| Error::wrong(path, format!("this is no MMDB file: {error}")))?;
        Ok(Self { path: path.to_owned(), reader, changed })
    }

    fn look_up(&self, address: IpAddr) -> Location {
        let record = self.reader.lookup(address).ok().and_then(|found| found.decode::<Record<'_>>().ok().flatten());
        let Some(record) = record else {
            return Location::default();
        };
        let country = record.country.as_ref().and_then(CountryField::code);
        let registered = || record.registered_country.as_ref().and_then(CountryField::code);
        let number = |number: &Number<'_>| match number {
            Number::Number(number) => Some(*number),
            Number::Text(text) => text.trim_start_matches("AS").parse().ok(),
        };
        Location {
            country: country.or_else(|| record.country_code.and_then(iso)).or_else(registered),
            asn: record.autonomous_system_number.or_else(|| record.asn.as_ref().and_then(number)),
        }
    }
}

/// Also two files that were made in the same tick of the clock are not the same one.
fn changed(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.ino(), metadata.len()))
}
