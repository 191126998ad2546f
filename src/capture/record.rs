//! A record: the bytes of one event, as they travel from the thread that logs to the writer.
//!
//! ```text
//! record  := callsite:u64 flags:u32 spans_len:u32 span* field*
//! span    := callsite:u64 fields_len:u32 field*            (the innermost span comes first)
//! field   := tag:u8 name value
//! name    := index:u16                                     (a place in the callsite's field list)
//!          | 0xFFFF len:u16 utf8                           (a name that no callsite declared)
//! value   := by tag: 8 bytes | 16 bytes | nothing | len:u32 bytes
//! ```
//!
//! All numbers are little endian and unaligned. `callsite` is the address of a
//! `&'static Metadata`: names, level, target, file and line never travel. Encoding and decoding
//! stand side by side in this file, so that they can be compared by eye.

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tracing::Metadata;

use super::buffer::Buffer;
use super::callsite::{Callsite, Callsites};

/// How many bytes of one record pass uncut.
pub(crate) const RECORD_BYTES_MAX: usize = 1 << 20;

/// How many links of an error's source chain are kept: a chain may be a circle.
const ERROR_SOURCES_MAX: usize = 64;

/// Says where text was cut.
const CUT_MARK: &str = "…[cut]";

/// Tag, name and length of a field whose callsite declares it take less than this.
const NAME_ROOM: usize = 8;

const HEADER_BYTES: usize = 16;
const FLAG_CUT: u32 = 1;
const NAME_INLINE: u16 = u16::MAX;

const TAG_I64: u8 = 1;
const TAG_U64: u8 = 2;
const TAG_I128: u8 = 3;
const TAG_U128: u8 = 4;
const TAG_F64: u8 = 5;
const TAG_FALSE: u8 = 6;
const TAG_TRUE: u8 = 7;
const TAG_STR: u8 = 8;
const TAG_TEXT: u8 = 9;
const TAG_BYTES: u8 = 10;
const TAG_ERROR: u8 = 11;

/// The name of a field, as the caller knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name<'a> {
    /// A place in the field list of the record's own callsite.
    Index(usize),
    /// A name that the callsite does not declare.
    Inline(&'a str),
}

