//! Texts of any size, cut to what a record has room for.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};
use std::str;

/// What a client sent, as text of at most `bytes_max` bytes; `…(+N)` behind it says that N more were
/// left out.
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
    Capped {
        bytes,
        bytes_max,
        text: str::from_utf8(bytes).ok(),
    }
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
    /// All of it, if it is text.
    text: Option<&'a str>,
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
        self.text.filter(|text| text.len() <= self.bytes_max)
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
        if let Some(text) = self.as_str() {
            return formatter.write_str(text);
        }
        let mut cap = Cap::new(self.bytes_max, formatter);
        write_bytes(self.bytes, &mut cap)?;
        cap.finish()
    }
}

/// Writes text as it is, and other bytes as `\xHH`.
pub(super) fn write_bytes(bytes: &[u8], cap: &mut Cap<'_>) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        cap.write_str(chunk.valid())?;
        for byte in chunk.invalid() {
            cap.write_whole(format_args!("\\x{byte:02x}"), "\\xHH".len())?;
        }
    }
    Ok(())
}

/// Lets so many bytes through and counts the others.
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

    /// Writes something of `len` bytes whole or not at all.
    pub(super) fn write_whole(&mut self, whole: fmt::Arguments<'_>, len: usize) -> fmt::Result {
        match self.left.checked_sub(len) {
            Some(left) if !self.is_full() => {
                self.left = left;
                self.out.write_fmt(whole)
            }
            _ => {
                self.omitted += len;
                Ok(())
            }
        }
    }

    /// Whether nothing more will be let through.
    pub(super) fn is_full(&self) -> bool {
        0 < self.omitted
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

impl Write for Cap<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Once something was left out, what follows is, too, though it might fit.
        let fitting = if self.is_full() { 0 } else { self.left };
        let (kept, omitted) = text.split_at(text.floor_char_boundary(fitting));
        self.left -= kept.len();
        self.omitted += omitted.len();
        self.out.write_str(kept)
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
        check(b"a\xffb", 4, "a…(+5)");
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
                    prop_assert!(kept.len() <= bytes_max);
                    prop_assert!(all.starts_with(kept));
                    prop_assert_eq!(kept.len() + omitted, all.len());
                }
            }
        }

        #[test]
        fn text_that_fits_is_lent(text in ".{0,20}") {
            prop_assert_eq!(capped(text.as_bytes(), text.len()).as_str(), Some(&text[..]));
        }
    }
}
