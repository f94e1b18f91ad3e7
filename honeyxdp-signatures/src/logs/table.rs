//! A table of Cowrie's sessions, as CSV with the names of its columns in the first line: a connection a line.

use csv_core::{ReadRecordResult, Reader};

use super::{Observation, address, time};

/// The most columns, and the most bytes in a line, that such a table has.
const MOST_COLUMNS: usize = 256;
const MOST_BYTES: usize = 16 << 10;

/// Where the columns are that are looked at.
pub(super) struct Columns {
    /// Made once: it takes longer than reading a line.
    reader: Box<Reader>,
    time: usize,
    src: usize,
    sport: Option<usize>,
    dport: Option<usize>,
    protocol: Option<usize>,
}

impl Columns {
    /// Told by the line with their names.
    pub(super) fn of(line: &[u8]) -> Option<Self> {
        let mut reader = Box::new(Reader::new());
        let names = fields(&mut reader, line).ok()?;
        let at = |name: &str| names.iter().position(|other| other.trim() == name);
        Some(Self {
            time: at("start_time")?,
            src: at("src_ip")?,
            sport: at("src_port"),
            dport: at("dst_port"),
            protocol: at("protocol"),
            reader,
        })
    }

    /// Reads a line.
    ///
    /// # Errors
    /// When it is broken, in words.
    pub(super) fn row(&mut self, line: &[u8]) -> Result<Observation, String> {
        let fields = fields(&mut self.reader, line)?;
        let field =
            |at: usize| fields.get(at).map(|field| field.trim()).ok_or_else(|| "it has too few columns".to_owned());
        let port = |at: Option<usize>| -> Result<Option<u16>, String> {
            match at.map(field).transpose()? {
                None | Some("") => Ok(None),
                Some(text) => text.parse().map(Some).map_err(|_| format!("{text:?} is no port")),
            }
        };
        let protocol = self.protocol.map(field).transpose()?.filter(|name| !name.is_empty());
        Ok(Observation {
            time_ms: time::parse(field(self.time)?)?,
            src: address(field(self.src)?)?,
            sport: port(self.sport)?,
            dport: port(self.dport)?,
            protocol: protocol.map(str::to_owned),
            login: None,
            text: Vec::new(),
        })
    }
}

/// The fields of a line.
fn fields(reader: &mut Reader, line: &[u8]) -> Result<Vec<String>, String> {
    // Nothing is left of a line before that had no end.
    reader.reset();
    let mut bytes = [0; MOST_BYTES];
    let mut ends = [0; MOST_COLUMNS];
    let ended = [line, b"\n"].concat();
    let (result, _, _, number) = reader.read_record(&ended, &mut bytes, &mut ends);
    match result {
        ReadRecordResult::Record => {}
        ReadRecordResult::InputEmpty => return Err("a quote in it is not closed".to_owned()),
        _ => return Err("it is too long".to_owned()),
    }
    let starts = [0].into_iter().chain(ends);
    let texts = starts.zip(ends).take(number).map(|(start, end)| bytes[start..end].to_vec());
    texts.map(|text| String::from_utf8(text).map_err(|_| "it is no text".to_owned())).collect()
}
