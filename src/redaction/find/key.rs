//! Keys that can be told by how they begin, and what stands behind `Bearer` and `Basic`.

use std::ops::Range;

use super::end_of_run;

/// What follows the mark of a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Fewer letters than this are no key.
    letters_min: usize,
    is_letter: fn(u8) -> bool,
}

pub(super) const ANTHROPIC: Shape = Shape::new(20, is_url_letter);
pub(super) const AWS: Shape = Shape::new(16, is_upper);
pub(super) const GITHUB: Shape = Shape::new(22, is_word);
pub(super) const GITLAB: Shape = Shape::new(20, is_url_letter);
pub(super) const GOOGLE: Shape = Shape::new(35, is_url_letter);
pub(super) const NPM: Shape = Shape::new(36, is_word);
pub(super) const OPENAI: Shape = Shape::new(20, is_url_letter);
/// `xoxb-` and others.
pub(super) const SLACK: Shape = Shape::new(12, is_url_letter);
pub(super) const SLACK_APP: Shape = Shape::new(10, is_url_letter);
pub(super) const STRIPE: Shape = Shape::new(10, is_word);

impl Shape {
    const fn new(letters_min: usize, is_letter: fn(u8) -> bool) -> Self {
        Shape {
            letters_min,
            is_letter,
        }
    }

    /// The key that begins with `mark`.
    pub(super) fn at(self, text: &[u8], mark: Range<usize>) -> Option<Range<usize>> {
        let end = end_of_run(text, mark.end, self.is_letter);
        (self.letters_min <= end - mark.end).then_some(mark.start..end)
    }
}

/// What stands behind `Bearer`, if it is no word of a sentence.
pub(super) fn bearer_at(text: &[u8], mark: Range<usize>) -> Option<Range<usize>> {
    let token = credential_at(text, &mark, b"bea")?;
    let found = &text[token.clone()];
    let has = |is_it: fn(&u8) -> bool| found.iter().skip(1).any(is_it);
    let is_mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    let is_random = is_mixed || found.iter().any(u8::is_ascii_digit) || 32 <= found.len();
    (8 <= found.len() && is_random).then_some(token)
}

/// What stands behind `Basic`, if it is base64 of a name and a password, which a colon divides.
pub(super) fn basic_at(text: &[u8], mark: Range<usize>) -> Option<Range<usize>> {
    let token = credential_at(text, &mark, b"ba")?;
    let (mut bits, mut count) = (0_u32, 0);
    let has_colon = text[token.clone()].iter().any(|letter| {
        let Some(value) = value_of(*letter) else {
            return false;
        };
        (bits, count) = (bits << 6 | value, count + 6);
        if count < 8 {
            return false;
        }
        count -= 8;
        (bits >> count) as u8 == b':'
    });
    has_colon.then_some(token)
}

/// The credential behind a mark that lacks its first letters, in either case.
fn credential_at(text: &[u8], mark: &Range<usize>, first: &[u8]) -> Option<Range<usize>> {
    let start = mark.start.checked_sub(first.len())?;
    let before = text.get(start..mark.start)?;
    if !before.eq_ignore_ascii_case(first) {
        return None;
    }
    let start = end_of_run(text, mark.end, |byte| byte == b' ');
    Some(start..end_of_run(text, start, is_credential))
}

/// Those of RFC 6750, and what servers are given all the same.
fn is_credential(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=|:%".contains(&byte)
}

/// What a letter of base64 stands for.
fn value_of(letter: u8) -> Option<u32> {
    let value = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(value.into())
}

fn is_upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_url_letter(byte: u8) -> bool {
    is_word(byte) || byte == b'-' || byte == b'.'
}
