//! `honeyxdp fleet export`: a copy of an archive that may be given away.
//!
//! What is in it and what it does not protect from is in docs/operate/fleet-and-privacy.md.
//! Every file is whole from the moment it has its name,
//! and the copy is complete when [`COMPLETE`] is there, which comes last.

mod addresses;
mod bits;
mod columns;
mod file;
mod host;
mod key;
mod names;
mod target;
mod texts;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{Context as _, bail};
use honeyxdp_archive::{Archive, FileName, Reader, Table};
use ipnet::IpNet;
use serde::Serialize;

use self::{addresses::Addresses, columns::Columns, names::Names, target::Target};
use crate::local;

pub use key::Key;
pub use target::COMPLETE;

/// What is given away.
#[derive(Clone, Debug)]
pub struct Options {
    /// Sources become pseudonyms by this key, and sensors get other names. Without one both stay.
    pub key: Option<Key>,
    /// Sources become their networks: /24, and /48 of IPv6.
    pub truncate: bool,
    /// Country and network of a source, which are those of the real one.
    pub places: bool,
    /// Names and passwords of logins.
    pub logins: bool,
    /// URLs that something was to be loaded from.
    pub urls: bool,
    /// Addresses of the sensors: URLs that lead there are left out, and without a key sources that claim to be there are 0.
    pub own: Vec<IpNet>,
}

/// What was done to sources and the rest, as it is in every file's footer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Treated {
    /// Version of this text.
    pub version: u32,
    /// `pseudonymised`, `truncated`, `truncated and pseudonymised`, `as they are`.
    pub sources: &'static str,
    /// What tells the key from others.
    pub key: Option<String>,
    /// Whether country and network are there.
    pub places: bool,
    /// Whether logins are there.
    pub logins: bool,
    /// Whether URLs are there.
    pub urls: bool,
}

/// Values that are not given away, one by one: an address may be in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Bytes of payloads, of so many rows: all that there are.
    pub payloads: usize,
    /// Hosts of URLs.
    pub url_hosts: usize,
    /// Paths of URLs.
    pub url_paths: usize,
    /// Files of URLs.
    pub url_files: usize,
    /// Names of logins.
    pub usernames: usize,
    /// Passwords of logins.
    pub passwords: usize,
}

/// How much there is of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// Files.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Version of honeyxdp.
    pub honeyxdp: &'static str,
    /// What was done.
    #[serde(flatten)]
    pub treated: Treated,
    /// How much, by table.
    pub tables: BTreeMap<&'static str, Amount>,
    /// Sensors.
    pub sensors: usize,
    /// Those of them that have another name.
    pub sensors_renamed: usize,
    /// What is not given away.
    pub left_out: LeftOut,
}

impl Options {
    fn treated(&self) -> Treated {
        let sources = match (&self.key, self.truncate) {
            (Some(_), false) => "pseudonymised",
            (Some(_), true) => "truncated and pseudonymised",
            (None, true) => "truncated",
            (None, false) => "as they are",
        };
        let Self { key, places, logins, urls, .. } = self;
        let key = key.as_ref().map(Key::id);
        Treated { version: 1, sources, key, places: *places, logins: *logins, urls: *urls }
    }
}

/// Copies an archive into a directory that is empty or not there, as it may be given away. While it reads, nobody merges or removes
/// files there; sensors may go on. `progress` gets how many rows are done, and of how many.
///
/// # Errors
/// When a file cannot be read or written, or something else is in the directory. Then the copy is not complete, and of no use.
pub fn export(
    source: &Path,
    out: &Path,
    options: &Options,
    mut progress: impl FnMut(u64, u64),
) -> anyhow::Result<Exported> {
    let archive = Archive::new(source);
    let _kept = archive.keep()?;
    for table in Table::ALL {
        columns::check(table)?;
    }
    let entries = local::files(&archive)?;
    if entries.is_empty() {
        bail!(
            "there is no file of an archive in {}; name its directory, as given to `honeyxdp run --archive`",
            source.display()
        );
    }
    let sensors: BTreeSet<String> = entries.iter().map(|entry| entry.name.sensor.clone()).collect();
    let mut total = 0;
    for entry in &entries {
        total += Reader::open(entry)?.rows();
    }
    let treated = options.treated();
    let footer = serde_json::to_string(&treated)?;
    let mut columns = Columns {
        addresses: Addresses::new(options.key.as_ref(), options.truncate, options.own.clone()),
        names: Names::new(options.key.as_ref(), &sensors)?,
        options: options.clone(),
        left_out: LeftOut::default(),
    };
    let target = Target::begin(out, source)?;
    let copy = Archive::new(out);
    let mut tables: BTreeMap<&str, Amount> = Table::ALL.map(|table| (table.directory(), Amount::default())).into();
    let mut done = 0;
    for entry in &entries {
        let name = FileName { sensor: columns.names.file(&entry.name.sensor)?, ..entry.name.clone() };
        let path = copy.directory(entry.table, entry.date).join(name.to_string());
        let exported = file::export(entry, &path, &footer, &mut columns, |rows| {
            done += rows;
            progress(done, total);
        });
        let (rows, bytes) =
            exported.with_context(|| format!("{} is not complete; remove it and export again", out.display()))?;
        let amount = tables.entry(entry.table.directory()).or_default();
        *amount = Amount { files: amount.files + 1, rows: amount.rows + rows, bytes: amount.bytes + bytes };
    }
    let exported = Exported {
        honeyxdp: env!("CARGO_PKG_VERSION"),
        treated,
        tables,
        sensors: sensors.len(),
        sensors_renamed: columns.names.renamed(),
        left_out: columns.left_out,
    };
    target.finish(&exported)?;
    Ok(exported)
}
