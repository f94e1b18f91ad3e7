//! Writing: rows are collected in memory up to a bound, and written as whole files, one for each date.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    mem,
};

use arrow_array::RecordBatch;
use jiff::{Timestamp, civil::Date};

use crate::{
    AccountingRow, Archive, Checkpoint, Error, FileName, FlowRow, Origin, PayloadRow, Result, Table,
    checkpoint::CHECKPOINT_KEY,
    directory::{date_of, names},
    file::WholeFile,
    lock,
    payload::payloads_batch,
    row::{accounting_batch, flows_batch},
};

/// Rows converted to columns at a time.
const BATCH: usize = 1 << 15;
/// Maximum bytes of payloads in memory: some 50,000 of usual length.
const MOST_PAYLOADS: usize = 32 << 20;
const DAY_MS: i64 = 86_400_000;

/// Writes the rows of one sensor.
///
/// Rows stay in memory until [`Writer::flush`] or until a bound is reached. Memory: 160 bytes a row of flows, 32 MiB of payloads
/// ([`Writer::bound_payloads`]), and about as much again while a file is written.
#[derive(Debug)]
pub struct Writer {
    archive: Archive,
    /// Id of the sensor, as in rows.
    sensor: String,
    site: Option<String>,
    /// Id of the sensor, as in file names.
    name: String,
    most: usize,
    rows: Vec<FlowRow>,
    payloads: Vec<PayloadRow>,
    /// Bytes of these, and their maximum.
    payload_bytes: usize,
    most_payload_bytes: usize,
    accounting: Vec<AccountingRow>,
    /// The counters at the ends of these intervals.
    checkpoints: Vec<Checkpoint>,
    number: u64,
    _lock: File,
}

impl Writer {
    /// Opens an archive for the rows of one sensor, and makes it if it is missing. At most `most` rows are held in memory.
    ///
    /// # Errors
    /// Returns an error if the directory cannot be written, another process writes there under the same sensor id, or the archive
    /// was written by honeyxdp 0.1.0.
    pub fn open(archive: &Archive, sensor: &str, most: usize) -> Result<Self> {
        let root = archive.root();
        let name = FileName::sensor_of(sensor);
        for table in Table::ALL {
            let directory = root.join(table.directory());
            fs::create_dir_all(&directory).map_err(Error::io(&directory))?;
        }
        let lock = lock::take(&root.join(format!(".{name}.lock")), || {
            format!(
                "another honeyxdp writes to the archive {} as sensor {sensor}; give this one another --sensor-id or --archive",
                root.display()
            )
        })?;
        let mut number = 0;
        for table in Table::ALL {
            for date in archive.dates(table)? {
                remove_unfinished(archive, table, date, &name)?;
                let files = archive.all_files(table, date)?;
                number =
                    files.iter().filter(|file| file.name.sensor == name).fold(number, |n, file| n.max(file.name.last));
            }
        }
        Ok(Self {
            archive: archive.clone(),
            sensor: sensor.to_owned(),
            site: None,
            name,
            most: most.max(1),
            rows: Vec::new(),
            payloads: Vec::new(),
            payload_bytes: 0,
            most_payload_bytes: MOST_PAYLOADS,
            accounting: Vec::new(),
            checkpoints: Vec::new(),
            number,
            _lock: lock,
        })
    }

    /// Sets the site of the following rows.
    pub fn at_site(&mut self, site: Option<&str>) {
        self.site = site.map(str::to_owned);
    }

    /// Takes a row. If memory is full, the rows in memory are written first.
    ///
    /// # Errors
    /// Returns an error if they cannot be written. Then the row was not taken, and the others are still in memory: try again, or
    /// [`Writer::discard`].
    pub fn push(&mut self, row: FlowRow) -> Result<()> {
        if self.is_full() {
            self.flush_rows()?;
        }
        self.rows.push(row);
        Ok(())
    }

