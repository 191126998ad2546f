//! The spans around a record.

use super::Encoder;
use crate::capture::buffer::Buffer;
use crate::capture::known::Number;
use crate::capture::record::decode::{RawField, RawFields, RawName};
use crate::capture::record::{Name, Value};

const SPAN_HEADER_BYTES: usize = 12;

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

/// The same for one of the spans that the thread is in, which take half of a record at most. Where its
/// fields do not fit, the first of them are kept, and of a text its beginning. Says no then.
#[inline]
pub(crate) fn write_span_within_half(bytes: &mut Buffer, callsite: Number, fields: &[u8]) -> bool {
    if SPAN_HEADER_BYTES + fields.len() <= bytes.left_to_half()
        && write_span(bytes, callsite, fields)
    {
        return true;
    }
    write_span_cut(bytes, callsite, fields);
    false
}

#[cold]
fn write_span_cut(bytes: &mut Buffer, callsite: Number, fields: &[u8]) {
    let limit = bytes.limit();
    bytes.set_limit(limit / 2);
    if write_span(bytes, callsite, &[]) {
        let start = bytes.len();
        Encoder::behind(bytes).copy(fields);
        bytes.set_u32(start - 4, (bytes.len() - start) as u32);
    }
    bytes.set_limit(limit);
}

/// As much of these fields as `limit` bytes have room for.
pub(crate) fn cut_fields(fields: &[u8], limit: usize) -> Vec<u8> {
    let mut bytes = Buffer::new();
    Encoder::fields(&mut bytes, limit).copy(fields);
    bytes.as_slice().to_vec()
}

impl Encoder<'_> {
    /// Encodes fields again, up to the first of which not all fits.
    fn copy(&mut self, fields: &[u8]) {
        for field in RawFields(fields) {
            if self.bytes.reserve(field.bytes.len()) {
                self.bytes.put(field.bytes);
            } else {
                self.cut = true;
                return self.copy_part(field);
            }
        }
    }

    /// Encodes the beginning of a field that has one.
    fn copy_part(&mut self, field: RawField<'_>) {
        let name = match field.name {
            RawName::Index(index) => Name::Index(index.into()),
            RawName::Inline(name) => Name::Inline(name),
        };
        match field.value {
            Value::Str(text) | Value::Text(text) | Value::Json(text) => {
                self.str(name, text.as_str());
            }
            Value::Bytes(bytes) => self.bytes(name, bytes),
            Value::Error(messages) => self.error_again(name, messages),
            _ => {}
        }
    }
}