/// The value of a field, as the writer reads it back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    I64(i64),
    U64(u64),
    I128(i128),
    U128(u128),
    F64(f64),
    Bool(bool),
    /// A string that the program logged as a string.
    Str(&'a str),
    /// What a `Display` or `Debug` implementation wrote.
    Text(&'a str),
    Bytes(&'a [u8]),
    /// An error's message, then the messages of its sources, outermost first.
    Error(Messages<'a>),
}

/// The messages of an error and its sources.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Messages<'a>(&'a [u8]);

/// Writes fields to the end of a buffer. What does not fit into it is cut, and marked.
#[derive(Debug)]
pub(crate) struct Encoder<'b> {
    bytes: &'b mut Buffer,
    pub(super) cut: bool,
}

impl<'b> Encoder<'b> {
    /// Encodes bare fields, as a span keeps them, up to `limit` bytes.
    pub(crate) fn fields(bytes: &'b mut Buffer, limit: usize) -> Self {
        bytes.begin(limit);
        Encoder { bytes, cut: false }
    }

    /// Starts a record: its header and the spans around it, which `write_spans` appends. That says
    /// no if not all of them fit.
    #[inline]
    pub(crate) fn record(
        bytes: &'b mut Buffer,
        metadata: &'static Metadata<'static>,
        write_spans: impl FnOnce(&mut Buffer) -> bool,
    ) -> Self {
        bytes.begin(RECORD_BYTES_MAX);
        bytes.reserve(HEADER_BYTES);
        bytes.put(address_of(metadata).to_le_bytes());
        bytes.put([0; 8]);
        let all_fit = write_spans(bytes);
        bytes.set_u32(12, (bytes.len() - HEADER_BYTES) as u32);
        Encoder {
            bytes,
            cut: !all_fit,
        }
    }

    /// Ends a record that [`Encoder::record`] began.
    #[inline]
    pub(crate) fn finish(self) {
        if self.cut {
            self.bytes.set_u32(8, FLAG_CUT);
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

    #[inline]
    pub(crate) fn str(&mut self, name: Name<'_>, value: &str) {
        if self.begin(TAG_STR, name, 4 + value.len()) {
            self.bytes.put((value.len() as u32).to_le_bytes());
            self.bytes.put_slice(value.as_bytes());
        } else if self.begin(TAG_STR, name, 4) {
            self.block(|encoder| encoder.put_cut(value));
        }
    }

    #[inline]
    pub(crate) fn bytes(&mut self, name: Name<'_>, value: &[u8]) {
        let kept = value
            .len()
            .min(self.bytes.allowance().saturating_sub(NAME_ROOM));
        self.cut |= kept < value.len();
        if self.begin(TAG_BYTES, name, 4 + kept) {
            self.bytes.put((kept as u32).to_le_bytes());
            self.bytes.put_slice(&value[..kept]);
        }
    }

    /// Encodes what `value` writes of itself. If it panics, what it wrote until then is kept and
    /// says so: neither the record nor the program is lost.
    #[inline]
    pub(crate) fn text_of(&mut self, name: Name<'_>, value: &dyn fmt::Debug) {
        if self.begin(TAG_TEXT, name, 4) {
            self.formatted(format_args!("{value:?}"));
        }
    }

    /// Encodes an error: its message and those of its sources.
    pub(crate) fn error(&mut self, name: Name<'_>, error: &(dyn Error + 'static)) {
        if self.begin(TAG_ERROR, name, 4) {
            self.block(|encoder| encoder.messages(error));
        }
    }

    fn messages(&mut self, error: &(dyn Error + 'static)) {
        let mut next = Some(error);
        for _ in 0..ERROR_SOURCES_MAX {
            let Some(error) = next else { break };
            if !self.bytes.reserve(4) {
                self.cut = true;
                break;
            }
            self.formatted(format_args!("{error}"));
            next = catch_unwind(AssertUnwindSafe(|| error.source())).unwrap_or(None);
        }
    }

    #[inline(always)]
    fn fixed<const N: usize>(&mut self, tag: u8, name: Name<'_>, value: [u8; N]) {
        if let Name::Index(index) = name
            && index < NAME_INLINE as usize
            && self.bytes.reserve(3 + N)
        {
            let [low, high] = (index as u16).to_le_bytes();
            self.bytes.put_pair([tag, low, high], value);
        } else if self.begin(tag, name, N) {
            self.bytes.put(value);
        }
    }

    /// Writes tag and name, and sees to it that `value_len` bytes more fit. Says no, and marks the
    /// record as cut, where they would not.
    #[inline(always)]
    fn begin(&mut self, tag: u8, name: Name<'_>, value_len: usize) -> bool {
        match name {
            Name::Index(index)
                if index < NAME_INLINE as usize && self.bytes.reserve(3 + value_len) =>
            {
                let [low, high] = (index as u16).to_le_bytes();
                self.bytes.put([tag, low, high]);
                true
            }
            Name::Inline(name) => self.begin_inline(tag, name, value_len),
            Name::Index(_) => {
                self.cut = true;
                false
            }
        }
    }

    #[inline(never)]
    fn begin_inline(&mut self, tag: u8, name: &str, value_len: usize) -> bool {
        let name = &name[..name.floor_char_boundary(u16::MAX as usize)];
        if !self.bytes.reserve(5 + name.len() + value_len) {
            self.cut = true;
            return false;
        }
        self.bytes.put([tag]);
        self.bytes.put(NAME_INLINE.to_le_bytes());
        self.bytes.put((name.len() as u16).to_le_bytes());
        self.bytes.put_slice(name.as_bytes());
        true
    }

    /// Writes a length and what `write` writes, which the length tells. There is room for the
    /// length already.
    #[inline(always)]
    fn block(&mut self, write: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes.put([0; 4]);
        write(self);
        let len = self.bytes.len() - start - 4;
        self.bytes.set_u32(start, len as u32);
    }

    #[inline]
    fn formatted(&mut self, arguments: fmt::Arguments<'_>) {
        self.block(|encoder| {
            let mut text = Text {
                encoder,
                is_full: false,
            };
            let outcome = catch_unwind(AssertUnwindSafe(|| fmt::write(&mut text, arguments)));
            if !matches!(outcome, Ok(Ok(()))) && !text.is_full {
                text.explain(outcome.is_err());
            }
        });
    }

    /// Writes as much of a text as fits, and that there was more.
    #[cold]
    fn put_cut(&mut self, value: &str) {
        let kept = &value.as_bytes()[..value.floor_char_boundary(self.bytes.allowance())];
        self.bytes.reserve(kept.len());
        self.bytes.put_slice(kept);
        self.bytes.put_slice(CUT_MARK.as_bytes());
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
        if !self.is_full && self.encoder.bytes.reserve(text.len()) {
            self.encoder.bytes.put_slice(text.as_bytes());
            return Ok(());
        }
        if !self.is_full {
            self.encoder.put_cut(text);
            self.is_full = true;
        }
        Err(fmt::Error)
    }
}

/// Appends a span, as a record carries it. Says no where it does not fit.
#[inline]
pub(crate) fn write_span(
    bytes: &mut Buffer,
    metadata: &'static Metadata<'static>,
    fields: &[u8],
) -> bool {
    let fits = bytes.reserve(12 + fields.len());
    if fits {
        bytes.put(address_of(metadata).to_le_bytes());
        bytes.put((fields.len() as u32).to_le_bytes());
        bytes.put_slice(fields);
    }
    fits
}

/// Copies `old` fields to `merged`, without those that `new` replaces, then `new`.
pub(crate) fn merge_fields(old: &[u8], new: &[u8], merged: &mut Vec<u8>) {
    for field in RawFields(old) {
        let is_replaced = RawFields(new).any(|newer| newer.name == field.name);
        if !is_replaced {
            merged.extend_from_slice(field.bytes);
        }
    }
    merged.extend_from_slice(new);
}

fn address_of(metadata: &'static Metadata<'static>) -> u64 {
    std::ptr::from_ref(metadata).expose_provenance() as u64
}

/// The thread that logged a record.
#[derive(Clone, Debug, Default)]
pub(crate) struct ThreadLabel {
    /// Its name, if it has one.
    pub(crate) name: Option<Box<str>>,
    /// A number that no two threads of a process share.
    pub(crate) id: u64,
}

/// A record as the writer sees it.
#[derive(Clone, Debug)]
pub(crate) struct Record<'a> {
    /// Nanoseconds since the Unix epoch.
    pub(crate) time_ns: i64,
    pub(crate) callsite: &'static Callsite,
    pub(crate) thread: &'a ThreadLabel,
    /// Whether part of it did not fit.
    pub(crate) is_cut: bool,
    /// Where the record comes from. Differs from the callsite's own where it came through `log`.
    pub(crate) origin: Origin<'a>,
    spans: &'a [u8],
    fields: &'a [u8],
}

/// Target and place of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) target: &'a str,
    pub(crate) file: Option<&'a str>,
    pub(crate) line: Option<u32>,
}

impl<'a> Record<'a> {
    /// Reads a record that [`Encoder::record`] wrote. `None` if the bytes are no record.
    pub(crate) fn decode(
        bytes: &'a [u8],
        time_ns: i64,
        thread: &'a ThreadLabel,
        callsites: &mut Callsites,
    ) -> Option<Self> {
        let mut rest = bytes;
        let callsite = callsites.at(take_u64(&mut rest)?);
        let flags = take_u32(&mut rest)?;
        let spans_len = take_u32(&mut rest)? as usize;
        let spans = take(&mut rest, spans_len)?;
        let mut record = Record {
            time_ns,
            callsite,
            thread,
            is_cut: flags & FLAG_CUT != 0,
            origin: callsite.origin(),
            spans,
            fields: rest,
        };
        if callsite.is_log {
            record.read_log_origin();
        }
        Some(record)
    }

    /// The record's own fields, in the order of the macro.
    pub(crate) fn fields(&self) -> Fields<'a> {
        Fields {
            callsite: self.callsite,
            rest: self.fields,
        }
    }

    /// The spans around the record, innermost first.
    pub(crate) fn spans<'c>(&self, callsites: &'c mut Callsites) -> Spans<'a, 'c> {
        Spans {
            rest: self.spans,
            callsites,
        }
    }

    /// Whether the record was logged outside of any span.
    pub(crate) fn is_outside_spans(&self) -> bool {
        self.spans.is_empty()
    }

    /// Takes target, file and line from the fields that the bridge from `log` puts them into.
    fn read_log_origin(&mut self) {
        let fields = Fields {
            callsite: self.callsite,
            rest: self.fields,
        };
        for (name, value) in fields.unfiltered() {
            match (name, value) {
                ("log.target", Value::Str(target)) => self.origin.target = target,
                ("log.file", Value::Str(file)) => self.origin.file = Some(file),
                ("log.line", Value::U64(line)) => self.origin.line = u32::try_from(line).ok(),
                _ => {}
            }
        }
    }
}

