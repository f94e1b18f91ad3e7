//! Text of others, made harmless for where it is shown.

use serde::Serialize;

/// Whether a character moves the cursor, begins a new line, or turns the direction of writing.
fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// Text on one line that does nothing to a terminal: `\u{1b}` for what would.
pub fn text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if is_dangerous(character) {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// The first `most` characters of a text, as [`text`] has them, and `…` where there were more.
pub fn short(long: &str, most: usize) -> String {
    match long.char_indices().nth(most) {
        Some((end, _)) => text(&long[..end]) + "…",
        None => text(long),
    }
}

/// The shape of a text: every letter an `x`, every digit a `9`. Shows how a line is built and not what it says.
pub fn shape(text: &str) -> String {
    let blot = |character: char| match character {
        _ if character.is_ascii_digit() => '9',
        _ if character.is_alphanumeric() => 'x',
        _ => character,
    };
    text.chars().map(blot).collect()
}

/// A value as JSON on many lines, that does nothing to a terminal and nothing to a page it is put into: `<`, `>`, `&` and
/// all that steers a terminal are `\u....`, which every reader of JSON gives back as they were.
///
/// # Errors
///
/// Where the value cannot be JSON, as a map whose keys are no text.
pub fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let plain = serde_json::to_string_pretty(value)?;
    let mut safe = String::with_capacity(plain.len());
    for character in plain.chars() {
        // Line feeds are the layout: those in strings are escaped already.
        if character != '\n' && (is_dangerous(character) || matches!(character, '<' | '>' | '&')) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                safe.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            safe.push(character);
        }
    }
    Ok(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_stays_on_its_line_and_does_nothing_to_a_terminal() {
        assert_eq!(text("über \"x\" <b>"), "über \"x\" <b>");
        assert_eq!(text("a\nb\x1b[2J\u{9b}31m\u{202e}c\x7f\0"), "a\\nb\\u{1b}[2J\\u{9b}31m\\u{202e}c\\u{7f}\\u{0}");
        assert_eq!(short("äöü", 2), "äö…");
        assert_eq!(short("äöü", 3), "äöü");
    }

    #[test]
    fn a_shape_says_how_a_line_is_built_and_not_what_it_says() {
        assert_eq!(shape("999.1.2.3:23 root:pässwörd!"), "999.9.9.9:99 xxxx:xxxxxxxx!");
    }

    #[test]
    fn json_is_what_it_was_and_harmless() {
        let hostile = "</script>&\u{1b}[2J\u{9b}\u{7f}\u{202e}\u{2028}\u{e0041}\0\n\u{1f980}";
        let shown = json(&vec![hostile]).unwrap();
        assert!(shown.chars().all(|character| character == '\n' || !is_dangerous(character)), "{shown:?}");
        assert!(!shown.contains(['<', '>', '&']));
        assert_eq!(serde_json::from_str::<Vec<String>>(&shown).unwrap(), [hostile]);
    }
}
