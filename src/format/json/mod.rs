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

mod context;
mod resolved;
mod value;

use self::context::Contexts;
use self::resolved::Resolved;
use self::value::{push_behind_key, push_digits, push_integer, push_string};
use super::keys::{self, Keys, Prepared, Role, Seen, Sighting};
use super::line::Line;
use super::timestamp::Timestamps;
use super::{Details, LineFormat};
use crate::capture::callsite::Callsites;
use crate::capture::record::{Fields, Record};

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
    contexts: Contexts,
    line: Line,
}

/// Says that keys may collide in a way that only [`JsonFormat::write_resolved`] gets right.
struct Ambiguous;

/// What marks a record that was left behind by a process that died. It ends the line.
pub(super) const RECOVERED: &[u8; 17] = b",\"recovered\":true";

const MESSAGE_KEY: &[u8; 12] = b",\"message\":\"";

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
            contexts: Contexts::default(),
            line: Line::default(),
        }
    }
}

impl LineFormat for JsonFormat {
    fn format(&mut self, record: &Record<'_>, callsites: &Callsites, lines: &mut Vec<u8>) {
        self.sequence += 1;
        self.line.clear();
        if self.write_prepared(record, callsites).is_err() {
            self.line.clear();
            self.write_resolved(record, callsites);
        }
        lines.extend_from_slice(self.line.as_bytes());
    }
}

impl JsonFormat {
    /// Writes a record in one pass, with prepared keys. Notices whatever needs a second look.
    fn write_prepared(
        &mut self,
        record: &Record<'_>,
        callsites: &Callsites,
    ) -> Result<(), Ambiguous> {
        self.write_head(record);
        self.seen.begin_record();
        let (seen, line) = (&mut self.seen, &mut self.line);
        let prepared = self.keys.of(record.callsite);
        let fields = write_message(prepared, record, seen, line);
        write_fields(prepared, fields, seen, line)?;
        if !record.is_outside_spans() {
            self.write_spans(record, callsites)?;
        }
        self.write_tail(record);
        Ok(())
    }

    #[inline]
    fn write_spans(&mut self, record: &Record<'_>, callsites: &Callsites) -> Result<(), Ambiguous> {
        // An address of another process may mean something else in a third one.
        let may_keep = callsites.are_own();
        if let Some(text) = self.contexts.find(record, &self.seen)
            && may_keep
        {
            self.line.push_slice(text);
            return Ok(());
        }
        let start = self.line.len();
        let hidden = self.write_new_spans(record, callsites)?;
        if may_keep && hidden == 0 {
            let keys = self.spans.iter().flat_map(|span| self.keys.numbers(*span));
            let text = self.line.as_bytes().get(start..).unwrap_or_default();
            self.contexts.keep(record, keys, text);
        }
        Ok(())
    }

    /// Says how many fields are hidden behind those of the event or of an inner span.
    fn write_new_spans(
        &mut self,
        record: &Record<'_>,
        callsites: &Callsites,
    ) -> Result<usize, Ambiguous> {
        self.spans.clear();
        let mut hidden = 0;
        for span in record.spans(callsites) {
            self.spans.push(span.callsite.index);
            self.seen.begin_scope();
            let prepared = self.keys.of(span.callsite);
            hidden += write_fields(prepared, span.fields(), &mut self.seen, &mut self.line)?;
        }
        self.write_span_names();
        Ok(hidden)
    }

    #[inline]
    fn write_head(&mut self, record: &Record<'_>) {
        self.line.push_array(b"{\"timestamp\":\"");
        self.line.push_array(self.timestamps.text(record.time_ns));
        if record.callsite.is_log {
            let level = record.callsite.facts.level.as_str();
            let head = keys::head(level, record.origin.target);
            self.line.push_slice(&head);
        } else {
            self.line.push_piece(&self.keys.of(record.callsite).head);
        }
    }

    #[inline]
    fn write_tail(&mut self, record: &Record<'_>) {
        self.write_details(record);
        let line = &mut self.line;
        if record.is_cut {
            line.push_array(b",\"cut\":true");
        }
        if record.is_recovered {
            line.push_array(RECOVERED);
        }
        line.push_array(b"}\n");
    }

