//! Lines for people.
//!
//! ```text
//! 2026-11-22T01:02:03.123456Z  INFO app::module: signed in user=42 name="Ann" in request{path=/x}:query
//! ```
//!
//! After the message come the event's fields, then the spans from the root to the leaf with their
//! own fields. Everything is shown as it was recorded, a repeated name too. Strings stand in
//! quotes; what a `Display` or `Debug` implementation wrote stands as it is. In both, characters
//! that would break the line or steer the terminal are escaped. Errors read `"outer: cause: root"`.
//! On request the line ends with ` at src/app.rs:12`, ` on worker-1`, ` pid=4711` and ` seq=1`;
//! ` [cut]` says that part of the record did not fit, ` [recovered]` that it was left behind by a
//! process that died.

use crate::capture::callsite::Callsites;
use crate::capture::record::{Fields, Messages, Record, SpanView, Value};

use super::timestamp::Timestamps;
use super::{Details, Format, colour, escape};

/// Writes each record as a line for people.
#[derive(Debug)]
pub(crate) struct TextFormat {
    is_coloured: bool,
    details: Details,
    /// Taken once: the format of a process writes for that process.
    process: u32,
    /// The number of the latest line.
    sequence: u64,
    timestamps: Timestamps,
}

impl TextFormat {
    /// [`colour::is_wanted`] tells whether the line should be coloured.
    pub(crate) fn new(is_coloured: bool, details: Details) -> Self {
        TextFormat {
            is_coloured,
            details,
            process: std::process::id(),
            sequence: 0,
            timestamps: Timestamps::new(),
        }
    }
}

impl Format for TextFormat {
    fn format(&mut self, record: &Record<'_>, callsites: &Callsites, lines: &mut Vec<u8>) {
        self.sequence += 1;
        self.write_head(record, lines);
        write_event(record, lines);
        self.paint(colour::DIM, lines);
        write_spans(record, callsites, lines);
        self.write_details(record, lines);
        self.paint(colour::PLAIN, lines);
        lines.push(b'\n');
    }
}

impl TextFormat {
    fn write_head(&mut self, record: &Record<'_>, line: &mut Vec<u8>) {
        let level = record.callsite.facts.level;
        self.paint(colour::DIM, line);
        line.extend_from_slice(self.timestamps.text(record.time_ns));
        self.paint(colour::PLAIN, line);
        // The longest level has five letters.
        line.extend_from_slice(if level.as_str().len() < 5 {
            b"  "
        } else {
            b" "
        });
        self.paint(colour::of_level(level), line);
        line.extend_from_slice(level.as_str().as_bytes());
        self.paint(colour::PLAIN, line);
        line.push(b' ');
        self.paint(colour::DIM, line);
        escape::push_bare(record.origin.target, line);
        line.push(b':');
        self.paint(colour::PLAIN, line);
    }

    fn write_details(&self, record: &Record<'_>, line: &mut Vec<u8>) {
        if self.details.location {
            write_location(record, line);
        }
        if self.details.thread {
            line.extend_from_slice(b" on ");
            match &record.thread.name {
                Some(name) => escape::push_bare(name, line),
                None => push_integer(record.thread.id, line),
            }
        }
        if self.details.process {
            line.extend_from_slice(b" pid=");
            push_integer(self.process, line);
        }
        if self.details.sequence {
            line.extend_from_slice(b" seq=");
            push_integer(self.sequence, line);
        }
        if record.is_cut {
            line.extend_from_slice(b" [cut]");
        }
        if record.is_recovered {
            line.extend_from_slice(b" [recovered]");
        }
    }

    fn paint(&self, code: &str, line: &mut Vec<u8>) {
        if self.is_coloured {
            line.extend_from_slice(code.as_bytes());
        }
    }
}

fn write_event(record: &Record<'_>, line: &mut Vec<u8>) {
    for (_, message) in record.fields().filter(|(name, _)| *name == "message") {
        line.push(b' ');
        push_message(message, line);
    }
    for (name, value) in record.fields().filter(|(name, _)| *name != "message") {
        line.push(b' ');
        push_field(name, value, line);
    }
}

fn write_spans(record: &Record<'_>, callsites: &Callsites, line: &mut Vec<u8>) {
    if record.is_outside_spans() {
        return;
    }
    let spans: Vec<SpanView<'_>> = record.spans(callsites).collect();
    let mut before = " in ";
    for span in spans.iter().rev() {
        line.extend_from_slice(before.as_bytes());
        escape::push_bare(&span.callsite.facts.name, line);
        write_span_fields(span.fields(), line);
        before = ":";
    }
}

fn write_span_fields(fields: Fields<'_>, line: &mut Vec<u8>) {
    let mut before = b'{';
    for (name, value) in fields {
        line.push(before);
        push_field(name, value, line);
        before = b' ';
    }
    if before == b' ' {
        line.push(b'}');
    }
}

fn write_location(record: &Record<'_>, line: &mut Vec<u8>) {
    if let Some(file) = record.origin.file {
        line.extend_from_slice(b" at ");
        escape::push_bare(file, line);
        if let Some(number) = record.origin.line {
            line.push(b':');
            push_integer(number, line);
        }
    }
}

/// A message stands without quotes, whatever its type.
fn push_message(message: Value<'_>, line: &mut Vec<u8>) {
    match message {
        Value::Str(text) => escape::push_bare(text, line),
        Value::Error(messages) => push_messages(messages, line, escape::push_bare),
        other => push_value(other, line),
    }
}

fn push_field(name: &str, value: Value<'_>, line: &mut Vec<u8>) {
    push_name(name, line);
    line.push(b'=');
    push_value(value, line);
}

/// A name stands in quotes where it would not be seen to be one.
fn push_name(name: &str, line: &mut Vec<u8>) {
    let is_plain = |byte| !matches!(byte, b'\0'..=b' ' | b'=' | b'"' | b'\\' | b'{' | b'}');
    if !name.is_empty() && name.bytes().all(is_plain) {
        escape::push_bare(name, line);
    } else {
        push_string(name, line);
    }
}

fn push_value(value: Value<'_>, line: &mut Vec<u8>) {
    match value {
        Value::I64(number) => push_integer(number, line),
        Value::U64(number) => push_integer(number, line),
        Value::I128(number) => push_integer(number, line),
        Value::U128(number) => push_integer(number, line),
        Value::F64(number) => line.extend_from_slice(zmij::Buffer::new().format(number).as_bytes()),
        Value::Bool(true) => line.extend_from_slice(b"true"),
        Value::Bool(false) => line.extend_from_slice(b"false"),
        Value::Str(text) => push_string(text, line),
        Value::Text(text) => escape::push_bare(text, line),
        Value::Bytes(bytes) => {
            line.extend_from_slice(b"0x");
            escape::push_hexadecimal(bytes, line);
        }
        Value::Error(messages) => {
            line.push(b'"');
            push_messages(messages, line, escape::push_quoted);
            line.push(b'"');
        }
    }
}

fn push_string(text: &str, line: &mut Vec<u8>) {
    line.push(b'"');
    escape::push_quoted(text, line);
    line.push(b'"');
}

fn push_messages(messages: Messages<'_>, line: &mut Vec<u8>, push: fn(&str, &mut Vec<u8>)) {
    let mut before: &[u8] = b"";
    for message in messages {
        line.extend_from_slice(before);
        push(message, line);
        before = b": ";
    }
}

fn push_integer(number: impl itoa::Integer, line: &mut Vec<u8>) {
    line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}
