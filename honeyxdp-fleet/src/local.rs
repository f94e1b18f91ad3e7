//! The files of an archive in a directory.

use honeyxdp_archive::{Archive, Entry, Result, Table};

/// The files that count. Accounts come first: what they speak of is in files that were there before, while a sensor goes on.
pub(crate) fn files(archive: &Archive) -> Result<Vec<Entry>> {
    let mut files = Vec::new();
    for table in [Table::Accounting, Table::Flows, Table::Payloads] {
        for date in archive.dates(table)? {
            files.extend(archive.files(table, date)?);
        }
    }
    Ok(files)
}
