//! JSON lines: one flat object per record, easy to query.
//!
//! ```json
//! {"timestamp":"2026-11-22T01:02:03.123456Z","level":"INFO","target":"app::module",
//!  "message":"signed in","user":42,"rows":3,"method":"GET","spans":["request","query"],
//!  "thread":"worker-1","file":"src/app.rs","line":12,"pid":4711,"seq":1,
//!  "cut":true,"recovered":true}
//! ```
//!
//! Keys come in this order: timestamp, level, target; the message, if there is one; the event's
//! fields as the macro has them; the fields of the spans, innermost first; `spans`, the names from
//! the root to the leaf, where there are any; thread, file, line, pid and seq on request; `cut`
//! where part of the record did not fit; `recovered` where it was left behind by a process that
//! died.
//!
//! No key comes twice:
//! - An event's field replaces those of its spans with the same name, an inner span's those of
//!   outer spans. Within an event or a span the last value counts.
//! - The keys above belong to the format. A field with such a name is kept as `fields.<name>`, with
//!   the prefix repeated until no other field has that name. Only an event's own message is
//!   `message`.
//!
//! Values: integers that fit 64 bits and finite floats are numbers, longer integers strings of
//! digits, other floats `"NaN"`, `"Infinity"` and `"-Infinity"`, bytes strings of hexadecimal
//! digits, errors lists of messages from the outermost to the root cause. The thread is always a
//! string.

use std::collections::HashMap;

use crate::capture::callsite::{Callsite, Callsites};
use crate::capture::record::{Fields, Messages, Record, Value};

use super::keys::{self, Keys, PREFIX, Seen, Sighting};
use super::timestamp::Timestamps;
use super::{Details, Format, escape};

/// Writes each record as a JSON object.
#[derive(Debug)]
pub(crate) struct JsonFormat {
    details: Details,
    /// Taken once: the format of a process writes for that process.
    process: u32,
    /// The number of the latest line.
    sequence: u64,
    timestamps: Timestamps,
    keys: Keys,
    seen: Seen,
    /// The callsites of the spans of the current record, by index, innermost first.
    spans: Vec<usize>,
}

/// Says that keys may collide in a way that only [`JsonFormat::write_resolved`] gets right.
struct Ambiguous;

const MESSAGE_KEY: &[u8] = b",\"message\":\"";

impl JsonFormat {
    pub(crate) fn new(details: Details) -> Self {
        JsonFormat {
            details,
            process: std::process::id(),
            sequence: 0,
            timestamps: Timestamps::new(),
            keys: Keys::default(),
            seen: Seen::default(),
            spans: Vec::new(),
        }
    }
}

impl Format for JsonFormat {
    fn format(&mut self, record: &Record<'_>, callsites: &Callsites, lines: &mut Vec<u8>) {
        let start = lines.len();
        self.sequence += 1;
        if self.write_prepared(record, callsites, lines).is_err() {
            lines.truncate(start);
            self.write_resolved(record, callsites, lines);
        }
    }
}

impl JsonFormat {
    /// Writes a record in one pass, with prepared keys. Notices whatever needs a second look.
    fn write_prepared(
        &mut self,
        record: &Record<'_>,
        callsites: &Callsites,
        line: &mut Vec<u8>,
    ) -> Result<(), Ambiguous> {
        self.write_head(record, line);
        self.seen.begin_record();
        let fields = self.write_message(record, line);
        self.write_fields(record.callsite, fields, line)?;
        self.spans.clear();
        for span in record.spans(callsites) {
            self.spans.push(span.callsite.index);
            self.seen.begin_scope();
            self.write_fields(span.callsite, span.fields(), line)?;
        }
        self.write_tail(record, line);
        Ok(())
    }

    #[inline]
    fn write_head(&mut self, record: &Record<'_>, line: &mut Vec<u8>) {
        line.extend_from_slice(b"{\"timestamp\":\"");
        line.extend_from_slice(self.timestamps.text(record.time_ns));
        if record.callsite.is_log {
            let level = record.callsite.facts.level.as_str();
            line.extend_from_slice(&keys::head(level, record.origin.target));
        } else {
            line.extend_from_slice(&self.keys.of(record.callsite).head);
        }
    }

