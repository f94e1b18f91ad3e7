//! A list as bytes of text, whatever it was packed and encoded with.

use std::{
    fs::File,
    io::{self, Cursor, Read},
    path::Path,
};

use anyhow::Context as _;
use bytesize::ByteSize;
use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use flate2::read::MultiGzDecoder;

use super::name;

/// Bytes that tell what a file is.
const SNIFFED: usize = 4 << 10;
/// Bytes that are read or decoded at once.
const CHUNK: usize = 64 << 10;

/// What other people pack files with, by their first bytes.
const ARCHIVES: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "a zip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a rar archive"),
    (b"BZh", "packed with bzip2"),
    (b"\xfd7zXZ\0", "packed with xz"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd"),
];

/// How lists are read.
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions {
    /// Encoding of all lists; told by their first bytes where there is none.
    pub encoding: Option<&'static Encoding>,
    /// Most bytes that a gzip file may unpack to.
    pub most_unpacked: u64,
}

/// A list, opened.
pub(super) struct ListInput {
    pub(super) reader: Box<dyn Read>,
    /// Name of the encoding that it is decoded from, none where its bytes are taken as they are.
    pub(super) encoding: Option<&'static str>,
    pub(super) is_gzip: bool,
}

/// Opens a list.
///
/// # Errors
///
/// Where it cannot be opened or read, or is packed with something else than gzip.
pub(super) fn open(path: &Path, options: &ReadOptions) -> anyhow::Result<ListInput> {
    if path.as_os_str() == "-" {
        return wrap(Box::new(io::stdin()), options).context("cannot read standard input");
    }
    let open = || -> anyhow::Result<ListInput> {
        let file = File::open(path)?;
        anyhow::ensure!(!file.metadata()?.is_dir(), "it is a directory: name the files in it");
        wrap(Box::new(file), options)
    };
    open().with_context(|| format!("cannot read {}", crate::escape::text(&name(path))))
}

/// Unpacks and decodes.
///
/// # Errors
///
/// As [`open`].
pub(super) fn wrap(raw: Box<dyn Read>, options: &ReadOptions) -> anyhow::Result<ListInput> {
    let (mut head, mut reader) = sniff(raw)?;
    let is_gzip = head.starts_with(&[0x1f, 0x8b]);
    if is_gzip {
        let unpacked =
            Bounded { input: MultiGzDecoder::new(reader), left: options.most_unpacked, most: options.most_unpacked };
        (head, reader) = sniff(Box::new(unpacked))?;
    }
    if let Some((_, what)) = ARCHIVES.iter().find(|(first, _)| head.starts_with(first)) {
        anyhow::bail!("it is {what}: unpack it first, only gzip is read as it is");
    }
    let encoding = options.encoding.or_else(|| detect(&head));
    let encoding = encoding.filter(|&encoding| encoding != UTF_8);
    if let Some(encoding) = encoding {
        reader = Box::new(Decoded::new(reader, encoding));
    }
    Ok(ListInput { reader, encoding: encoding.map(Encoding::name), is_gzip })
}

/// The first bytes, and everything with them.
fn sniff(mut reader: Box<dyn Read>) -> io::Result<(Vec<u8>, Box<dyn Read>)> {
    let mut head = vec![0; SNIFFED];
    let mut length = 0;
    // Damage is told when it is come to, after what was before it.
    let mut damage = None;
    while length < SNIFFED {
        match reader.read(&mut head[length..]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if length == 0 => return Err(error),
            Err(error) => {
                damage = Some(error);
                break;
            }
        }
    }
    head.truncate(length);
    let rest: Box<dyn Read> = match damage {
        Some(error) => Box::new(Broken(Some(error))),
        None => reader,
    };
    Ok((head.clone(), Box::new(Cursor::new(head).chain(rest))))
}

/// Fails once.
struct Broken(Option<io::Error>);

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// UTF-16 with a byte order mark or without: every second byte of what lists hold is then NUL.
fn detect(head: &[u8]) -> Option<&'static Encoding> {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return Some(encoding);
    }
    let pairs = head.len() / 2;
    let zeros = |offset: usize| head.iter().skip(offset).step_by(2).filter(|&&byte| byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    match pairs {
        0..4 => None,
        _ if odd * 10 > pairs * 7 && even * 10 < pairs => Some(UTF_16LE),
        _ if even * 10 > pairs * 7 && odd * 10 < pairs => Some(UTF_16BE),
        _ => None,
    }
}

