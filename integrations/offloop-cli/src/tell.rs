//! The two ways out: answers on stdout, troubles on stderr.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes an answer. A reader that has seen enough, such as `head`, is no trouble.
pub(crate) fn answer(text: impl Display) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// Says what went wrong.
pub(crate) fn trouble(text: impl Display) {
    let _ = writeln!(io::stderr(), "offloop: {text}");
}

/// `1 record`, `2 records`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    if number == 1 {
        return format!("1 {noun}");
    }
    let ending = if noun.ends_with('s') { "es" } else { "s" };
    format!("{number} {noun}{ending}")
}

/// Text that somebody else chose, on one line and without a say in what the terminal does.
pub(crate) fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_mark(character) {
            harmless.extend(character.escape_default());
        } else {
            harmless.push(character);
        }
    }
    harmless
}

/// Direction marks and separators of lines, which are no control characters.
fn is_mark(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_cannot_move_the_cursor_nor_begin_a_line() {
        let hostile = "no \"user\" \u{1b}[2J\r\n\u{202e}é";
        let expected = "no \"user\" \\u{1b}[2J\\r\\n\\u{202e}é";
        assert_eq!(harmless(hostile), expected);
    }
}
