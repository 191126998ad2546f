//! JSON Web Tokens: `eyJhbGciOi….eyJzdWIi….c2ln`.

use std::ops::Range;

use super::end_of_run;

/// The shortest header, `{"alg":"x"}`, has more.
const HEADER_BYTES_MIN: usize = 12;

/// The token that begins at `start`, with all its parts: three, or the five of an encrypted one. Also
/// one of which the end was cut off, as long as there is something behind its header.
///
/// # Errors
///
/// There is none, nor any that begins before this place.
pub(super) fn at(text: &[u8], start: usize) -> Result<Range<usize>, usize> {
    let header_end = end_of_run(text, start, is_letter);
    if header_end < start + HEADER_BYTES_MIN {
        return Err(header_end);
    }
    let end = end_of_run(text, header_end, |byte| is_letter(byte) || byte == b'.');
    // The point behind a sentence is none of it.
    let points = text[header_end..end].iter().rev();
    let end = end - points.take_while(|byte| **byte == b'.').count();
    // One that began later would have the same letters behind a shorter header.
    (header_end < end).then_some(start..end).ok_or(header_end)
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=')
}
