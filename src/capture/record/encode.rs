//! Values become record bytes.

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing::Metadata;

use super::decode::first_fields;
use super::{
    Bounds, FLAG_CUT, FLAG_DATED, FLAG_EXTRA, NAME_INLINE, Name, TAG_BYTES, TAG_ERROR, TAG_F64,
    TAG_FALSE, TAG_I64, TAG_I128, TAG_JSON, TAG_STR, TAG_TEXT, TAG_TRUE, TAG_U64, TAG_U128,
};
use crate::capture::buffer::Buffer;
use crate::capture::known::{self, Number};
use crate::capture::screen::Screen;
use crate::json::{self, Written};

/// How many links of an error's source chain are kept: a chain may be a circle.
const ERROR_SOURCES_MAX: usize = 64;

/// Says where text was cut.
const CUT_MARK: &str = "…[cut]";

/// Tag, name and length of a field whose callsite declares it take less than this.
const NAME_ROOM: usize = 8;

const HEADER_BYTES: usize = 16;
/// All flags there are lie in the lowest byte.
const FLAGS_PLACE: usize = 8;
const SPAN_HEADER_BYTES: usize = 12;

/// Writes fields to the end of a buffer. What does not fit into it is cut, and marked.
#[derive(Debug)]
pub(crate) struct Encoder<'b> {
    bytes: &'b mut Buffer,
    /// How many bytes of a value are kept.
    field_bytes: usize,
    cut: bool,
}

/// Where the field begins that was encoded last, and its text, which is JSON or has some in it.
#[derive(Debug)]
pub(crate) struct JsonField {
    field: usize,
    start: usize,
    /// Whether all of the text is one value.
    is_whole: bool,
}

impl<'b> Encoder<'b> {
    /// Encodes bare fields, up to `limit` bytes.
    pub(crate) fn fields(bytes: &'b mut Buffer, limit: usize) -> Self {
        let bounds = Bounds {
            record_bytes: limit,
            ..Bounds::WIDEST
        };
        Encoder::fields_within(bytes, bounds)
    }

    /// Encodes bare fields, as a span keeps them.
    pub(crate) fn fields_within(bytes: &'b mut Buffer, bounds: Bounds) -> Self {
        bytes.begin(bounds.record_bytes);
        Encoder {
            bytes,
            field_bytes: bounds.field_bytes,
            cut: false,
        }
    }

    /// Whether something did not fit.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Starts a record of the pipeline's own, which no limit cuts.
    pub(crate) fn record(
        bytes: &'b mut Buffer,
        metadata: &'static Metadata<'static>,
        write_spans: impl FnOnce(&mut Buffer) -> bool,
    ) -> Self {
        let callsite = known::note(metadata).number;
        Encoder::record_within(bytes, Bounds::WIDEST, callsite, write_spans)
    }

    /// Starts a record: its header and the spans around it, which `write_spans` appends. That says
    /// no if something of them is left out.
    #[inline]
    pub(crate) fn record_within(
        bytes: &'b mut Buffer,
        bounds: Bounds,
        callsite: Number,
        write_spans: impl FnOnce(&mut Buffer) -> bool,
    ) -> Self {
        bytes.begin(bounds.record_bytes);
        bytes.reserve(HEADER_BYTES);
        if let Some(header) = bytes.take(HEADER_BYTES) {
            header[..8].copy_from_slice(&callsite.to_u64().to_le_bytes());
            header[8..].fill(0);
        }
        let all_fit = write_spans(bytes);
        bytes.set_u32(12, (bytes.len() - HEADER_BYTES) as u32);
        Encoder {
            bytes,
            field_bytes: bounds.field_bytes,
            cut: !all_fit,
        }
    }

    /// Ends a record that [`Encoder::record`] began.
    #[inline]
    pub(crate) fn finish(mut self) {
        if self.cut {
            self.set_flag(FLAG_CUT);
        }
    }

