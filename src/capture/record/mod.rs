//! A record: the bytes of one event, as they travel from the thread that logs to the writer.
//!
//! ```text
//! record  := callsite:u64 flags:u32 spans_len:u32 span* field* [ticks:u64]    (where FLAG_DATED is set)
//! span    := callsite:u64 fields_len:u32 field*            (the innermost span comes first)
//! field   := tag:u8 name value
//! name    := index:u16                                     (a place in the callsite's field list)
//!          | 0xFFFF len:u16 utf8                           (a name that no callsite declared)
//! value   := by tag: 8 bytes | 16 bytes | nothing | len:u32 bytes
//! ```
//!
//! All numbers are little endian and unaligned. `callsite` is the [number](super::known::Number) of one:
//! names, level, target, file and line never travel. `encode.rs` and `decode.rs` stand side by side, so
//! that they can be compared by eye.

mod decode;
mod encode;
mod rewrite;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use self::decode::{
    Fields, Messages, Origin, PlacedFields, Record, SpanView, is_log_origin, merge_fields,
    own_ticks,
};
pub(crate) use self::encode::{
    Encoder, JsonField, cut_fields, date, write_span, write_span_within_half,
};
pub(crate) use self::rewrite::{Text, rewrite};
pub(crate) use self::text::RawText;

/// No record is longer than this.
pub(crate) const RECORD_BYTES_MAX: usize = 1 << 20;

/// No limit for records is less than this.
pub(crate) const RECORD_BYTES_MIN: usize = 1 << 10;

/// How many bytes of a record, and of one of its fields, pass uncut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) record_bytes: usize,
    pub(crate) field_bytes: usize,
}

impl Bounds {
    /// What no limit exceeds.
    pub(crate) const WIDEST: Bounds = Bounds {
        record_bytes: RECORD_BYTES_MAX,
        field_bytes: RECORD_BYTES_MAX,
    };
}

const FLAG_CUT: u32 = 1;
/// The record was logged earlier than it was handed over: behind its fields stands when.
const FLAG_DATED: u32 = 2;
/// The record was let in for the sinks alone whose own directives by span want it.
const FLAG_EXTRA: u32 = 4;
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
const TAG_JSON: u8 = 12;

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
    Str(RawText<'a>),
    /// What a `Display` or `Debug` implementation wrote.
    Text(RawText<'a>),
    /// What a [`Json`](crate::Json) wrote. Whoever reads it checks that it is JSON.
    Json(RawText<'a>),
    Bytes(&'a [u8]),
    /// An error's message, then the messages of its sources, outermost first.
    Error(Messages<'a>),
}

/// The thread that logged a record.
#[derive(Clone, Debug, Default)]
pub(crate) struct ThreadLabel {
    /// Its name, if it has one.
    pub(crate) name: Option<Box<str>>,
    /// A number that no two threads of a process share.
    pub(crate) id: u64,
}
