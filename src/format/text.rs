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
use crate::capture::record::{Fields, Messages, RawText, Record, SpanView, Value};

use super::line::Line;
use super::timestamp::Timestamps;
use super::{Details, LineFormat, colour, escape};

/// What marks a record that was left behind by a process that died. It ends the line.
pub(super) const RECOVERED: &[u8; 12] = b" [recovered]";

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
    line: Line,
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
            line: Line::default(),
        }
    }
}

impl LineFormat for TextFormat {
    fn format(&mut self, record: &Record<'_>, callsites: &Callsites, lines: &mut Vec<u8>) {
        self.sequence += 1;
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        self.write_head(record, &mut line);
        write_event(record, &mut line);
        self.paint(colour::DIM, &mut line);
        write_spans(record, callsites, &mut line);
        self.write_details(record, &mut line);
        self.paint(colour::PLAIN, &mut line);
        line.push(b'\n');
        lines.extend_from_slice(line.as_bytes());
        self.line = line;
    }
}

impl TextFormat {
    fn write_head(&mut self, record: &Record<'_>, line: &mut Line) {
        let level = record.callsite.facts.level;
        self.paint(colour::DIM, line);
        line.push_array(self.timestamps.text(record.time_ns));
        self.paint(colour::PLAIN, line);
        // The longest level has five letters.
        line.push_slice(if level.as_str().len() < 5 {
            b"  "
        } else {
            b" "
        });
        self.paint(colour::of_level(level), line);
        line.push_slice(level.as_str().as_bytes());
        self.paint(colour::PLAIN, line);
        line.push(b' ');
        self.paint(colour::DIM, line);
        escape::push_bare(record.origin.target.into(), line);
        line.push(b':');
        self.paint(colour::PLAIN, line);
    }

    fn write_details(&self, record: &Record<'_>, line: &mut Line) {
        if self.details.location {
            write_location(record, line);
        }
        if self.details.thread {
            line.push_array(b" on ");
            match &record.thread.name {
                Some(name) => escape::push_bare((&**name).into(), line),
                None => push_integer(record.thread.id, line),
            }
        }
        if self.details.process {
            line.push_array(b" pid=");
            push_integer(self.process, line);
        }
        if self.details.sequence {
            line.push_array(b" seq=");
            push_integer(self.sequence, line);
        }
        if record.is_cut {
            line.push_array(b" [cut]");
        }
        if record.is_recovered {
            line.push_array(RECOVERED);
        }
    }

    fn paint(&self, code: &str, line: &mut Line) {
        if self.is_coloured {
            line.push_slice(code.as_bytes());
        }
    }
}

fn write_event(record: &Record<'_>, line: &mut Line) {
    for (_, message) in record.fields().filter(|(name, _)| *name == "message") {
        line.push(b' ');
        push_message(message, line);
    }
    for (name, value) in record.fields().filter(|(name, _)| *name != "message") {
        line.push(b' ');
        push_field(name, value, line);
    }
}

fn write_spans(record: &Record<'_>, callsites: &Callsites, line: &mut Line) {
    if record.is_outside_spans() {
        return;
    }
    let spans: Vec<SpanView<'_>> = record.spans(callsites).collect();
    let mut before = " in ";
    for span in spans.iter().rev() {
        line.push_slice(before.as_bytes());
        escape::push_bare((&*span.callsite.facts.name).into(), line);
        write_span_fields(span.fields(), line);
        before = ":";
    }
}

fn write_span_fields(fields: Fields<'_>, line: &mut Line) {
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

fn write_location(record: &Record<'_>, line: &mut Line) {
    if let Some(file) = record.origin.file {
        line.push_array(b" at ");
        escape::push_bare(file.into(), line);
        if let Some(number) = record.origin.line {
            line.push(b':');
            push_integer(number, line);
        }
    }
}

/// A message stands without quotes, whatever its type.
fn push_message(message: Value<'_>, line: &mut Line) {
    match message {
        Value::Str(text) => escape::push_bare(text, line),
        Value::Error(messages) => push_messages(messages, line, escape::push_bare),
        other => push_value(other, line),
    }
}

fn push_field(name: &str, value: Value<'_>, line: &mut Line) {
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

fn push_value(value: Value<'_>, line: &mut Line) {
    match value {
        Value::I64(number) => push_integer(number, line),
        Value::U64(number) => push_integer(number, line),
        Value::I128(number) => push_integer(number, line),
        Value::U128(number) => push_integer(number, line),
        Value::F64(number) => line.push_slice(zmij::Buffer::new().format(number).as_bytes()),
        Value::Bool(true) => line.push_array(b"true"),
        Value::Bool(false) => line.push_array(b"false"),
        Value::Str(text) => push_string(text, line),
        Value::Text(text) => escape::push_bare(text, line),
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

fn push_integer(number: impl itoa::Integer, line: &mut Line) {
    line.push_slice(itoa::Buffer::new().format(number).as_bytes());
}