/// Fails when more bytes come than there may be.
struct Bounded<R> {
    input: R,
    left: u64,
    most: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        if length as u64 > self.left {
            let most = ByteSize(self.most);
            return Err(io::Error::other(format!("it unpacks to more than {most}: allow more with --max-unpacked")));
        }
        self.left -= length as u64;
        Ok(length)
    }
}

/// Text of some encoding as UTF-8; what is broken becomes U+FFFD.
struct Decoded<R> {
    input: R,
    decoder: Decoder,
    raw: Vec<u8>,
    text: Vec<u8>,
    given: usize,
    is_over: bool,
}

impl<R: Read> Decoded<R> {
    fn new(input: R, encoding: &'static Encoding) -> Self {
        let decoder = encoding.new_decoder();
        let most = decoder.max_utf8_buffer_length(CHUNK).expect("a chunk is small");
        Self { input, decoder, raw: vec![0; CHUNK], text: Vec::with_capacity(most), given: 0, is_over: false }
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() && !self.is_over {
            let length = self.input.read(&mut self.raw)?;
            self.is_over = length == 0;
            self.text.resize(self.text.capacity(), 0);
            let (_, _, written, _) = self.decoder.decode_to_utf8(&self.raw[..length], &mut self.text, self.is_over);
            self.text.truncate(written);
            self.given = 0;
        }
        let length = buffer.len().min(self.text.len() - self.given);
        buffer[..length].copy_from_slice(&self.text[self.given..self.given + length]);
        self.given += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    const TEXT: &str = "192.0.2.1:23 root:pässwörd日🦀\r\n192.0.2.2:23 admin:admin\r\n";

    fn read(bytes: Vec<u8>, options: ReadOptions) -> anyhow::Result<(String, Option<&'static str>)> {
        let mut input = wrap(Box::new(Cursor::new(bytes)), &options)?;
        let mut text = Vec::new();
        input.reader.read_to_end(&mut text)?;
        Ok((String::from_utf8_lossy(&text).into_owned(), input.encoding))
    }

    const OPTIONS: ReadOptions = ReadOptions { encoding: None, most_unpacked: 1 << 20 };

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn encodings_are_detect_the_first_bytes() {
        let units: Vec<u16> = TEXT.repeat(2_000).encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for (bytes, encoding) in [
            (TEXT.repeat(2_000).into_bytes(), None),
            ([b"\xef\xbb\xbf".to_vec(), TEXT.repeat(2_000).into_bytes()].concat(), None),
            ([b"\xff\xfe".to_vec(), little.clone()].concat(), Some("UTF-16LE")),
            ([b"\xfe\xff".to_vec(), big.clone()].concat(), Some("UTF-16BE")),
            (little, Some("UTF-16LE")),
            (big, Some("UTF-16BE")),
        ] {
            for bytes in [bytes.clone(), gzip(&bytes)] {
                let (text, seen) = read(bytes, OPTIONS).unwrap();
                assert_eq!(text.trim_start_matches('\u{feff}'), TEXT.repeat(2_000), "{encoding:?}");
                assert_eq!(seen, encoding);
            }
        }
        let options = ReadOptions { encoding: Encoding::for_label(b"shift_jis"), ..OPTIONS };
        assert_eq!(read(b"\x93\xfa".to_vec(), options).unwrap().0, "日");
        assert_eq!(read(b"\xff\xfea\0\x00\xd8b\0\x01".to_vec(), OPTIONS).unwrap().0, "a\u{fffd}b\u{fffd}");
    }

    #[test]
    fn a_gzip_bomb_ends_at_the_bound() {
        let options = ReadOptions { most_unpacked: 1000, ..OPTIONS };
        let error = read(gzip(&[b'x'; 1001]), options).unwrap_err().to_string();
        assert!(error.contains("more than 1000 B: allow more with --max-unpacked"), "{error}");
        assert_eq!(read(gzip(&[b'x'; 1000]), options).unwrap().0.len(), 1000);
    }

    #[test]
    fn what_is_before_damage_is_read() {
        let text: String = (0..20_000).map(|number| format!("{number} {}\n", number * 7919)).collect();
        let mut packed = gzip(text.as_bytes());
        packed.truncate(packed.len() / 2);
        let mut input = wrap(Box::new(Cursor::new(packed)), &OPTIONS).unwrap();
        let mut seen = Vec::new();
        input.reader.read_to_end(&mut seen).unwrap_err();
        assert!(seen.len() > text.len() / 3 && text.as_bytes().starts_with(&seen));
    }

    #[test]
    fn other_archives_are_named() {
        let error = read(b"PK\x03\x04...".to_vec(), OPTIONS).unwrap_err().to_string();
        assert_eq!(error, "it is a zip archive: unpack it first, only gzip is read as it is");
    }
}
