//! Commands in a text, and what their arguments say.

use super::{
    Dropper, Tool,
    decode::PLUS,
    target::{self, Target},
};

/// The most words of a command that are looked at.
const MOST_WORDS: usize = 32;

/// The first command in a decoded text that fetches something from somewhere.
///
/// No byte is looked at by more than one command: the next one is looked for behind the words of the one before.
pub(super) fn find(text: &[u8]) -> Option<Dropper> {
    let mut at = 0;
    while let Some((tool, start)) = next_tool(text, at) {
        let (words, end) = words(text, start);
        if let Some(target) = fetched(tool, &words) {
            return Some(target.dropper(tool));
        }
        at = end;
    }
    None
}

/// The next tool that has an argument, and where the blank behind its name is.
fn next_tool(text: &[u8], from: usize) -> Option<(Tool, usize)> {
    (from..text.len()).find_map(|at| {
        if at > 0 && is_of_a_word(text[at - 1]) {
            return None;
        }
        let tool = Tool::ALL.into_iter().find(|tool| text[at..].starts_with(tool.name().as_bytes()))?;
        let end = at + tool.name().len();
        matches!(text.get(end), Some(b' ' | b'\t' | &PLUS)).then_some((tool, end))
    })
}

/// Whether a command's name behind this byte would be a part of another word.
const fn is_of_a_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// The words of a command from the blank at `start` on, and where it ends.
fn words(text: &[u8], start: usize) -> (Vec<&[u8]>, usize) {
    // Where a plus is before the first argument, it is a blank everywhere in the command.
    let is_form = text[start] == PLUS;
    let is_blank = |byte: u8| matches!(byte, b' ' | b'\t') || (is_form && byte == PLUS);
    let is_end = |byte: u8| matches!(byte, b';' | b'|' | b'&' | b'`' | b'(' | b')' | b'<' | b'>' | b'\r' | b'\n' | 0);
    let is_quote = |byte: u8| matches!(byte, b'"' | b'\'');
    let mut words = Vec::new();
    let mut at = start;
    while words.len() < MOST_WORDS {
        at += text[at..].iter().take_while(|&&byte| is_blank(byte)).count();
        let Some(&first) = text.get(at).filter(|&&byte| !is_end(byte)) else {
            break;
        };
        if is_quote(first) {
            let quoted = &text[at + 1..];
            let length = quoted.iter().take_while(|&&byte| byte != first && byte != b'\n').count();
            words.push(&quoted[..length]);
            // The quote is behind the word, if it was closed.
            at = (at + length + 2).min(text.len());
            continue;
        }
        let length = text[at..].iter().take_while(|&&byte| !is_blank(byte) && !is_end(byte) && !is_quote(byte)).count();
        words.push(&text[at..at + length]);
        at += length;
        if text.get(at).is_some_and(|&byte| is_quote(byte)) {
            // A quote that was opened before the command ends it.
            break;
        }
    }
    (words, at)
}

/// Options with their values, and the words that are neither.
struct Arguments<'w> {
    options: Vec<(u8, &'w [u8])>,
    rest: Vec<&'w [u8]>,
}

impl<'w> Arguments<'w> {
    /// Cuts words; `with_value` are the letters of options that have one, in the same word or in the next.
    fn cut(words: &[&'w [u8]], with_value: &[u8]) -> Self {
        let mut cut = Self { options: Vec::new(), rest: Vec::new() };
        let mut words = words.iter().copied();
        while let Some(word) = words.next() {
            match word {
                [b'-', b'-', ..] => {}
                [b'-', letters @ ..] if !letters.is_empty() => {
                    if let Some(at) = letters.iter().position(|letter| with_value.contains(letter)) {
                        let attached = &letters[at + 1..];
                        let value = if attached.is_empty() { words.next().unwrap_or_default() } else { attached };
                        cut.options.push((letters[at], value));
                    }
                }
                word => cut.rest.push(word),
            }
        }
        cut
    }

    fn option(&self, letter: u8) -> Option<&'w [u8]> {
        self.options.iter().find(|option| option.0 == letter).map(|option| option.1)
    }
}

/// What a command fetches.
fn fetched<'w>(tool: Tool, words: &[&'w [u8]]) -> Option<Target<'w>> {
    let url = |arguments: Arguments<'w>| arguments.rest.into_iter().find_map(target::url);
    match tool {
        // The wget of some routers: the options say everything.
        Tool::Wget if words.contains(&&b"-g"[..]) => {
            let arguments = Arguments::cut(words, b"lrP");
            let host = target::host(arguments.rest.first()?)?;
            Some(Target { path: arguments.option(b'r')?, ..host })
        }
        Tool::Wget => url(Arguments::cut(words, b"OoaPTtwQUeilADRIXB")),
        Tool::Curl => url(Arguments::cut(words, b"oHAdXuexmTbcFKwyYzrCDEPQtU")),
        Tool::Tftp => {
            let arguments = Arguments::cut(words, b"lrbm");
            let host = target::host(arguments.rest.first()?)?;
            // Either -r FILE, or the command that netkit's client is given: -c get FILE.
            let commanded = || {
                let get = arguments.rest.iter().position(|word| *word == b"get")?;
                arguments.rest.get(get + 1).copied()
            };
            let path = arguments.option(b'r').or_else(commanded).or_else(|| arguments.option(b'l'))?;
            Some(Target { path, port: arguments.rest.get(1).and_then(|word| target::port(word)), ..host })
        }
        Tool::Ftpget => {
            let arguments = Arguments::cut(words, b"upP");
            let host = target::host(arguments.rest.first()?)?;
            let path = arguments.rest.get(2).or(arguments.rest.get(1))?;
            Some(Target { path, port: arguments.option(b'P').and_then(target::port), ..host })
        }
    }
}

#[cfg(test)]
mod tests;
