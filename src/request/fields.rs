//! Fields that a handler adds to its request's record.

use std::error::Error;
use std::fmt;

use crate::capture::buffer::Buffer;
use crate::capture::record::{Encoder, Name, merge_fields};
use crate::capture::screen;

/// How many fields a request may add, and how many bytes they may take.
const FIELDS_MAX: usize = 64;
const FIELDS_BYTES_MAX: usize = 16 * 1024;

/// Longer names are cut.
const NAME_BYTES_MAX: usize = 128;

/// The value of a field that a handler adds. Made by `From` from numbers, booleans and strings.
///
/// ```
/// use offloop::request::Value;
///
/// let values = [Value::from(42), Value::from(0.5), Value::from(true), Value::from("gold")];
/// # drop(values);
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Value<'a> {
    /// A signed integer.
    I64(i64),
    /// An unsigned integer.
    U64(u64),
    /// A floating-point number.
    F64(f64),
    /// A truth value.
    Bool(bool),
    /// A string.
    Str(&'a str),
    /// What something writes of itself by `Display`.
    Display(&'a dyn fmt::Display),
    /// What something writes of itself by `Debug`.
    Debug(&'a dyn fmt::Debug),
    /// An error with its source chain.
    Error(&'a (dyn Error + 'static)),
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::I64(value) => value.fmt(formatter),
            Value::U64(value) => value.fmt(formatter),
            Value::F64(value) => value.fmt(formatter),
            Value::Bool(value) => value.fmt(formatter),
            Value::Str(value) => value.fmt(formatter),
            Value::Display(value) => fmt::Display::fmt(value, formatter),
            Value::Debug(value) => value.fmt(formatter),
            Value::Error(value) => value.fmt(formatter),
        }
    }
}

impl Value<'_> {
    /// Writes it as a line of text would have it.
    fn write(self, out: &mut dyn fmt::Write) -> fmt::Result {
        match self {
            Value::Str(value) => out.write_str(value),
            Value::Error(value) => write!(out, "{value}"),
            value => write!(out, "{value:?}"),
        }
    }
}

macro_rules! from_number {
    ($($from:ty => $variant:ident),+ $(,)?) => {
        $(impl From<$from> for Value<'_> {
            fn from(value: $from) -> Self {
                Value::$variant(value.into())
            }
        })+
    };
}

from_number! {
    i8 => I64, i16 => I64, i32 => I64, i64 => I64,
    u8 => U64, u16 => U64, u32 => U64, u64 => U64,
    f32 => F64, f64 => F64, bool => Bool,
}

impl From<usize> for Value<'_> {
    fn from(value: usize) -> Self {
        Value::U64(value as u64)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Value::Str(value)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Value::Str(value)
    }
}

/// The fields that a request has got so far, encoded as records have them.
#[derive(Debug, Default)]
pub(super) struct Added {
    bytes: Vec<u8>,
    count: usize,
    dropped: u64,
    has_error: bool,
}

/// A field that is about to be added. What a value writes of itself is the program's code, which may add
/// fields, too: so it is encoded before anything is locked.
pub(super) struct Field {
    bytes: Buffer,
    is_error: bool,
    is_cut: bool,
}

impl Field {
    pub(super) fn new(name: &str, value: Value<'_>) -> Self {
        let name = &name[..name.floor_char_boundary(NAME_BYTES_MAX)];
        let mut bytes = Buffer::new();
        let mut encoder = Encoder::fields(&mut bytes, FIELDS_BYTES_MAX);
        match screen::masking(name) {
            Some((screen, style)) => {
                let mask = screen.mask(style, |out| value.write(out));
                encoder.str(Name::Inline(name), &mask);
            }
            None => encode(&mut encoder, name, value),
        }
        let is_cut = encoder.is_cut();
        Field {
            bytes,
            is_error: name == "error",
            is_cut,
        }
    }
}

impl Added {
    /// Adds a field, or replaces its former value. What goes beyond the limits is dropped, and
    /// counted.
    pub(super) fn set(&mut self, field: &Field) {
        self.has_error |= field.is_error;
        let (new, is_cut) = (&field.bytes, field.is_cut);
        let mut merged = Vec::with_capacity(self.bytes.len() + new.len());
        merge_fields(&self.bytes, new.as_slice(), &mut merged);
        let is_new = merged.len() == self.bytes.len() + new.len();
        let count = self.count + usize::from(is_new);
        if is_cut || FIELDS_MAX < count || FIELDS_BYTES_MAX < merged.len() {
            self.dropped += 1;
            return;
        }
        self.bytes = merged;
        self.count = count;
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the field `error` is among them.
    pub(super) fn has_error(&self) -> bool {
        self.has_error
    }

    /// How many were dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }
}

fn encode(encoder: &mut Encoder<'_>, key: &str, value: Value<'_>) {
    let name = Name::Inline(key);
    match value {
        Value::I64(value) => encoder.i64(name, value),
        Value::U64(value) => encoder.u64(name, value),
        Value::F64(value) => encoder.f64(name, value),
        Value::Bool(value) => encoder.bool(name, value),
        Value::Str(value) => encoder.str(name, value),
        Value::Display(value) => encode_text(encoder, key, &format_args!("{value}")),
        Value::Debug(value) => encode_text(encoder, key, value),
        Value::Error(value) => encoder.error(name, value),
    }
}

fn encode_text(encoder: &mut Encoder<'_>, key: &str, value: &dyn fmt::Debug) {
    if let Some(json) = encoder.text_of(Name::Inline(key), value) {
        screen::for_each(|screen| encoder.screen_json(key, &json, screen));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_which_not_all_fits_is_dropped_and_counted_whichever_it_is() {
        let long = "x".repeat(FIELDS_BYTES_MAX);
        let (long, short) = (
            Field::new("long", (&long).into()),
            Field::new("short", 1.into()),
        );
        let mut added = Added::default();
        for (field, count, dropped) in [(&long, 0, 1), (&short, 1, 1), (&long, 1, 2)] {
            added.set(field);
            assert_eq!((added.count, added.dropped()), (count, dropped));
            assert_eq!(added.as_bytes().is_empty(), count == 0);
        }
    }
}
