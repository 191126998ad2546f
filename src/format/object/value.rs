//! Values as JSON has them.

use super::super::escape;
use super::super::line::Line;
use super::errors::ErrorStyle;
use super::nested;
use crate::capture::record::{RawText, Value};

/// Appends a value behind its key, of which the last byte is the quote of a string.
#[inline(always)]
pub(super) fn push_behind_key(value: &Value<'_>, errors: ErrorStyle, line: &mut Line) {
    if let Value::Str(text) | Value::Text(text) = value {
        escape::push_json(*text, line);
        line.push(b'"');
    } else {
        line.take_back(1);
        push_value(value, errors, line);
    }
}

#[inline(always)]
fn push_value(value: &Value<'_>, errors: ErrorStyle, line: &mut Line) {
    match value {
        Value::I64(number) => push_integer(*number, line),
        Value::U64(number) => push_integer(*number, line),
        Value::I128(number) => push_i128(*number, line),
        Value::U128(number) => push_u128(*number, line),
        Value::F64(number) => push_float(*number, line),
        Value::Bool(true) => line.push_array(b"true"),
        Value::Bool(false) => line.push_array(b"false"),
        Value::Str(text) | Value::Text(text) => push_string(*text, line),
        Value::Bytes(bytes) => push_hexadecimal(bytes, line),
        Value::Json(text) => nested::push(*text, line),
        Value::Error(messages) => errors.push(messages.clone(), line),
    }
}

pub(super) fn push_string(text: RawText<'_>, line: &mut Line) {
    line.push(b'"');
    escape::push_json(text, line);
    line.push(b'"');
}

#[inline]
pub(super) fn push_integer(number: impl itoa::Integer, line: &mut Line) {
    line.push_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// A number as a string: no reader rounds it.
fn push_digits(number: impl itoa::Integer, line: &mut Line) {
    line.push(b'"');
    push_integer(number, line);
    line.push(b'"');
}

#[inline(never)]
fn push_i128(number: i128, line: &mut Line) {
    match i64::try_from(number) {
        Ok(number) => push_integer(number, line),
        Err(_) if 0 < number => push_u128(number.unsigned_abs(), line),
        Err(_) => push_digits(number, line),
    }
}

#[inline(never)]
fn push_u128(number: u128, line: &mut Line) {
    match u64::try_from(number) {
        Ok(number) => push_integer(number, line),
        Err(_) => push_digits(number, line),
    }
}

#[inline(never)]
pub(super) fn push_float(number: f64, line: &mut Line) {
    if number.is_finite() {
        line.push_slice(zmij::Buffer::new().format_finite(number).as_bytes());
    } else if number.is_nan() {
        line.push_array(b"\"NaN\"");
    } else if 0.0 < number {
        line.push_array(b"\"Infinity\"");
    } else {
        line.push_array(b"\"-Infinity\"");
    }
}

#[inline(never)]
pub(super) fn push_hexadecimal(bytes: &[u8], line: &mut Line) {
    line.push(b'"');
    escape::push_hexadecimal(bytes, line);
    line.push(b'"');
}