    /// Takes a payload or a login, truncated to [`crate::MOST_PAYLOAD`]. If memory is full, the payloads in memory are written first.
    ///
    /// # Errors
    /// Returns an error if they cannot be written. Then this one was not taken, and the others are still in memory: try again, or
    /// [`Writer::discard_payloads`].
    pub fn push_payload(&mut self, mut payload: PayloadRow) -> Result<()> {
        payload.truncate();
        let bytes = payload.memory();
        if self.payload_bytes + bytes > self.most_payload_bytes {
            self.flush_payloads()?;
        }
        self.payload_bytes += bytes;
        self.payloads.push(payload);
        Ok(())
    }

    /// Takes the accounting row of an interval. It is written after the interval's rows.
    pub fn account(&mut self, row: AccountingRow) {
        self.accounting.push(row);
    }

    /// Takes the counters at the end of the interval of the last accounting row, for the next process: see [`Archive::checkpoint`].
    pub fn checkpoint(&mut self, checkpoint: Checkpoint) {
        self.checkpoints.push(checkpoint);
    }

    /// Joins the oldest accounting rows until at most `most` are in memory.
    pub fn bound_accounting(&mut self, most: usize) {
        while self.accounting.len() > most.max(1) {
            let second = self.accounting.remove(1);
            let end = self.accounting[0].interval_end;
            self.checkpoints.retain(|checkpoint| checkpoint.until != end);
            self.accounting[0].append(&second);
        }
    }

    /// Whether memory is full of rows.
    pub fn is_full(&self) -> bool {
        self.rows.len() >= self.most
    }

    /// Rows in memory.
    pub fn rows(&self) -> &[FlowRow] {
        &self.rows
    }

    /// Rows in memory, to be completed.
    pub fn rows_mut(&mut self) -> &mut [FlowRow] {
        &mut self.rows
    }

    /// Accounting rows in memory.
    pub fn accounting(&self) -> &[AccountingRow] {
        &self.accounting
    }

    /// Accounting rows in memory, to be completed.
    pub fn accounting_mut(&mut self) -> &mut [AccountingRow] {
        &mut self.accounting
    }

    /// Drops the rows in memory.
    pub fn discard(&mut self) {
        self.rows.clear();
    }

    /// Payloads in memory.
    pub fn payloads(&self) -> &[PayloadRow] {
        &self.payloads
    }

    /// Drops the payloads in memory.
    pub fn discard_payloads(&mut self) {
        self.payloads.clear();
        self.payload_bytes = 0;
    }

    /// Sets the maximum bytes of payloads in memory; one payload always fits.
    pub fn bound_payloads(&mut self, bytes: usize) {
        self.most_payload_bytes = bytes;
    }

    /// Writes everything in memory.
    ///
    /// # Errors
    /// Returns an error if a file cannot be written. Rows that are not written stay in memory.
    pub fn flush(&mut self) -> Result<()> {
        self.flush_rows()?;
        self.flush_payloads()?;
        self.flush_accounting()
    }

    /// Writes the rows: a file for each date, sorted by family, port and source.
    ///
    /// # Errors
    /// As [`Writer::flush`].
    pub fn flush_rows(&mut self) -> Result<()> {
        self.rows.sort_unstable_by_key(|row| (row.first_seen.div_euclid(DAY_MS), row.family, row.dst_port, row.src));
        let mut rows = mem::take(&mut self.rows);
        let written = self.write_days(
            Table::Flows,
            &mut rows,
            |row| row.first_seen,
            |origin, rows| flows_batch(origin, rows.iter()),
        );
        self.rows = rows;
        written
    }

