//! Hostile text made harmless: whatever a client sends, it cannot end a line, steer a terminal or
//! turn the direction of the text around it.
//!
//! Nearly all text is harmless ASCII, so it is copied a block at a time for as long as a block has
//! nothing else in it. The search is written so that the compiler makes vector code of it. Only
//! from the first other byte on is text checked for being UTF-8 at all; there it is searched for
//! bytes that *may* begin a hostile character, and only such places are decoded.

use std::fmt::Write;

use super::line::Line;
use crate::capture::record::RawText;

/// How many bytes are searched at once.
const CHUNK_BYTES: usize = 16;

/// Appends `text` as it stands between the quotes of a JSON string.
#[inline]
pub(super) fn push_json(text: RawText<'_>, line: &mut Line) {
    let plain = push_plain(text.bytes(), line);
    if plain < text.bytes().len() {
        let needs_escape = |c| is_quote(c) || is_hostile(c);
        push_with(text.behind(plain), line, needs_escape, push_json_escape);
    }
}

/// Appends what stands between the quotes of a JSON string already: its escapes stay, and hostile
/// characters get some.
pub(super) fn push_escaped_json(text: &str, line: &mut Line) {
    let plain = push_plain(text.as_bytes(), line);
    if let Some(rest) = text.get(plain..) {
        push_with(rest, line, is_hostile, push_json_escape);
    }
}

/// Appends `text` as it stands between quotes in a line for people.
#[inline]
pub(super) fn push_quoted(text: RawText<'_>, line: &mut Line) {
    let plain = push_plain(text.bytes(), line);
    if plain < text.bytes().len() {
        let needs_escape = |c| is_quote(c) || is_hostile(c);
        push_with(text.behind(plain), line, needs_escape, push_text_escape);
    }
}

/// Appends `text` as it stands without quotes in a line for people.
#[inline]
pub(super) fn push_bare(text: RawText<'_>, line: &mut Line) {
    let plain = push_plain(text.bytes(), line);
    if plain < text.bytes().len() {
        push_with(text.behind(plain), line, is_hostile, push_text_escape);
    }
}

/// Appends `text` as it stands in a web server's access log, between quotes or not.
#[inline]
pub(super) fn push_access(text: RawText<'_>, line: &mut Line) {
    let plain = push_plain(text.bytes(), line);
    if plain < text.bytes().len() {
        let needs_escape = |c| is_quote(c) || is_hostile(c);
        push_with(text.behind(plain), line, needs_escape, push_access_escape);
    }
}

/// Appends the text up to the first block that has something else in it than printable ASCII
/// without quotes. Says how many bytes that was.
#[inline]
fn push_plain(text: &[u8], line: &mut Line) -> usize {
    match text.len() {
        0..=3 => push_plain_bytes(text, line),
        4..=7 => push_plain_ends::<4>(text, line),
        8..=15 => push_plain_ends::<8>(text, line),
        16..=32 => push_plain_ends::<16>(text, line),
        _ => push_plain_chunks(text, line),
    }
}

#[inline(always)]
fn push_plain_bytes(text: &[u8], line: &mut Line) -> usize {
    for (count, byte) in text.iter().enumerate() {
        if !is_plain(*byte) {
            return count;
        }
        line.push(*byte);
    }
    text.len()
}

/// Appends all of `N` to twice `N` bytes, or nothing.
#[inline(always)]
fn push_plain_ends<const N: usize>(text: &[u8], line: &mut Line) -> usize {
    match text.first_chunk::<N>().zip(text.last_chunk::<N>()) {
        Some((first, last)) if are_plain(first) & are_plain(last) => {
            line.push_ends::<N>(text);
            text.len()
        }
        _ => 0,
    }
}

fn push_plain_chunks(text: &[u8], line: &mut Line) -> usize {
    let (chunks, rest) = text.as_chunks::<CHUNK_BYTES>();
    for (index, chunk) in chunks.iter().enumerate() {
        if !are_plain(chunk) {
            return index * CHUNK_BYTES;
        }
        line.push_array(chunk);
    }
    let copied = text.len() - rest.len();
    match text.last_chunk::<CHUNK_BYTES>() {
        // What is left is shorter than a chunk. The last chunk covers it and some of what is there.
        Some(last) if are_plain(last) => {
            line.take_back(CHUNK_BYTES - rest.len());
            line.push_array(last);
            text.len()
        }
        _ => copied,
    }
}

