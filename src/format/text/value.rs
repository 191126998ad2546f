//! Names and values as people read them.

use super::super::escape;
use super::super::line::Line;
use crate::capture::record::{Messages, RawText, Value};

/// A message stands without quotes, whatever its type.
pub(super) fn push_message(message: Value<'_>, line: &mut Line) {
    match message {
        Value::Str(text) => escape::push_bare(text, line),
        Value::Error(messages) => push_messages(messages, line, escape::push_bare),
        other => push_value(other, line),
    }
}

pub(super) fn push_field(name: &str, value: Value<'_>, line: &mut Line) {
    push_name(name, line);
    line.push(b'=');
    push_value(value, line);
}

/// A name stands in quotes where it would not be seen to be one.
fn push_name(name: &str, line: &mut Line) {
    let is_plain = |byte| !matches!(byte, b'\0'..=b' ' | b'=' | b'"' | b'\\' | b'{' | b'}');
    if !name.is_empty() && name.bytes().all(is_plain) {
        escape::push_bare(name.into(), line);
    } else {
        push_string(name.into(), line);
    }
}

pub(super) fn push_value(value: Value<'_>, line: &mut Line) {
    match value {
        Value::I64(number) => push_integer(number, line),
        Value::U64(number) => push_integer(number, line),
        Value::I128(number) => push_integer(number, line),
        Value::U128(number) => push_integer(number, line),
        Value::F64(number) => line.push_slice(zmij::Buffer::new().format(number).as_bytes()),
        Value::Bool(true) => line.push_array(b"true"),
        Value::Bool(false) => line.push_array(b"false"),
        Value::Str(text) => push_string(text, line),
        Value::Text(text) | Value::Json(text) => escape::push_bare(text, line),
        Value::Bytes(bytes) => {
            line.push_array(b"0x");
            escape::push_hexadecimal(bytes, line);
        }
        Value::Error(messages) => {
            line.push(b'"');
            push_messages(messages, line, escape::push_quoted);
            line.push(b'"');
        }
    }
}

fn push_string(text: RawText<'_>, line: &mut Line) {
    line.push(b'"');
    escape::push_quoted(text, line);
    line.push(b'"');
}

fn push_messages(messages: Messages<'_>, line: &mut Line, push: fn(RawText<'_>, &mut Line)) {
    let mut before: &[u8] = b"";
    for message in messages {
        line.push_slice(before);
        push(message, line);
        before = b": ";
    }
}

pub(super) fn push_integer(number: impl itoa::Integer, line: &mut Line) {
    line.push_slice(itoa::Buffer::new().format(number).as_bytes());
}