    /// Writes the message, if there is one, and gives the fields that are left to write, among
    /// them the message again if it was not the first.
    #[inline]
    fn write_message<'a>(&mut self, record: &Record<'a>, line: &mut Vec<u8>) -> Fields<'a> {
        let prepared = self.keys.of(record.callsite);
        let Some(place) = prepared.message else {
            return record.fields();
        };
        let mut fields = record.fields();
        let mut is_first = true;
        while let Some(field) = fields.next_field() {
            if field.place == Some(place) {
                push_field(MESSAGE_KEY, &field.value, line);
                break;
            }
            is_first = false;
        }
        if !is_first {
            return record.fields();
        }
        self.seen.mark(prepared.keys[place].number);
        fields
    }

    #[inline]
    fn write_fields(
        &mut self,
        callsite: &Callsite,
        mut fields: Fields<'_>,
        line: &mut Vec<u8>,
    ) -> Result<(), Ambiguous> {
        let prepared = self.keys.of(callsite);
        if prepared.is_ambiguous {
            return Err(Ambiguous);
        }
        while let Some(field) = fields.next_field() {
            let place = field.place.ok_or(Ambiguous)?;
            let key = &prepared.keys[place];
            match self.seen.mark(key.number) {
                Sighting::First if prepared.message == Some(place) => {}
                Sighting::First => push_field(&key.bytes, &field.value, line),
                Sighting::InInnerScope => {}
                Sighting::InSameScope => return Err(Ambiguous),
            }
        }
        Ok(())
    }

    fn write_tail(&mut self, record: &Record<'_>, line: &mut Vec<u8>) {
        if !self.spans.is_empty() {
            self.write_span_names(line);
        }
        if self.details.thread {
            push_thread(record, line);
        }
        if self.details.location {
            push_location(record, line);
        }
        if self.details.process {
            line.extend_from_slice(b",\"pid\":");
            push_integer(self.process, line);
        }
        if self.details.sequence {
            line.extend_from_slice(b",\"seq\":");
            push_integer(self.sequence, line);
        }
        if record.is_cut {
            line.extend_from_slice(b",\"cut\":true");
        }
        if record.is_recovered {
            line.extend_from_slice(b",\"recovered\":true");
        }
        line.extend_from_slice(b"}\n");
    }

    fn write_span_names(&mut self, line: &mut Vec<u8>) {
        line.extend_from_slice(b",\"spans\":");
        let mut before = b'[';
        for span in self.spans.iter().rev() {
            line.push(before);
            line.extend_from_slice(self.keys.span_name(*span));
            before = b',';
        }
        line.push(b']');
    }

    /// Writes a record with any names, inline ones and repeated ones among them.
    #[cold]
    fn write_resolved(&mut self, record: &Record<'_>, callsites: &Callsites, line: &mut Vec<u8>) {
        let mut resolved = Resolved::default();
        resolved.add_scope(record.fields());
        let message = resolved.take_message();
        self.spans.clear();
        for span in record.spans(callsites) {
            self.keys.of(span.callsite);
            self.spans.push(span.callsite.index);
            resolved.add_scope(span.fields());
        }
        self.write_head(record, line);
        if let Some(message) = message {
            push_field(MESSAGE_KEY, &message, line);
        }
        resolved.write(line);
        self.write_tail(record, line);
    }
}

/// The fields of a record, each name once.
#[derive(Default)]
struct Resolved<'a> {
    fields: Vec<(&'a str, Value<'a>)>,
    places: HashMap<&'a str, usize>,
}

impl<'a> Resolved<'a> {
    /// Adds what inner scopes do not have.
    fn add_scope(&mut self, fields: Fields<'a>) {
        let scope_start = self.fields.len();
        for (name, value) in fields {
            match self.places.get(name) {
                None => {
                    self.places.insert(name, self.fields.len());
                    self.fields.push((name, value));
                }
                Some(place) if scope_start <= *place => self.fields[*place].1 = value,
                Some(_) => {}
            }
        }
    }