#[inline(always)]
fn are_plain<const N: usize>(bytes: &[u8; N]) -> bool {
    // No short circuits: every comparison of every byte is made, many at once.
    bytes
        .iter()
        .fold(true, |plain, byte| plain & is_plain(*byte))
}

/// Whether `byte` is a printable ASCII character that no string needs to escape.
#[inline(always)]
const fn is_plain(byte: u8) -> bool {
    (byte.wrapping_sub(b' ') < 0x7f - b' ') & (byte != b'"') & (byte != b'\\')
}

/// Appends two lower-case digits for each byte.
pub(super) fn push_hexadecimal(bytes: &[u8], line: &mut Line) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        let (high, low) = (byte >> 4, byte & 0xf);
        line.push_array(&[DIGITS[usize::from(high)], DIGITS[usize::from(low)]]);
    }
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\\')
}

/// Whether a character acts on the line or the terminal instead of showing itself: C0, DEL and C1
/// controls, line and paragraph separators, bidi controls, the byte order mark.
pub(super) fn is_hostile(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Whether `byte` is a quote, a backslash or the first byte of a hostile character.
#[inline]
const fn is_suspect(byte: u8) -> bool {
    // No short circuits: every comparison of every byte in a chunk is made, sixteen at once.
    (byte < 0x20)
        | (byte == b'"')
        | (byte == b'\\')
        | (byte == 0x7f)
        | (byte == 0xc2) // U+0080 to U+00BF
        | (byte == 0xd8) // U+0600 to U+063F
        | (byte == 0xe2) // U+2000 to U+2FFF
        | (byte == 0xef) // U+F000 to U+FFFF
}

/// Appends what is left behind the plain part.
#[inline(never)]
fn push_with(
    text: &str,
    line: &mut Line,
    needs_escape: impl Fn(char) -> bool,
    push_escape: impl Fn(char, &mut Line),
) {
    let mut rest = text;
    let mut searched = 0;
    while let Some(found) = find_suspect(&rest.as_bytes()[searched..]) {
        let (harmless, suspect) = rest.split_at(searched + found);
        let Some(c) = suspect.chars().next() else {
            break;
        };
        if needs_escape(c) {
            line.push_slice(harmless.as_bytes());
            push_escape(c, line);
            rest = &suspect[c.len_utf8()..];
            searched = 0;
        } else {
            searched += found + c.len_utf8();
        }
    }
    line.push_slice(rest.as_bytes());
}

/// The first byte that may begin a character to escape.
#[inline]
fn find_suspect(bytes: &[u8]) -> Option<usize> {
    let (chunks, _) = bytes.as_chunks::<CHUNK_BYTES>();
    for (index, chunk) in chunks.iter().enumerate() {
        if has_suspect(chunk) {
            return find_suspect_from(bytes, index * CHUNK_BYTES);
        }
    }
    // What is left is shorter than a chunk. The last chunk covers it and some of what was searched.
    match bytes.last_chunk::<CHUNK_BYTES>() {
        Some(chunk) if has_suspect(chunk) => find_suspect_from(bytes, bytes.len() - CHUNK_BYTES),
        Some(_) => None,
        None => find_suspect_from(bytes, 0),
    }
}

#[inline]
fn has_suspect(chunk: &[u8; CHUNK_BYTES]) -> bool {
    chunk
        .iter()
        .fold(0, |found, byte| found | u8::from(is_suspect(*byte)))
        != 0
}

#[inline]
fn find_suspect_from(bytes: &[u8], start: usize) -> Option<usize> {
    let found = bytes[start..]
        .iter()
        .position(|byte| SUSPECTS[usize::from(*byte)])?;
    Some(start + found)
}

/// [`is_suspect`] for each byte: quicker where one byte is asked for at a time.
static SUSPECTS: [bool; 256] = {
    let mut suspects = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        suspects[byte] = is_suspect(byte as u8);
        byte += 1;
    }
    suspects
};

#[cold]
fn push_json_escape(c: char, line: &mut Line) {
    match c {
        '\u{8}' => line.push_array(b"\\b"),
        '\u{c}' => line.push_array(b"\\f"),
        _ if push_short_escape(c, line) => {}
        // Every hostile character lies in the basic plane: no surrogates are needed.
        _ => {
            let _ = write!(line, "\\u{:04x}", u32::from(c));
        }
    }
}

