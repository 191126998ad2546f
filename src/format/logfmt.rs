//! [logfmt](https://brandur.org/logfmt): keys and values in one line, for people who grep.
//!
//! ```text
//! time=2026-11-22T01:02:03.123456Z level=info target=app::module msg="signed in" user=42 spans="request:query"
//! ```
//!
//! `time`, `level` and `msg` are what most writers of logfmt call them. A value stands in quotes where
//! it is empty, or has a space, a quote, `=` or something hostile in it. Whatever would end a key is
//! `_`.

use std::borrow::Cow;

use tracing::Level;

use super::keyed::KeyedFormat;
use super::keyed::syntax::Syntax;
use super::line::Line;
use super::object::Shape;
use super::{LineFormat, escape};
use crate::capture::record::{Messages, RawText, Value};
use crate::config::format::Options;

#[derive(Clone, Copy, Debug)]
struct Logfmt;

pub(super) fn logfmt(options: &Options) -> Box<dyn LineFormat> {
    let enclose_names = |mut key: Vec<u8>| {
        key.push(b'"');
        [key, b"\"".to_vec()]
    };
    let layout = shape().layout(Logfmt, options, enclose_names, b"\n");
    Box::new(KeyedFormat::new(Logfmt, layout))
}

pub(super) fn shape() -> Shape {
    Shape {
        keys: &[("timestamp", "time"), ("message", "msg")],
        level: |level| Value::Str(level_name(level).into()),
        clean,
        ..Shape::default()
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

impl Syntax for Logfmt {
    const BEGIN: &'static [u8] = b"";
    const STRING_END: &'static [u8] = b"";

    fn key(self, name: &str) -> Vec<u8> {
        [b" ", clean(name).as_bytes(), b"="].concat()
    }

    #[inline(always)]
    fn push_value(self, value: &Value<'_>, line: &mut Line) {
        match value {
            Value::Str(text) | Value::Text(text) => push_text(*text, line),
            Value::I64(number) => push_integer(*number, line),
            Value::U64(number) => push_integer(*number, line),
            Value::Bool(true) => line.push_array(b"true"),
            Value::Bool(false) => line.push_array(b"false"),
            other => push_rare_value(other, line),
        }
    }

    #[inline(always)]
    fn push_message(self, value: &Value<'_>, line: &mut Line) {
        self.push_value(value, line);
    }

    fn span_name(self, name: &str) -> Vec<u8> {
        let mut escaped = Line::default();
        escape::push_quoted(name.into(), &mut escaped);
        escaped.push(b':');
        escaped.as_bytes().to_vec()
    }
}

#[inline(never)]
fn push_rare_value(value: &Value<'_>, line: &mut Line) {
    match value {
        Value::I128(number) => push_integer(*number, line),
        Value::U128(number) => push_integer(*number, line),
        Value::F64(number) => line.push_slice(zmij::Buffer::new().format(*number).as_bytes()),
        Value::Bytes([]) => line.push_array(b"\"\""),
        Value::Bytes(bytes) => escape::push_hexadecimal(bytes, line),
        Value::Json(text) => push_quoted(*text, line),
        Value::Error(messages) => push_messages(messages.clone(), line),
        // All others have been written.
        _ => {}
    }
}

/// Appends text, in quotes where it needs them.
#[inline]
fn push_text(text: RawText<'_>, line: &mut Line) {
    // Written bare at first, and once more if that was not right: most texts are words.
    let bytes = text.bytes();
    let is_word = !bytes.is_empty() && bytes.iter().all(|byte| is_bare(*byte));
    if is_word {
        line.push_slice(bytes);
    } else {
        push_quoted(text, line);
    }
}

fn push_quoted(text: RawText<'_>, line: &mut Line) {
    line.push(b'"');
    escape::push_quoted(text, line);
    line.push(b'"');
}

fn push_messages(messages: Messages<'_>, line: &mut Line) {
    line.push(b'"');
    for (index, message) in messages.enumerate() {
        if index != 0 {
            line.push_array(b": ");
        }
        escape::push_quoted(message, line);
    }
    line.push(b'"');
}

#[inline]
fn push_integer(number: impl itoa::Integer, line: &mut Line) {
    line.push_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Whether a byte needs no quotes around it.
#[inline]
const fn is_bare(byte: u8) -> bool {
    (byte.wrapping_sub(b'!') < 0x7f - b'!') & (byte != b'"') & (byte != b'=') & (byte != b'\\')
}

/// A key of any text: what would end it is `_`.
fn clean(name: &str) -> Cow<'_, str> {
    if name.is_empty() {
        return Cow::Borrowed("_");
    }
    let is_fit = |c: char| !matches!(c, ' ' | '=' | '"' | '\\') && !escape::is_hostile(c);
    if name.chars().all(is_fit) {
        return Cow::Borrowed(name);
    }
    let fit = name.chars().map(|c| if is_fit(c) { c } else { '_' });
    Cow::Owned(fit.collect())
}
