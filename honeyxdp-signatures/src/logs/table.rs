//! CSV tables of Cowrie sessions: a header line, then one connection per line.

use csv_core::{ReadRecordResult, Reader};

use super::{Observation, address, time};

/// Maximum number of columns, and of bytes in a line.
const MAX_COLUMNS: usize = 256;
const MAX_BYTES: usize = 16 << 10;

/// Positions of the used columns.
pub(super) struct Columns {
    /// Reused, because construction costs more than reading a line.
    reader: Box<Reader>,
    time: usize,
    src: usize,
    src_port: Option<usize>,
    dst_port: Option<usize>,
    protocol: Option<usize>,
}

impl Columns {
    /// Parses the header line; `None` if a required column is missing.
    pub(super) fn of(line: &[u8]) -> Option<Self> {
        let mut reader = Box::new(Reader::new());
        let names = fields(&mut reader, line).ok()?;
        let at = |name: &str| names.iter().position(|other| other.trim() == name);
        Some(Self {
            time: at("start_time")?,
            src: at("src_ip")?,
            src_port: at("src_port"),
            dst_port: at("dst_port"),
            protocol: at("protocol"),
            reader,
        })
    }

    /// Parses a line.
    ///
    /// # Errors
    /// Returns a message if the line is invalid.
    pub(super) fn row(&mut self, line: &[u8]) -> Result<Observation, String> {
        let fields = fields(&mut self.reader, line)?;
        let field = |at: usize| {
            fields.get(at).map(|field| field.trim()).ok_or_else(|| "the line has too few columns".to_owned())
        };
        let port = |at: Option<usize>| -> Result<Option<u16>, String> {
            match at.map(field).transpose()? {
                None | Some("") => Ok(None),
                Some(text) => text.parse().map(Some).map_err(|_| format!("{text:?} is not a port")),
            }
        };
        let protocol = self.protocol.map(field).transpose()?.filter(|name| !name.is_empty());
        Ok(Observation {
            time_ms: time::parse(field(self.time)?)?,
            src: address(field(self.src)?)?,
            src_port: port(self.src_port)?,
            dst_port: port(self.dst_port)?,
            protocol: protocol.map(str::to_owned),
            login: None,
            text: Vec::new(),
        })
    }
}

/// The fields of a line.
fn fields(reader: &mut Reader, line: &[u8]) -> Result<Vec<String>, String> {
    // Discard the state of an earlier incomplete line.
    reader.reset();
    let mut bytes = [0; MAX_BYTES];
    let mut ends = [0; MAX_COLUMNS];
    let ended = [line, b"\n"].concat();
    let (result, _, _, number) = reader.read_record(&ended, &mut bytes, &mut ends);
    match result {
        ReadRecordResult::Record => {}
        ReadRecordResult::InputEmpty => return Err("a quote is not closed".to_owned()),
        _ => return Err("the line is too long".to_owned()),
    }
    let starts = [0].into_iter().chain(ends);
    let texts = starts.zip(ends).take(number).map(|(start, end)| bytes[start..end].to_vec());
    texts.map(|text| String::from_utf8(text).map_err(|_| "a field is not UTF-8".to_owned())).collect()
}
