//! The ids of a trace and a span, where a format wants them in a form or a place of its own.

use super::super::line::Line;
use super::names::Ids;
use super::syntax::Syntax;
use crate::capture::record::Value;

/// What is written of a field that is called like an id.
#[derive(Debug, PartialEq)]
pub(super) enum Id<'a> {
    /// A field as any other: it is no id, or may stay as it is.
    Field,
    /// A field with a number.
    Decimal(u64),
    /// What stands outside of the fields: its digits.
    Outside(&'a [u8]),
}

/// The id of a trace has more than the id of a span, which is what a `u64` holds.
const SPAN_DIGITS: usize = 16;

impl<'a> Id<'a> {
    pub(super) fn of(value: &Value<'a>, digits: usize, ids: Ids) -> Self {
        let (Value::Str(text) | Value::Text(text)) = value else {
            return Id::Field;
        };
        let text = text.bytes();
        let is_id = text.len() == digits
            && text.iter().all(u8::is_ascii_hexdigit)
            && text.iter().any(|digit| *digit != b'0');
        match ids {
            Ids::Outside if is_id => Id::Outside(text),
            Ids::Decimal if is_id => Id::Decimal(last_bits(text)),
            _ => Id::Field,
        }
    }

    /// Appends it behind a key, or `outside` with a key of its own.
    pub(super) fn push<S: Syntax>(
        &self,
        syntax: S,
        value: &Value<'a>,
        key: &[u8],
        line: &mut Line,
        outside: &mut Line,
    ) {
        match self {
            Id::Field => {
                line.push_slice(key);
                syntax.push_value(value, line);
            }
            Id::Decimal(number) => {
                line.push_slice(key);
                let mut text = itoa::Buffer::new();
                syntax.push_value(&Value::Str(text.format(*number).into()), line);
            }
            Id::Outside(digits) => {
                outside.push_slice(if digits.len() == SPAN_DIGITS {
                    b",\"spanId\":\""
                } else {
                    b",\"traceId\":\""
                });
                outside.push_slice(digits);
                outside.push(b'"');
            }
        }
    }
}

/// The last 64 bits of hexadecimal digits.
fn last_bits(digits: &[u8]) -> u64 {
    let last = digits.get(digits.len().saturating_sub(SPAN_DIGITS)..);
    let last = last.and_then(|last| std::str::from_utf8(last).ok());
    last.and_then(|last| u64::from_str_radix(last, 16).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_id_is_a_field() {
        let id = |text: &'static str, ids| Id::of(&Value::Str(text.into()), 16, ids);
        assert_eq!(id("00f067aa0ba902b7", Ids::Fields), Id::Field);
        let number = Id::Decimal(67_667_974_448_284_343);
        assert_eq!(id("00f067aa0ba902b7", Ids::Decimal), number);
        for text in [
            "",
            "0000000000000000",
            "00f067aa0ba902b",
            "00f067aa0ba902bg",
        ] {
            assert_eq!(id(text, Ids::Decimal), Id::Field, "{text}");
            assert_eq!(id(text, Ids::Outside), Id::Field, "{text}");
        }
        assert_eq!(Id::of(&Value::U64(1), 16, Ids::Outside), Id::Field);
    }

    #[test]
    fn a_trace_is_known_by_its_last_64_bits() {
        let text = Value::Str("4bf92f3577b34da6a3ce929d0e0e4736".into());
        let expected = Id::Decimal(0xa3ce_929d_0e0e_4736);
        assert_eq!(Id::of(&text, 32, Ids::Decimal), expected);
    }
}