#[cold]
fn push_text_escape(c: char, line: &mut Line) {
    if !push_short_escape(c, line) {
        let _ = write!(line, "\\u{{{:x}}}", u32::from(c));
    }
}

/// Byte by byte, as web servers do.
#[cold]
fn push_access_escape(c: char, line: &mut Line) {
    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
        let _ = write!(line, "\\x{byte:02X}");
    }
}

fn push_short_escape(c: char, line: &mut Line) -> bool {
    let letter = match c {
        '"' | '\\' => c as u8,
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        _ => return false,
    };
    line.push_array(&[b'\\', letter]);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(push: fn(RawText<'_>, &mut Line), text: &str) -> String {
        let mut line = Line::default();
        push(text.into(), &mut line);
        String::from_utf8(line.as_bytes().to_vec()).expect("escaping keeps UTF-8")
    }

    #[test]
    fn escapes_are_the_short_ones_where_there_are_any() {
        for (text, json, quoted, bare) in [
            ("", "", "", ""),
            ("a\nb\r\t", "a\\nb\\r\\t", "a\\nb\\r\\t", "a\\nb\\r\\t"),
            (
                "\u{8}\u{c}\0",
                "\\b\\f\\u0000",
                "\\u{8}\\u{c}\\u{0}",
                "\\u{8}\\u{c}\\u{0}",
            ),
            (
                "say \"\\\"",
                "say \\\"\\\\\\\"",
                "say \\\"\\\\\\\"",
                "say \"\\\"",
            ),
            ("\u{1b}[31m", "\\u001b[31m", "\\u{1b}[31m", "\\u{1b}[31m"),
            (
                "\u{202e}\u{feff}",
                "\\u202e\\ufeff",
                "\\u{202e}\\u{feff}",
                "\\u{202e}\\u{feff}",
            ),
            (
                "\u{a0}\u{2027}\u{202f}",
                "\u{a0}\u{2027}\u{202f}",
                "\u{a0}\u{2027}\u{202f}",
                "\u{a0}\u{2027}\u{202f}",
            ),
            ("로그인 🧑‍💻 é", "로그인 🧑‍💻 é", "로그인 🧑‍💻 é", "로그인 🧑‍💻 é"),
        ] {
            assert_eq!(escaped(push_json, text), json);
            assert_eq!(escaped(push_quoted, text), quoted);
            assert_eq!(escaped(push_bare, text), bare);
        }
    }

    #[test]
    fn a_character_is_escaped_wherever_it_stands() {
        for len in 0..40 {
            for at in 0..=len {
                for (c, escape) in [
                    ('\n', "\\n"),
                    ('\u{9f}', "\\u009f"),
                    ('\u{2029}', "\\u2029"),
                ] {
                    let text = format!("{}{c}{}", "x".repeat(at), "é".repeat(len - at));
                    assert_eq!(escaped(push_json, &text), text.replace(c, escape));
                }
            }
        }
    }

    #[test]
    fn text_ends_where_it_is_damaged() {
        for before in ["", "plain", "plain \"quoted\" 가", &"x".repeat(50)] {
            for damage in [&b"\xff"[..], b"\xea\xb0", b"\xed\xa0\x80", b"\x80"] {
                for after in ["", "after", &"after".repeat(10)] {
                    let bytes = [before.as_bytes(), damage, after.as_bytes()].concat();
                    let mut line = Line::default();
                    push_json(RawText::new(&bytes), &mut line);
                    let shown = String::from_utf8(line.as_bytes().to_vec());
                    assert_eq!(shown, Ok(escaped(push_json, before)));
                }
            }
        }
    }

    #[test]
    fn every_byte_that_is_plain_stands_for_itself() {
        for byte in 0..=u8::MAX {
            let c = char::from(byte);
            let is_plain_character = c.is_ascii() && !is_quote(c) && !is_hostile(c);
            assert_eq!(is_plain(byte), is_plain_character, "{c:?}");
        }
    }

    #[test]
    fn every_hostile_character_begins_with_a_suspect_byte() {
        for c in (char::MIN..=char::MAX).filter(|c| is_quote(*c) || is_hostile(*c)) {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes);
            assert!(is_suspect(bytes[0]), "{c:?}");
        }
    }
}