    /// Writes the payloads: a file for each date, sorted by family, port and source.
    ///
    /// # Errors
    /// As [`Writer::flush`].
    pub fn flush_payloads(&mut self) -> Result<()> {
        let mut rows = mem::take(&mut self.payloads);
        let day = |row: &PayloadRow| row.time.div_euclid(DAY_MS);
        rows.sort_by(|a, b| {
            let key = |row: &PayloadRow| (row.dst_port, row.src, row.time);
            day(a).cmp(&day(b)).then_with(|| a.family.family().cmp(b.family.family())).then_with(|| key(a).cmp(&key(b)))
        });
        let written = self.write_days(
            Table::Payloads,
            &mut rows,
            |row| row.time,
            |origin, rows| payloads_batch(origin, rows.iter()),
        );
        self.payload_bytes = rows.iter().map(PayloadRow::memory).sum();
        self.payloads = rows;
        written
    }

    /// Writes rows that are sorted by day, a file for each day. Written rows are removed.
    fn write_days<T>(
        &mut self,
        table: Table,
        rows: &mut Vec<T>,
        time: impl Fn(&T) -> i64,
        batch: impl Fn(Origin, &[T]) -> Result<RecordBatch>,
    ) -> Result<()> {
        while let Some(last) = rows.last() {
            // From the end, where removal is cheap.
            let day = time(last).div_euclid(DAY_MS);
            let from = rows.partition_point(|row| time(row).div_euclid(DAY_MS) < day);
            let number = self.next_number();
            let path = self.path(table, time(last), number);
            let mut file = WholeFile::begin(&path, table, &[])?;
            for rows in rows[from..].chunks(BATCH) {
                file.write(&batch(self.origin(), rows)?)?;
            }
            file.finish()?;
            self.number = number;
            rows.truncate(from);
        }
        Ok(())
    }

    fn flush_accounting(&mut self) -> Result<()> {
        let mut days: BTreeMap<i64, Vec<AccountingRow>> = BTreeMap::new();
        for row in &self.accounting {
            days.entry(row.interval_start.div_euclid(DAY_MS)).or_default().push(*row);
        }
        for (day, mut rows) in days {
            let number = self.next_number();
            let path = self.path(Table::Accounting, rows[0].interval_start, number);
            let end = rows.last().map(|row| row.interval_end);
            let last = self.checkpoints.iter().rposition(|checkpoint| Some(checkpoint.until) == end);
            let footer = last.map(|last| (CHECKPOINT_KEY, self.checkpoints[last].footer()));
            let mut file = WholeFile::begin(&path, Table::Accounting, footer.as_slice())?;
            // The clock may have been set back.
            rows.sort_by_key(|row| row.interval_start);
            file.write(&accounting_batch(self.origin(), rows.iter())?)?;
            file.finish()?;
            self.number = number;
            self.accounting.retain(|row| row.interval_start.div_euclid(DAY_MS) != day);
            self.checkpoints.drain(..last.map_or(0, |last| last + 1));
        }
        Ok(())
    }

    fn origin(&self) -> Origin<'_> {
        Origin { sensor: &self.sensor, site: self.site.as_deref() }
    }

    fn path(&self, table: Table, milliseconds: i64, number: u64) -> std::path::PathBuf {
        let name = FileName { sensor: self.name.clone(), first: number, last: number, level: 0 };
        self.archive.directory(table, date_of(milliseconds)).join(name.to_string())
    }

    /// The time in milliseconds, so that numbers do not repeat in an archive that was emptied; always greater than the last.
    fn next_number(&self) -> u64 {
        let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0);
        now.max(self.number + 1)
    }
}

/// Removes unfinished files of this sensor, left by a kill.
fn remove_unfinished(archive: &Archive, table: Table, date: Date, sensor: &str) -> Result<()> {
    let directory = archive.directory(table, date);
    for file in names(&directory)? {
        let unfinished = file.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp")?.parse::<FileName>().ok());
        if unfinished.is_some_and(|name| name.sensor == sensor && name.level == 0) {
            let path = directory.join(file);
            fs::remove_file(&path).map_err(Error::io(&path))?;
        }
    }
    Ok(())
}