    /// Notes that the record is for the sinks alone whose own directives by span want it.
    pub(crate) fn mark_extra(&mut self) {
        self.set_flag(FLAG_EXTRA);
    }

    #[cold]
    fn set_flag(&mut self, flag: u32) {
        let flags = self.bytes.as_slice().get(FLAGS_PLACE).copied();
        self.bytes
            .set_u8(FLAGS_PLACE, flags.unwrap_or(0) | flag as u8);
    }

    /// Notes that something was left out.
    pub(crate) fn mark_cut(&mut self) {
        self.cut = true;
    }

    /// Appends fields that are encoded already, with names that no callsite needs to declare.
    /// No more than so many of them.
    pub(crate) fn append(&mut self, fields: &[u8], count_max: usize) {
        let kept = first_fields(fields, count_max);
        if self.bytes.reserve(kept.len()) {
            self.bytes.put(kept);
            self.cut |= kept.len() < fields.len();
        } else {
            self.cut = true;
        }
    }

    #[inline]
    pub(crate) fn i64(&mut self, name: Name<'_>, value: i64) {
        self.fixed(TAG_I64, name, value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn u64(&mut self, name: Name<'_>, value: u64) {
        self.fixed(TAG_U64, name, value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn i128(&mut self, name: Name<'_>, value: i128) {
        self.fixed(TAG_I128, name, value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn u128(&mut self, name: Name<'_>, value: u128) {
        self.fixed(TAG_U128, name, value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn f64(&mut self, name: Name<'_>, value: f64) {
        self.fixed(TAG_F64, name, value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn bool(&mut self, name: Name<'_>, value: bool) {
        self.fixed(if value { TAG_TRUE } else { TAG_FALSE }, name, []);
    }

    #[inline(always)]
    pub(crate) fn str(&mut self, name: Name<'_>, value: &str) {
        let index = match name {
            Name::Index(index) => index,
            Name::Inline(name) => return self.str_inline(name, value),
        };
        if value.len() <= self.field_bytes
            && let Some(room) = self.take_declared(TAG_STR, index, 4 + value.len())
        {
            room[..4].copy_from_slice(&(value.len() as u32).to_le_bytes());
            room[4..].copy_from_slice(value.as_bytes());
        } else {
            self.str_declared(index, value);
        }
    }

    // What is not on the way of nearly all fields takes the parts of a name: as a whole that would be
    // built in memory beforehand, for each field.
    #[cold]
    #[inline(never)]
    fn str_declared(&mut self, index: usize, value: &str) {
        self.str_slowly(Name::Index(index), value);
    }

    #[inline(never)]
    fn str_inline(&mut self, name: &str, value: &str) {
        self.str_slowly(Name::Inline(name), value);
    }

    fn str_slowly(&mut self, name: Name<'_>, value: &str) {
        if value.len() <= self.field_bytes && self.begin(TAG_STR, name, 4 + value.len()) {
            self.bytes.put(&(value.len() as u32).to_le_bytes());
            self.bytes.put(value.as_bytes());
        } else if let Some(start) = self.begin_block(TAG_STR, name) {
            self.put_cut(value);
            self.end_block(start);
        }
    }

    /// Encodes what is JSON already. Where it does not fit, a part of it is kept as a string.
    pub(crate) fn json(&mut self, name: Name<'_>, text: &str) {
        // Room for the name, too, lest it be begun in vain.
        let name_len = match name {
            Name::Index(_) => 0,
            Name::Inline(name) => name.len(),
        };
        let fits = text.len() <= self.field_bytes;
        if !fits || !self.bytes.reserve(NAME_ROOM + name_len + text.len()) {
            return self.str(name, text);
        }
        if let Some(start) = self.begin_block(TAG_JSON, name) {
            self.bytes.put(text.as_bytes());
            self.end_block(start);
        }
    }

    #[inline]
    pub(crate) fn bytes(&mut self, name: Name<'_>, value: &[u8]) {
        let kept = value
            .len()
            .min(self.field_bytes)
            .min(self.bytes.allowance().saturating_sub(NAME_ROOM));
        self.cut |= kept < value.len();
        if self.begin(TAG_BYTES, name, 4 + kept) {
            self.bytes.put(&(kept as u32).to_le_bytes());
            self.bytes.put(&value[..kept]);
        }
    }

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

    #[cold]
    fn json_field(
        &mut self,
        field: usize,
        start: usize,
        written: Written,
        len: usize,
    ) -> JsonField {
        let is_whole = written == Written::Whole && len <= self.field_bytes;
        if is_whole {
            self.bytes.set_u8(field, TAG_JSON);
        }
        JsonField {
            field,
            start,
            is_whole,
        }
    }

    /// Takes out of a field that is JSON, the last one so far, what a screen has something against.
    #[cold]
    #[inline(never)]
    pub(crate) fn screen_json(&mut self, name: &str, json: &JsonField, screen: &Screen) {
        let text = self.bytes.as_slice().get(json.start..).unwrap_or_default();
        let text = str::from_utf8(text).unwrap_or_default();
        let screened = if json.is_whole {
            screen.screen_json(name, text)
        } else {
            screen.screen_part(name, text)
        };
        let Some(screened) = screened else {
            return;
        };
        let text = &screened.text;
        self.cut |= screened.is_cut;
        self.bytes.truncate(json.start);
        if text.len() <= self.field_bytes && self.bytes.reserve(text.len()) {
            self.bytes.put(text.as_bytes());
        } else {
            self.put_cut(text);
            self.bytes.set_u8(json.field, TAG_TEXT);
        }
        self.end_block(json.start);
    }

    /// Encodes an error: its message and those of its sources.
    pub(crate) fn error(&mut self, name: Name<'_>, error: &(dyn Error + 'static)) {
        if let Some(start) = self.begin_block(TAG_ERROR, name) {
            self.put_messages(error);
            self.end_block(start);
        }
    }

    fn put_messages(&mut self, error: &(dyn Error + 'static)) {
        let mut next = Some(error);
        let end_max = self.bytes.len() + self.field_bytes;
        for _ in 0..ERROR_SOURCES_MAX {
            let Some(error) = next else { break };
            if end_max <= self.bytes.len() || !self.bytes.reserve(4) {
                self.cut = true;
                break;
            }
            self.bytes.put(&[0; 4]);
            let start = self.bytes.len();
            self.put_formatted(format_args!("{error}"));
            self.end_text(start, end_max.saturating_sub(start));
            next = catch_unwind(AssertUnwindSafe(|| error.source())).unwrap_or(None);
        }
    }

    #[inline(always)]
    fn fixed<const N: usize>(&mut self, tag: u8, name: Name<'_>, value: [u8; N]) {
        match name {
            Name::Index(index) => match self.take_declared(tag, index, N) {
                Some(room) => room.copy_from_slice(&value),
                None => self.fixed_declared(tag, index, value),
            },
            Name::Inline(name) => self.fixed_inline(tag, name, value),
        }
    }

    #[cold]
    #[inline(never)]
    fn fixed_declared<const N: usize>(&mut self, tag: u8, index: usize, value: [u8; N]) {
        if self.begin(tag, Name::Index(index), N) {
            self.bytes.put(&value);
        }
    }

    #[inline(never)]
    fn fixed_inline<const N: usize>(&mut self, tag: u8, name: &str, value: [u8; N]) {
        if self.begin_inline(tag, name, N) {
            self.bytes.put(&value);
        }
    }

    /// Writes tag and name, and takes `value_len` bytes for the value: the way of nearly all
    /// fields. `None` where the name has no place or there is no room yet.
    #[inline(always)]
    fn take_declared(&mut self, tag: u8, index: usize, value_len: usize) -> Option<&mut [u8]> {
        if (NAME_INLINE as usize) <= index {
            return None;
        }
        let room = self.bytes.take(3 + value_len)?;
        let [low, high] = (index as u16).to_le_bytes();
        room[0] = tag;
        room[1] = low;
        room[2] = high;
        Some(&mut room[3..])
    }

    /// Writes tag and name, and sees to it that `value_len` bytes more fit. Says no, and marks the
    /// record as cut, where they would not.
    #[inline(never)]
    fn begin(&mut self, tag: u8, name: Name<'_>, value_len: usize) -> bool {
        match name {
            Name::Index(index)
                if index < NAME_INLINE as usize && self.bytes.reserve(3 + value_len) =>
            {
                let [low, high] = (index as u16).to_le_bytes();
                self.bytes.put(&[tag, low, high]);
                true
            }
            Name::Inline(name) => self.begin_inline(tag, name, value_len),
            Name::Index(_) => {
                self.cut = true;
                false
            }
        }
    }

    fn begin_inline(&mut self, tag: u8, name: &str, value_len: usize) -> bool {
        let name = &name[..name.floor_char_boundary(u16::MAX as usize)];
        if !self.bytes.reserve(5 + name.len() + value_len) {
            self.cut = true;
            return false;
        }
        self.bytes.put(&[tag]);
        self.bytes.put(&NAME_INLINE.to_le_bytes());
        self.bytes.put(&(name.len() as u16).to_le_bytes());
        self.bytes.put(name.as_bytes());
        true
    }

    /// Begins a value that tells its length: says where its bytes begin. `None` where it does not
    /// fit.
    #[inline(always)]
    fn begin_block(&mut self, tag: u8, name: Name<'_>) -> Option<usize> {
        let is_begun = match name {
            Name::Index(index) => {
                self.take_declared(tag, index, 4).is_some() || self.begin_declared(tag, index)
            }
            Name::Inline(name) => self.begin_block_slowly(tag, Name::Inline(name)),
        };
        is_begun.then(|| self.bytes.len())
    }

    #[cold]
    #[inline(never)]
    fn begin_declared(&mut self, tag: u8, index: usize) -> bool {
        self.begin_block_slowly(tag, Name::Index(index))
    }

    #[inline(never)]
    fn begin_block_slowly(&mut self, tag: u8, name: Name<'_>) -> bool {
        let is_begun = self.begin(tag, name, 4);
        if is_begun {
            self.bytes.put(&[0; 4]);
        }
        is_begun
    }

    /// Ends it: the length is that of everything since `start`.
    #[inline(always)]
    fn end_block(&mut self, start: usize) {
        let len = self.bytes.len() - start;
        self.bytes.set_u32(start - 4, len as u32);
    }

    /// The same for text, of which so many bytes are kept.
    #[inline(always)]
    fn end_text(&mut self, start: usize, bytes_max: usize) {
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

    #[inline]
    fn put_formatted(&mut self, arguments: fmt::Arguments<'_>) {
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
    fn put_cut(&mut self, value: &str) {
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

/// Appends a span, as a record carries it. Says no where it does not fit.
pub(crate) fn write_span(bytes: &mut Buffer, callsite: Number, fields: &[u8]) -> bool {
    let len = SPAN_HEADER_BYTES + fields.len();
    if !bytes.reserve(len) {
        return false;
    }
    if let Some(room) = bytes.take(len) {
        room[..8].copy_from_slice(&callsite.to_u64().to_le_bytes());
        room[8..SPAN_HEADER_BYTES].copy_from_slice(&(fields.len() as u32).to_le_bytes());
        room[SPAN_HEADER_BYTES..].copy_from_slice(fields);
    }
    true
}

/// Copies a record to `dated`, with the time at which it was logged.
pub(crate) fn date(record: &[u8], ticks: u64, dated: &mut Vec<u8>) {
    dated.clear();
    dated.extend_from_slice(record);
    if let Some(flags) = dated.get_mut(FLAGS_PLACE) {
        *flags |= FLAG_DATED as u8;
        dated.extend_from_slice(&ticks.to_le_bytes());
    }
}
