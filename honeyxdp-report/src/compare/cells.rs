//! Lines of tables: cells between commas, semicolons, tabs or bars, with quotes or without, and what a header says of them.

use std::ops::Range;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

/// What can stand between two cells.
pub(super) const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Cells of a line that are looked at.
const MOST_CELLS: usize = 256;

/// The cells of one line.
#[derive(Debug, Default)]
pub(super) struct Cells {
    text: Vec<u8>,
    ranges: Vec<Range<usize>>,
}

impl Cells {
    /// Cuts a line. Quotes are taken off, and spaces around a cell.
    pub(super) fn split(&mut self, line: &[u8], delimiter: u8) {
        self.ranges.clear();
        self.text.clear();
        if line.contains(&b'"') {
            self.unquote(line, delimiter);
        } else {
            self.text.extend_from_slice(line);
            let mut start = 0;
            for cell in line.split(|&byte| byte == delimiter).take(MOST_CELLS) {
                self.ranges.push(start..start + cell.len());
                start += cell.len() + 1;
            }
        }
        for range in &mut self.ranges {
            let cell = &self.text[range.clone()];
            let front = cell.len() - cell.trim_ascii_start().len();
            *range = range.start + front..range.start + front + cell.trim_ascii().len();
        }
    }

    fn unquote(&mut self, line: &[u8], delimiter: u8) {
        let mut reader: Reader = ReaderBuilder::new().delimiter(delimiter).build();
        // Cells are never longer than what they were made of.
        self.text.resize(line.len() + 1, 0);
        let mut ends = [0; MOST_CELLS];
        let (mut used, mut count, mut rest) = (0, 0, line);
        loop {
            let (result, read, written, more) = reader.read_record(rest, &mut self.text[used..], &mut ends[count..]);
            (rest, used, count) = (&rest[read..], used + written, count + more);
            // Given no more bytes it closes the last cell. More cells than have room are left out.
            if !matches!(result, ReadRecordResult::InputEmpty) {
                break;
            }
        }
        let mut start = 0;
        for &end in &ends[..count] {
            self.ranges.push(start..end);
            start = end;
        }
    }

    /// The cell at this place, from 0 on; empty where there is none.
    pub(super) fn get(&self, at: usize) -> &[u8] {
        self.ranges.get(at).map_or(&[], |range| &self.text[range.clone()])
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|at| self.get(at))
    }
}

/// Which cell holds what, as a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) delimiter: u8,
    pub(super) address: usize,
    pub(super) port: Option<usize>,
    pub(super) user: Option<usize>,
    pub(super) password: Option<usize>,
}

const ADDRESS: &[&str] = &[
    "ip",
    "ipv4",
    "ipv6",
    "addr",
    "address",
    "ipaddr",
    "ipaddress",
    "host",
    "hostip",
    "hostname",
    "server",
    "target",
    "srcip",
    "src",
    "sourceip",
    "source",
    "dstip",
    "dst",
    "destination",
    "ipアドレス",
    "アドレス",
];
const PORT: &[&str] = &["port", "dport", "dst_port", "dstport", "tcpport", "ポート"];
const USER: &[&str] = &["user", "username", "login", "account", "uname", "ユーザー", "ユーザ名", "id"];
const PASSWORD: &[&str] = &["pass", "password", "passwd", "pwd", "pw", "パスワード"];

/// Reads a line as a header: a line that names the column of addresses. `Some(None)` is a header of words between spaces.
pub(super) fn header(line: &[u8], cells: &mut Cells) -> Option<Option<Layout>> {
    let delimiter =
        DELIMITERS.into_iter().max_by_key(|delimiter| line.iter().filter(|byte| *byte == delimiter).count());
    let delimiter = delimiter.filter(|delimiter| line.contains(delimiter));
    let Some(delimiter) = delimiter else {
        let mut words = line.split(u8::is_ascii_whitespace).map(key);
        return words.next().filter(|word| ADDRESS.contains(&word.as_str())).map(|_| None);
    };
    cells.split(line, delimiter);
    let keys: Vec<String> = cells.iter().map(key).collect();
    // The earlier name is the better one: `id` is the user where there is no `user`, and else a number of the row.
    let find = |names: &[&str]| names.iter().find_map(|name| keys.iter().position(|key| key == name));
    Some(Some(Layout {
        delimiter,
        address: find(ADDRESS)?,
        port: find(PORT),
        user: find(USER),
        password: find(PASSWORD),
    }))
}

/// The name of a column without what people write differently.
fn key(cell: &[u8]) -> String {
    let text = String::from_utf8_lossy(cell).to_lowercase();
    text.chars().filter(|character| !matches!(character, ' ' | '_' | '-' | '.' | '"' | '#' | '\u{feff}')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str, delimiter: u8) -> Vec<String> {
        let mut cells = Cells::default();
        cells.split(line.as_bytes(), delimiter);
        cells.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect()
    }

    #[test]
    fn quotes_and_spaces_are_taken_off() {
        assert_eq!(split("a, b ,,c", b','), ["a", "b", "", "c"]);
        assert_eq!(split(r#""a","b,c","say ""x""",d"#, b','), ["a", "b,c", r#"say "x""#, "d"]);
        assert_eq!(split(r#""a";"not closed"#, b';'), ["a", "not closed"]);
        assert_eq!(split(&"x,".repeat(1000), b',').len(), MOST_CELLS);
        assert_eq!(split(&r#""x","#.repeat(1000), b',').len(), MOST_CELLS);
    }

    #[test]
    fn a_header_names_the_column_of_addresses() {
        let layout = |line: &str| header(line.as_bytes(), &mut Cells::default());
        assert_eq!(
            layout("\"Date\";\"IP Address\";\"Port\";\"User_Name\";\"Password\""),
            Some(Some(Layout { delimiter: b';', address: 1, port: Some(2), user: Some(3), password: Some(4) }))
        );
        let layout_of_ids = Layout { delimiter: b',', address: 1, port: None, user: Some(2), password: None };
        assert_eq!(layout("id,ip,user"), Some(Some(layout_of_ids)));
        assert_eq!(layout("ip user pass"), Some(None));
        assert_eq!(layout("ip"), Some(None));
        assert_eq!(layout("date,country"), None);
        assert_eq!(layout("the ip of it"), None);
    }
}
