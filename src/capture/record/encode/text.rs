//! What values write of themselves, and text that is cut.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Encoder;
use super::json::JsonField;
use crate::capture::record::{Name, TAG_TEXT};
use crate::json::{self, Written};

/// Says where text was cut.
const CUT_MARK: &str = "…[cut]";

impl Encoder<'_> {
    /// Encodes what `value` writes of itself. If it panics, what it wrote until then is kept and
    /// says so: neither the record nor the program is lost.
    ///
    /// Says where the text is, if that is JSON or a part of it is.
    #[inline(always)]
    pub(crate) fn text_of(&mut self, name: Name<'_>, value: &dyn fmt::Debug) -> Option<JsonField> {
        let field = self.bytes.len();
        let start = self.begin_block(TAG_TEXT, name)?;
        json::forget();
        self.put_formatted(format_args!("{value:?}"));
        let len = self.bytes.len() - start;
        self.end_text(start, self.field_bytes);
        match json::written(len) {
            Written::Nothing => None,
            written => Some(self.json_field(field, start, written, len)),
        }
    }

    /// The same for text, of which so many bytes are kept.
    #[inline(always)]
    pub(super) fn end_text(&mut self, start: usize, bytes_max: usize) {
        if bytes_max < self.bytes.len() - start {
            self.cut_text(start, bytes_max);
        }
        self.end_block(start);
    }

    #[cold]
    #[inline(never)]
    fn cut_text(&mut self, start: usize, bytes_max: usize) {
        let text = &self.bytes.as_slice()[start..];
        if text.len() <= bytes_max + CUT_MARK.len() && text.ends_with(CUT_MARK.as_bytes()) {
            // The record was full before.
            return;
        }
        // The whole text is UTF-8: what follows a character begins with no continuation byte.
        let is_boundary = |end: &usize| text.get(*end).is_none_or(|byte| byte & 0xC0 != 0x80);
        let kept = (0..=bytes_max).rev().find(is_boundary).unwrap_or(0);
        self.bytes.truncate(start + kept);
        self.bytes.put_mark(CUT_MARK.as_bytes());
        self.cut = true;
    }

    #[inline(always)]
    pub(super) fn put_formatted(&mut self, arguments: fmt::Arguments<'_>) {
        let mut text = Text {
            encoder: self,
            is_full: false,
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| fmt::write(&mut text, arguments)));
        if !matches!(outcome, Ok(Ok(()))) && !text.is_full {
            text.explain(outcome.is_err());
        }
    }

    /// Writes as much of a text as fits, and that there was more.
    #[cold]
    pub(super) fn put_cut(&mut self, value: &str) {
        let kept_max = self.bytes.allowance().min(self.field_bytes);
        let kept = &value.as_bytes()[..value.floor_char_boundary(kept_max)];
        self.bytes.reserve(kept.len());
        self.bytes.put(kept);
        self.bytes.put_mark(CUT_MARK.as_bytes());
        self.cut = true;
    }
}

/// What a formatter writes into. Refuses more once the record is full, so that a value that would
/// write gigabytes is stopped early.
struct Text<'e, 'b> {
    encoder: &'e mut Encoder<'b>,
    is_full: bool,
}

impl Text<'_, '_> {
    /// Makes room for more text, or cuts it where the record is full.
    #[cold]
    fn write_slowly(&mut self, text: &str) -> fmt::Result {
        if self.encoder.bytes.reserve(text.len()) {
            self.encoder.bytes.put(text.as_bytes());
            return Ok(());
        }
        self.encoder.put_cut(text);
        self.is_full = true;
        Err(fmt::Error)
    }

    /// Says that the value's own code went wrong.
    #[cold]
    fn explain(&mut self, is_panic: bool) {
        let why = if is_panic {
            "[formatting panicked]"
        } else {
            "[formatting failed]"
        };
        let _ = fmt::Write::write_str(self, why);
    }
}

impl fmt::Write for Text<'_, '_> {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.is_full {
            return Err(fmt::Error);
        }
        match self.encoder.bytes.take(text.len()) {
            Some(room) => {
                room.copy_from_slice(text.as_bytes());
                Ok(())
            }
            None => self.write_slowly(text),
        }
    }
}
