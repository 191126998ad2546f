//! Texts of any size, cut to what a record has room for.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};
use std::str;

/// What a client sent, as text of at most `bytes_max` bytes; `…(+N)` behind it says that N of
/// what was sent are left out.
///
/// A character is shown whole or not at all. Bytes that are not UTF-8 are shown as `\xHH`. Control
/// characters are left as they are: the format of the log escapes them.
///
/// Nothing is allocated: text that needs no change is lent by [`Capped::as_str`], and all others can
/// be formatted to wherever they belong.
///
/// ```
/// use offloop::request::capped;
///
/// assert_eq!(capped(b"/users/42", 1024).as_str(), Some("/users/42"));
/// assert_eq!(capped(b"/a/long/path", 7).to_string(), "/a/long…(+5)");
/// assert_eq!(capped(b"/caf\xe9", 1024).to_string(), r"/caf\xe9");
/// ```
#[must_use]
pub fn capped(bytes: &[u8], bytes_max: usize) -> Capped<'_> {
    Capped { bytes, bytes_max }
}

/// Text of bounded size. See [`capped`].
///
/// ```
/// use offloop::request::capped;
///
/// let mut line = String::from("path=");
/// line += &capped(b"/users/42", 1024).to_cow();
/// assert_eq!(line, "path=/users/42");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Capped<'a> {
    bytes: &'a [u8],
    bytes_max: usize,
}

impl<'a> Capped<'a> {
    /// The text as it came, if nothing in it needs a change.
    ///
    /// ```
    /// # use offloop::request::capped;
    /// assert_eq!(capped(b"curl/8", 256).as_str(), Some("curl/8"));
    /// assert_eq!(capped(b"curl/8", 4).as_str(), None);
    /// ```
    #[must_use]
    pub fn as_str(&self) -> Option<&'a str> {
        let fits = self.bytes.len() <= self.bytes_max;
        fits.then(|| str::from_utf8(self.bytes).ok()).flatten()
    }

    /// The text, borrowed if nothing in it needs a change.
    ///
    /// ```
    /// # use offloop::request::capped;
    /// assert_eq!(capped(b"curl/8", 4).to_cow(), "curl…(+2)");
    /// ```
    #[must_use]
    pub fn to_cow(&self) -> Cow<'a, str> {
        self.as_str()
            .map_or_else(|| self.to_string().into(), Cow::from)
    }
}

impl Display for Capped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cap = Cap::new(self.bytes_max, formatter);
        cap.write(self.bytes)?;
        cap.finish()
    }
}

/// Lets so many bytes through and counts what is left out. What nobody will see is not looked at, so
/// that a text without end costs no more than the part of it that is shown.
pub(super) struct Cap<'w> {
    out: &'w mut dyn Write,
    left: usize,
    omitted: usize,
}

impl<'w> Cap<'w> {
    pub(super) fn new(bytes_max: usize, out: &'w mut dyn Write) -> Self {
        Cap {
            out,
            left: bytes_max,
            omitted: 0,
        }
    }

    /// Writes text as it is, and other bytes as `\xHH`.
    pub(super) fn write(&mut self, bytes: &[u8]) -> fmt::Result {
        // What is shown is at least as long as what it stands for: nothing behind this can fit, and
        // a character that begins before the limit is whole.
        let seen = bytes.get(..self.left.saturating_add(4)).unwrap_or(bytes);
        let mut shown = 0;
        for chunk in seen.utf8_chunks() {
            shown += self.write_text(chunk.valid())?;
            for byte in chunk.invalid() {
                shown += self.write_escape(*byte)?;
            }
        }
        self.omitted += bytes.len() - shown;
        Ok(())
    }

    fn write_text(&mut self, text: &str) -> Result<usize, fmt::Error> {
        let (kept, omitted) = text.split_at(text.floor_char_boundary(self.left));
        // Once something was left out, what follows is, too, though it might fit.
        self.left = if omitted.is_empty() {
            self.left - kept.len()
        } else {
            0
        };
        self.out.write_str(kept)?;
        Ok(kept.len())
    }

    fn write_escape(&mut self, byte: u8) -> Result<usize, fmt::Error> {
        let Some(left) = self.left.checked_sub("\\xHH".len()) else {
            self.left = 0;
            return Ok(0);
        };
        self.left = left;
        write!(self.out, "\\x{byte:02x}")?;
        Ok(1)
    }

    /// Whether nothing more will be let through.
    pub(super) fn is_full(&self) -> bool {
        self.left == 0
    }

    /// Leaves out so many bytes.
    pub(super) fn omit(&mut self, bytes: usize) {
        self.omitted += bytes;
    }

    /// Says what was left out.
    pub(super) fn finish(self) -> fmt::Result {
        match self.omitted {
            0 => Ok(()),
            omitted => write!(self.out, "…(+{omitted})"),
        }
    }
}
#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], bytes_max: usize, expected: &str) {
        let capped = capped(bytes, bytes_max);
        assert_eq!(capped.to_string(), expected);
        assert_eq!(capped.to_cow(), expected);
        let is_unchanged = bytes == expected.as_bytes();
        assert_eq!(capped.as_str(), is_unchanged.then_some(expected));
    }

    #[test]
    fn what_is_left_out_is_counted() {
        check(b"", 0, "");
        check(b"abc", 3, "abc");
        check(b"abcd", 3, "abc…(+1)");
        check(b"abc", 0, "…(+3)");
    }

    #[test]
    fn characters_are_not_split() {
        check("ab가".as_bytes(), 5, "ab가");
        check("ab가나".as_bytes(), 5, "ab가…(+3)");
        check("ab가c".as_bytes(), 4, "ab…(+4)");
        check("ab가c".as_bytes(), 2, "ab…(+4)");
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_and_not_split() {
        check(b"a\xffb", 6, r"a\xffb");
        check(b"a\xffb", 5, r"a\xff…(+1)");
        check(b"a\xffb", 4, "a…(+2)");
        check(b"\xed\xa0\x80", 12, r"\xed\xa0\x80");
        check("가".as_bytes().split_last().unwrap().1, 8, r"\xea\xb0");
    }

    proptest! {
        #[test]
        fn whatever_comes_the_text_is_bounded_and_begins_as_it_came(
            bytes in any::<Vec<u8>>(),
            bytes_max in 0..40_usize,
        ) {
            let all = capped(&bytes, usize::MAX).to_string();
            let text = capped(&bytes, bytes_max).to_string();
            match text.rsplit_once("…(+").filter(|_| text != all) {
                None => prop_assert_eq!(text, all),
                Some((kept, omitted)) => {
                    let omitted: usize = omitted.trim_end_matches(')').parse().unwrap();
                    let shown = &bytes[..bytes.len() - omitted];
                    prop_assert!(kept.len() <= bytes_max);
                    prop_assert_eq!(capped(shown, usize::MAX).to_string(), kept);
                }
            }
        }

        #[test]
        fn text_that_fits_is_lent(text in ".{0,20}") {
            prop_assert_eq!(capped(text.as_bytes(), text.len()).as_str(), Some(&text[..]));
        }
    }
}