    fn write_span_names(&mut self) {
        if self.spans.is_empty() {
            return;
        }
        self.line.push_array(b",\"spans\":[");
        for span in self.spans.iter().rev() {
            match self.keys.span_name(*span) {
                Some(name) => self.line.push_piece(name),
                None => self.line.push_array(b"\"\","),
            }
        }
        // In place of the last comma.
        self.line.take_back(1);
        self.line.push(b']');
    }

    #[inline]
    fn write_details(&mut self, record: &Record<'_>) {
        let (details, line) = (self.details, &mut self.line);
        if details.thread {
            push_thread(record, line);
        }
        if details.location {
            push_location(record, line);
        }
        if details.process {
            line.push_array(b",\"pid\":");
            push_integer(self.process, line);
        }
        if details.sequence {
            line.push_array(b",\"seq\":");
            push_integer(self.sequence, line);
        }
    }

    /// Writes a record with any names, inline ones and repeated ones among them.
    #[cold]
    fn write_resolved(&mut self, record: &Record<'_>, callsites: &Callsites) {
        let mut resolved = Resolved::default();
        resolved.add_scope(record.fields());
        let message = resolved.take_message();
        self.spans.clear();
        for span in record.spans(callsites) {
            self.keys.of(span.callsite);
            self.spans.push(span.callsite.index);
            resolved.add_scope(span.fields());
        }
        self.write_head(record);
        if let Some(message) = message {
            self.line.push_array(MESSAGE_KEY);
            push_behind_key(&message, &mut self.line);
        }
        resolved.write(&mut self.line);
        self.write_span_names();
        self.write_tail(record);
    }
}

/// Writes the message, if there is one, and gives the fields that are left to write, among them the
/// message again if it was not the first.
#[inline]
fn write_message<'a>(
    prepared: &Prepared,
    record: &Record<'a>,
    seen: &mut Seen,
    line: &mut Line,
) -> Fields<'a> {
    let Some(place) = prepared.message else {
        return record.fields();
    };
    let mut fields = record.fields();
    let mut is_first = true;
    while let Some(head) = fields.next_head() {
        let Some(value) = fields.take_value(head) else {
            break;
        };
        if head.place == Some(place) {
            line.push_array(MESSAGE_KEY);
            push_behind_key(&value, line);
            break;
        }
        is_first = false;
    }
    if !is_first {
        return record.fields();
    }
    if let Some(key) = prepared.keys.get(place) {
        seen.mark(key.number);
    }
    fields
}

/// Says how many fields are hidden behind those of inner scopes.
#[inline]
fn write_fields(
    prepared: &Prepared,
    mut fields: Fields<'_>,
    seen: &mut Seen,
    line: &mut Line,
) -> Result<usize, Ambiguous> {
    let mut hidden = 0;
    if prepared.is_ambiguous {
        return Err(Ambiguous);
    }
    while let Some(head) = fields.next_head() {
        let place = head.place.ok_or(Ambiguous)?;
        let Some(key) = prepared.keys.get(place) else {
            break;
        };
        let is_shown = match key.role {
            Role::Origin => false,
            role => match seen.mark(key.number) {
                Sighting::First => role == Role::Field,
                Sighting::InInnerScope => {
                    hidden += 1;
                    false
                }
                Sighting::InSameScope => return Err(Ambiguous),
            },
        };
        if !is_shown {
            fields.take_value(head);
            continue;
        }
        line.push_piece(&key.piece);
        let Some(value) = fields.take_value(head) else {
            line.take_back(key.piece.len());
            break;
        };
        push_behind_key(&value, line);
    }
    Ok(hidden)
}

fn push_thread(record: &Record<'_>, line: &mut Line) {
    line.push_array(b",\"thread\":");
    match &record.thread.name {
        Some(name) => push_string((&**name).into(), line),
        None => push_digits(record.thread.id, line),
    }
}

fn push_location(record: &Record<'_>, line: &mut Line) {
    if let Some(file) = record.origin.file {
        line.push_array(b",\"file\":");
        push_string(file.into(), line);
    }
    if let Some(number) = record.origin.line {
        line.push_array(b",\"line\":");
        push_integer(number, line);
    }
}