    /// Takes the event's message out, so that a span's field of that name stays a field.
    fn take_message(&mut self) -> Option<Value<'a>> {
        let place = self.places.get("message").copied()?;
        let (_, message) = self.fields.remove(place);
        self.places.clear();
        let names = self.fields.iter().map(|(name, _)| *name);
        self.places.extend(names.zip(0..));
        Some(message)
    }

    fn write(&self, line: &mut Vec<u8>) {
        for (name, value) in &self.fields {
            let key = if keys::is_reserved(name) {
                keys::key(&self.free_name(name))
            } else {
                keys::key(name)
            };
            push_field(&key, value, line);
        }
    }

    fn free_name(&self, name: &str) -> String {
        let mut free = format!("{PREFIX}{name}");
        while self.places.contains_key(free.as_str()) {
            free.insert_str(0, PREFIX);
        }
        free
    }
}

fn push_thread(record: &Record<'_>, line: &mut Vec<u8>) {
    line.extend_from_slice(b",\"thread\":");
    match &record.thread.name {
        Some(name) => push_string(name, line),
        None => push_digits(record.thread.id, line),
    }
}

fn push_location(record: &Record<'_>, line: &mut Vec<u8>) {
    if let Some(file) = record.origin.file {
        line.extend_from_slice(b",\"file\":");
        push_string(file, line);
    }
    if let Some(number) = record.origin.line {
        line.extend_from_slice(b",\"line\":");
        push_integer(number, line);
    }
}

/// Appends a key, which [`keys::key`] prepared, and its value.
#[inline(always)]
fn push_field(key: &[u8], value: &Value<'_>, line: &mut Vec<u8>) {
    if let Value::Str(text) | Value::Text(text) = value {
        line.extend_from_slice(key);
        escape::push_json(text, line);
        line.push(b'"');
    } else {
        let (_quote, key) = key.split_last().unwrap_or((&0, key));
        line.extend_from_slice(key);
        push_value(value, line);
    }
}

#[inline(always)]
fn push_value(value: &Value<'_>, line: &mut Vec<u8>) {
    match value {
        Value::I64(number) => push_integer(*number, line),
        Value::U64(number) => push_integer(*number, line),
        Value::I128(number) => push_i128(*number, line),
        Value::U128(number) => push_u128(*number, line),
        Value::F64(number) => push_float(*number, line),
        Value::Bool(true) => line.extend_from_slice(b"true"),
        Value::Bool(false) => line.extend_from_slice(b"false"),
        Value::Str(text) | Value::Text(text) => push_string(text, line),
        Value::Bytes(bytes) => push_hexadecimal(bytes, line),
        Value::Error(messages) => push_messages(messages.clone(), line),
    }
}

#[inline]
fn push_string(text: &str, line: &mut Vec<u8>) {
    line.push(b'"');
    escape::push_json(text, line);
    line.push(b'"');
}

#[inline]
fn push_integer(number: impl itoa::Integer, line: &mut Vec<u8>) {
    line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// A number as a string: no reader rounds it.
fn push_digits(number: impl itoa::Integer, line: &mut Vec<u8>) {
    line.push(b'"');
    push_integer(number, line);
    line.push(b'"');
}

fn push_i128(number: i128, line: &mut Vec<u8>) {
    match i64::try_from(number) {
        Ok(number) => push_integer(number, line),
        Err(_) if 0 < number => push_u128(number.unsigned_abs(), line),
        Err(_) => push_digits(number, line),
    }
}

fn push_u128(number: u128, line: &mut Vec<u8>) {
    match u64::try_from(number) {
        Ok(number) => push_integer(number, line),
        Err(_) => push_digits(number, line),
    }
}

fn push_float(number: f64, line: &mut Vec<u8>) {
    if number.is_finite() {
        line.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
    } else if number.is_nan() {
        line.extend_from_slice(b"\"NaN\"");
    } else if 0.0 < number {
        line.extend_from_slice(b"\"Infinity\"");
    } else {
        line.extend_from_slice(b"\"-Infinity\"");
    }
}

fn push_hexadecimal(bytes: &[u8], line: &mut Vec<u8>) {
    line.push(b'"');
    escape::push_hexadecimal(bytes, line);
    line.push(b'"');
}

fn push_messages(messages: Messages<'_>, line: &mut Vec<u8>) {
    line.push(b'[');
    for (index, message) in messages.enumerate() {
        if index != 0 {
            line.push(b',');
        }
        push_string(message, line);
    }
    line.push(b']');
}
