//! Finds download commands in a text and parses their arguments.

use super::{
    Dropper, Tool,
    decode::PLUS,
    target::{self, Target},
};

/// Maximum number of words parsed in a command.
const MAX_WORDS: usize = 32;

/// The first command in a decoded text that downloads from a host.
///
/// Each byte belongs to at most one command, so the search is linear: it continues after the words of the previous command.
pub(super) fn find(text: &[u8]) -> Option<Dropper> {
    let mut at = 0;
    while let Some((tool, start)) = next_tool(text, at) {
        let (words, end) = words(text, start);
        if let Some(target) = target_of(tool, &words) {
            return Some(target.dropper(tool));
        }
        at = end;
    }
    None
}

/// The next tool with an argument, and the offset of the blank after its name.
fn next_tool(text: &[u8], from: usize) -> Option<(Tool, usize)> {
    (from..text.len()).find_map(|at| {
        if at > 0 && continues_word(text[at - 1]) {
            return None;
        }
        let tool = Tool::ALL.into_iter().find(|tool| text[at..].starts_with(tool.name().as_bytes()))?;
        let end = at + tool.name().len();
        matches!(text.get(end), Some(b' ' | b'\t' | &PLUS)).then_some((tool, end))
    })
}

/// Whether a name after this byte would be part of a longer word.
const fn continues_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// The words of a command from the blank at `start`, and the offset of its end.
fn words(text: &[u8], start: usize) -> (Vec<&[u8]>, usize) {
    // A plus before the first argument means that every plus in the command is a blank.
    let is_form = text[start] == PLUS;
    let is_blank = |byte: u8| matches!(byte, b' ' | b'\t') || (is_form && byte == PLUS);
    let is_end = |byte: u8| matches!(byte, b';' | b'|' | b'&' | b'`' | b'(' | b')' | b'<' | b'>' | b'\r' | b'\n' | 0);
    let is_quote = |byte: u8| matches!(byte, b'"' | b'\'');
    let mut words = Vec::new();
    let mut at = start;
    while words.len() < MAX_WORDS {
        at += text[at..].iter().take_while(|&&byte| is_blank(byte)).count();
        let Some(&first) = text.get(at).filter(|&&byte| !is_end(byte)) else {
            break;
        };
        if is_quote(first) {
            let quoted = &text[at + 1..];
            let length = quoted.iter().take_while(|&&byte| byte != first && byte != b'\n').count();
            words.push(&quoted[..length]);
            // Skip the closing quote, if there is one.
            at = (at + length + 2).min(text.len());
            continue;
        }
        let length = text[at..].iter().take_while(|&&byte| !is_blank(byte) && !is_end(byte) && !is_quote(byte)).count();
        words.push(&text[at..at + length]);
        at += length;
        if text.get(at).is_some_and(|&byte| is_quote(byte)) {
            // A quote that was opened before the command ends it here.
            break;
        }
    }
    (words, at)
}

/// Options with their values, and positional arguments.
struct Arguments<'w> {
    options: Vec<(u8, &'w [u8])>,
    rest: Vec<&'w [u8]>,
}

impl<'w> Arguments<'w> {
    /// Parses words. `with_value` lists the options that take a value, in the same word or in the next.
    fn parse(words: &[&'w [u8]], with_value: &[u8]) -> Self {
        let mut parsed = Self { options: Vec::new(), rest: Vec::new() };
        let mut words = words.iter().copied();
        while let Some(word) = words.next() {
            match word {
                [b'-', b'-', ..] => {}
                [b'-', letters @ ..] if !letters.is_empty() => {
                    if let Some(at) = letters.iter().position(|letter| with_value.contains(letter)) {
                        let attached = &letters[at + 1..];
                        let value = if attached.is_empty() { words.next().unwrap_or_default() } else { attached };
                        parsed.options.push((letters[at], value));
                    }
                }
                word => parsed.rest.push(word),
            }
        }
        parsed
    }

    fn option(&self, letter: u8) -> Option<&'w [u8]> {
        self.options.iter().find(|option| option.0 == letter).map(|option| option.1)
    }
}

/// The target of a download command.
fn target_of<'w>(tool: Tool, words: &[&'w [u8]]) -> Option<Target<'w>> {
    let url = |arguments: Arguments<'w>| arguments.rest.into_iter().find_map(target::url);
    match tool {
        // The wget of some routers takes everything from options.
        Tool::Wget if words.contains(&&b"-g"[..]) => {
            let arguments = Arguments::parse(words, b"lrP");
            let host = target::host(arguments.rest.first()?)?;
            Some(Target { path: arguments.option(b'r')?, ..host })
        }
        Tool::Wget => url(Arguments::parse(words, b"OoaPTtwQUeilADRIXB")),
        Tool::Curl => url(Arguments::parse(words, b"oHAdXuexmTbcFKwyYzrCDEPQtU")),
        Tool::Tftp => {
            let arguments = Arguments::parse(words, b"lrbm");
            let host = target::host(arguments.rest.first()?)?;
            // -r FILE, or `-c get FILE` as in netkit's client.
            let commanded = || {
                let get = arguments.rest.iter().position(|word| *word == b"get")?;
                arguments.rest.get(get + 1).copied()
            };
            let path = arguments.option(b'r').or_else(commanded).or_else(|| arguments.option(b'l'))?;
            Some(Target { path, port: arguments.rest.get(1).and_then(|word| target::port(word)), ..host })
        }
        Tool::Ftpget => {
            let arguments = Arguments::parse(words, b"upP");
            let host = target::host(arguments.rest.first()?)?;
            let path = arguments.rest.get(2).or(arguments.rest.get(1))?;
            Some(Target { path, port: arguments.option(b'P').and_then(target::port), ..host })
        }
    }
}

#[cfg(test)]
mod tests;