/// The spans of a record, innermost first.
#[derive(Debug)]
pub(crate) struct Spans<'a, 'c> {
    rest: &'a [u8],
    callsites: &'c mut Callsites,
}

/// One span of a record.
#[derive(Clone, Debug)]
pub(crate) struct SpanView<'a> {
    pub(crate) callsite: &'static Callsite,
    fields: &'a [u8],
}

impl<'a> Iterator for Spans<'a, '_> {
    type Item = SpanView<'a>;

    fn next(&mut self) -> Option<SpanView<'a>> {
        let callsite = self.callsites.at(take_u64(&mut self.rest)?);
        let fields_len = take_u32(&mut self.rest)? as usize;
        let fields = take(&mut self.rest, fields_len)?;
        Some(SpanView { callsite, fields })
    }
}

impl<'a> SpanView<'a> {
    pub(crate) fn fields(&self) -> Fields<'a> {
        Fields {
            callsite: self.callsite,
            rest: self.fields,
        }
    }
}

/// Names and values, in the order in which they were recorded.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    callsite: &'static Callsite,
    rest: &'a [u8],
}

/// A field, for readers that keep something per callsite and field.
#[derive(Clone, Debug)]
pub(crate) struct Field<'a> {
    /// Its place in the callsite's field list, if it is declared there.
    pub(crate) place: Option<usize>,
    pub(crate) name: &'a str,
    pub(crate) value: Value<'a>,
}

