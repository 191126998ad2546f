//! OpenTelemetry's [data model](https://opentelemetry.io/docs/specs/otel/logs/data-model/) of logs: a
//! `LogRecord` a line, in the
//! [JSON encoding of OTLP](https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).
//!
//! ```json
//! {"timeUnixNano":"1795309323123456789","severityNumber":9,"severityText":"INFO",
//!  "body":{"stringValue":"signed in"},"traceId":"4bf92f3577b34da6a3ce929d0e0e4736",
//!  "spanId":"00f067aa0ba902b7","attributes":[{"key":"target","value":{"stringValue":"app"}},
//!  {"key":"user","value":{"intValue":"42"}}]}
//! ```
//!
//! Integers of 64 bits are strings in that encoding, bytes base64. An unsigned one that is too large
//! for a signed one is a string value. The attributes come last, so that marks can be added to them.

use tracing::Level;

use super::super::keyed::KeyedFormat;
use super::super::keyed::layout::LayoutPart;
use super::super::keyed::names::Ids;
use super::super::keyed::syntax::Syntax;
use super::super::line::Line;
use super::super::{LineFormat, escape};
use super::nested::{self, ANY_VALUE};
use super::value::{push_float, push_integer};
use super::{Shape, Time, quoted};
use crate::capture::record::{Messages, RawText, Value};
use crate::config::format::Options;
use crate::config::{Part, Precision};

/// How attributes are written.
#[derive(Clone, Copy, Debug)]
struct Otlp;

/// The order of the attributes.
const ORDER: [Part; 7] = [
    Part::Target,
    Part::Fields,
    Part::Thread,
    Part::Location,
    Part::Process,
    Part::Constants,
    Part::Sequence,
];

pub(in crate::format) fn open_telemetry(options: &Options) -> Box<dyn LineFormat> {
    let enclose_names = |mut key: Vec<u8>| {
        key.extend(b"arrayValue\":{\"values\":[");
        [key, b"]}}}".to_vec()]
    };
    let mut layout = shape().layout(Otlp, options, enclose_names, b"]}\n");
    if let Some(first) = layout.parts.first_mut() {
        first.begin(b",\"attributes\":[");
    }
    let head = [
        LayoutPart::Text(b",\"timeUnixNano\":\"".to_vec()),
        LayoutPart::Time,
        LayoutPart::Made(Box::new(|level, _| severity(level))),
        LayoutPart::Message {
            key: b",\"body\":{\"".to_vec(),
            missing: Vec::new(),
        },
        LayoutPart::Ids,
    ];
    layout.parts.splice(..0, head);
    Box::new(KeyedFormat::new(Otlp, layout))
}

pub(super) fn shape() -> Shape {
    Shape {
        keys: &[
            ("thread", "thread.name"),
            ("file", "code.file.path"),
            ("line", "code.line.number"),
            ("pid", "process.pid"),
        ],
        // Spelled otherwise they are the same, so that one of them is left.
        fields: &[("trace.id", "trace_id"), ("span.id", "span_id")],
        constants: &[
            ("service", "service.name"),
            ("version", "service.version"),
            ("host", "host.name"),
            ("environment", "deployment.environment.name"),
        ],
        ids: Ids::Outside,
        time: Time::Number(Precision::Nanoseconds),
        order: &ORDER,
        ..Shape::default()
    }
}

/// What stands behind the time, whose quote it ends.
fn severity(level: Level) -> Vec<u8> {
    let number = match level {
        Level::TRACE => 1,
        Level::DEBUG => 5,
        Level::INFO => 9,
        Level::WARN => 13,
        Level::ERROR => 17,
    };
    format!("\",\"severityNumber\":{number},\"severityText\":\"{level}\"").into_bytes()
}

impl Syntax for Otlp {
    const BEGIN: &'static [u8] = b"{";
    const STRING_END: &'static [u8] = b"";

    /// `,{"key":"name","value":{"`
    fn key(self, name: &str) -> Vec<u8> {
        [b",{\"key\":", &*quoted(name), b",\"value\":{\""].concat()
    }

