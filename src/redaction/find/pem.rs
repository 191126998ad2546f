//! Private keys in PEM: `-----BEGIN PRIVATE KEY-----…-----END PRIVATE KEY-----`.

use std::ops::Range;

use super::end_of_run;

const DASHES: &[u8] = b"-----";
const LABEL_BYTES_MAX: usize = 64;

/// The key whose begin or end line has its first dashes at `start`. One without its end goes as far
/// as its letters do, and one without its beginning begins where these do, but not before `from`.
/// Line breaks may be escaped, over and over again.
pub(super) fn at(text: &[u8], start: usize, from: usize) -> Option<Range<usize>> {
    let rest = text.get(start + DASHES.len()..)?;
    if let Some(label) = rest.strip_prefix(b"BEGIN ") {
        let header = start + DASHES.len() + b"BEGIN ".len() + private_label(label)?;
        return Some(start..end_of_key(text, header));
    }
    let label = rest.strip_prefix(b"END ")?;
    let end = start + DASHES.len() + b"END ".len() + private_label(label)?;
    let before = text.get(from..start)?;
    let is_part = |byte: &u8| is_letter(*byte) || is_break(*byte);
    let letters = before.iter().rev().take_while(|byte| is_part(byte)).count();
    Some(start - letters..end)
}

/// How long the label of a private key is, with the dashes behind it.
fn private_label(label: &[u8]) -> Option<usize> {
    let label = &label[..label.len().min(LABEL_BYTES_MAX)];
    let len = label
        .windows(DASHES.len())
        .position(|dashes| dashes == DASHES)?;
    let mut words = label[..len].windows(b"PRIVATE KEY".len());
    words
        .any(|words| words == b"PRIVATE KEY")
        .then_some(len + DASHES.len())
}

/// Where the key ends whose begin line ends at `header`.
fn end_of_key(text: &[u8], header: usize) -> usize {
    let mut end = end_of_run(text, header, is_body);
    // Its end line has dashes, and so is a part of the body as far as these are concerned.
    let body = &text[header..end];
    if let Some(place) = position(body, b"-----END ") {
        let label = header + place + b"-----END ".len();
        if let Some(len) = private_label(&text[label..]) {
            end = label + len;
        }
    }
    end
}

fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|found| found == part)
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Line breaks, and how they are escaped.
fn is_break(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r' | b'\t' | b' ' | b'\\')
}

/// An encrypted key has lines like `Proc-Type: 4,ENCRYPTED`.
fn is_body(byte: u8) -> bool {
    is_letter(byte) || is_break(byte) || matches!(byte, b'-' | b':' | b',' | b'.' | b'@' | b'_')
}