impl<'a> Fields<'a> {
    // Inlined by force, with all below: a field returned through memory costs twice the decoding.
    #[inline(always)]
    pub(crate) fn next_field(&mut self) -> Option<Field<'a>> {
        loop {
            let field = self.take_next()?;
            if !(self.callsite.is_log && field.name.starts_with("log.")) {
                return Some(field);
            }
        }
    }

    /// With the fields in which the bridge from `log` hides target, file and line.
    fn unfiltered(mut self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        std::iter::from_fn(move || self.take_next().map(|field| (field.name, field.value)))
    }

    #[inline(always)]
    fn take_next(&mut self) -> Option<Field<'a>> {
        let RawField { name, value, .. } = raw_field(&mut self.rest)?;
        let (place, name) = match name {
            RawName::Index(index) => {
                let place = index as usize;
                (Some(place), *self.callsite.fields.get(place)?)
            }
            RawName::Inline(name) => (None, name),
        };
        Some(Field { place, name, value })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.next_field().map(|field| (field.name, field.value))
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let len = take_u32(&mut self.0)? as usize;
        take(&mut self.0, len).map(as_text)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum RawName<'a> {
    Index(u16),
    Inline(&'a str),
}

/// A field as it lies in the record.
struct RawField<'a> {
    name: RawName<'a>,
    value: Value<'a>,
    /// All of it: tag, name and value.
    bytes: &'a [u8],
}

struct RawFields<'a>(&'a [u8]);

impl<'a> Iterator for RawFields<'a> {
    type Item = RawField<'a>;

    fn next(&mut self) -> Option<RawField<'a>> {
        raw_field(&mut self.0)
    }
}

/// Reads a field. `None` at the end, and where the bytes are no field.
#[inline(always)]
fn raw_field<'a>(rest: &mut &'a [u8]) -> Option<RawField<'a>> {
    let start = *rest;
    let [tag] = take_array(rest)?;
    let name = match u16::from_le_bytes(take_array(rest)?) {
        NAME_INLINE => {
            let len = u16::from_le_bytes(take_array(rest)?) as usize;
            RawName::Inline(as_text(take(rest, len)?))
        }
        index => RawName::Index(index),
    };
    let value = match tag {
        TAG_I64 => Value::I64(i64::from_le_bytes(take_array(rest)?)),
        TAG_U64 => Value::U64(take_u64(rest)?),
        TAG_I128 => Value::I128(i128::from_le_bytes(take_array(rest)?)),
        TAG_U128 => Value::U128(u128::from_le_bytes(take_array(rest)?)),
        TAG_F64 => Value::F64(f64::from_le_bytes(take_array(rest)?)),
        TAG_FALSE => Value::Bool(false),
        TAG_TRUE => Value::Bool(true),
        TAG_STR => Value::Str(as_text(take_block(rest)?)),
        TAG_TEXT => Value::Text(as_text(take_block(rest)?)),
        TAG_BYTES => Value::Bytes(take_block(rest)?),
        TAG_ERROR => Value::Error(Messages(take_block(rest)?)),
        _ => return None,
    };
    let bytes = &start[..start.len() - rest.len()];
    Some(RawField { name, value, bytes })
}

fn as_text(bytes: &[u8]) -> &str {
    // Only text is written under these tags. Should the bytes be damaged all the same, the part
    // before the damage is the text.
    std::str::from_utf8(bytes).unwrap_or_else(|error| {
        std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
    })
}

#[inline(always)]
fn take_block<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = take_u32(rest)? as usize;
    take(rest, len)
}

#[inline(always)]
fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    take_array(rest).map(u32::from_le_bytes)
}

#[inline(always)]
fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    take_array(rest).map(u64::from_le_bytes)
}

#[inline(always)]
fn take_array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk::<N>()?;
    *rest = left;
    Some(*taken)
}

#[inline(always)]
fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(len)?;
    *rest = left;
    Some(taken)
}