    #[inline(always)]
    fn push_value(self, value: &Value<'_>, line: &mut Line) {
        push_any_value(value, line);
        line.push(b'}');
    }

    fn push_message(self, value: &Value<'_>, line: &mut Line) {
        match value {
            // A message is to be read.
            Value::Json(text) => push_any_value(&Value::Str(*text), line),
            _ => push_any_value(value, line),
        }
    }

    /// `{"stringValue":"name"},`
    fn span_name(self, name: &str) -> Vec<u8> {
        [b"{\"stringValue\":", &*quoted(name), b"},"].concat()
    }
}

/// Appends a value behind `{"`, and the end of both.
#[inline(always)]
fn push_any_value(value: &Value<'_>, line: &mut Line) {
    match value {
        Value::Str(text) | Value::Text(text) => {
            line.push_array(b"stringValue\":\"");
            escape::push_json(*text, line);
            line.push_array(b"\"}");
        }
        Value::I64(number) => push_int(*number, line),
        Value::U64(number) => push_unsigned(*number, line),
        Value::Bool(true) => line.push_array(b"boolValue\":true}"),
        Value::Bool(false) => line.push_array(b"boolValue\":false}"),
        Value::F64(number) => {
            line.push_array(b"doubleValue\":");
            push_float(*number, line);
            line.push(b'}');
        }
        other => push_rare_value(other, line),
    }
}

#[inline(never)]
fn push_rare_value(value: &Value<'_>, line: &mut Line) {
    match value {
        Value::I128(number) => match i64::try_from(*number) {
            Ok(number) => push_int(number, line),
            Err(_) => push_digits(*number, line),
        },
        Value::U128(number) => match i64::try_from(*number) {
            Ok(number) => push_int(number, line),
            Err(_) => push_digits(*number, line),
        },
        Value::Bytes(bytes) => {
            line.push_array(b"bytesValue\":\"");
            push_base64(bytes, line);
            line.push_array(b"\"}");
        }
        Value::Error(messages) => push_messages(messages.clone(), line),
        Value::Json(text) => push_structure(*text, line),
        // All others have been written.
        _ => line.push_array(b"stringValue\":\"\"}"),
    }
}

#[inline(always)]
fn push_int(number: i64, line: &mut Line) {
    line.push_array(b"intValue\":\"");
    push_integer(number, line);
    line.push_array(b"\"}");
}

#[inline(always)]
fn push_unsigned(number: u64, line: &mut Line) {
    match i64::try_from(number) {
        Ok(number) => push_int(number, line),
        Err(_) => push_digits(number, line),
    }
}

fn push_digits(number: impl itoa::Integer, line: &mut Line) {
    line.push_array(b"stringValue\":\"");
    push_integer(number, line);
    line.push_array(b"\"}");
}

fn push_messages(messages: Messages<'_>, line: &mut Line) {
    line.push_array(b"arrayValue\":{\"values\":[");
    for (index, message) in messages.enumerate() {
        if index != 0 {
            line.push(b',');
        }
        line.push_array(b"{\"");
        push_any_value(&Value::Str(message), line);
    }
    line.push_array(b"]}}");
}

fn push_structure(text: RawText<'_>, line: &mut Line) {
    // The structure has its own `{"`.
    line.take_back(2);
    if !nested::push_styled(text, &ANY_VALUE, line) {
        line.push_array(b"{\"");
        push_any_value(&Value::Str(text), line);
    }
}

/// Appends [base64](https://datatracker.ietf.org/doc/html/rfc4648#section-4).
fn push_base64(bytes: &[u8], line: &mut Line) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let mut bits = [0; 4];
        bits[1..=group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes(bits);
        let mut digits = [b'='; 4];
        for (place, digit) in digits.iter_mut().enumerate().take(group.len() + 1) {
            *digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
        }
        line.push_array(&digits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (bytes, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("\u{3ff}\u{3ff}", "z7/Pvw=="),
        ] {
            let mut line = Line::default();
            push_base64(bytes.as_bytes(), &mut line);
            assert_eq!(line.as_bytes(), expected.as_bytes());
        }
    }
}
