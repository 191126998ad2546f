//! Formats with a key for each value: JSON in its many shapes, and logfmt.
//!
//! All of them are written by one machine. A [`Layout`](layout::Layout) says what stands where and
//! what is called how, a [`Syntax`](syntax::Syntax) what keys and values look like.
//!
//! No key comes twice:
//! - An event's field replaces those of its spans with the same name, an inner span's those of
//!   outer spans. Within an event or a span the last value counts.
//! - The format's own keys belong to it. A field with such a name is kept under one with a prefix,
//!   which is repeated until no other field has that name. Only an event's own message is the
//!   message.
//!
//! A record is written in one pass, with prepared keys; whatever is unusual about its names shows on
//! the way, and then it is written anew by [`resolved`].

mod context;
mod fields;
mod ids;
mod keys;
pub(super) mod layout;
pub(super) mod names;
mod resolved;
mod spans;
pub(super) mod syntax;

use self::context::Contexts;
use self::fields::{write_fields, write_message};
use self::keys::{Keys, Seen};
use self::layout::{Layout, Step};
use self::resolved::Resolved;
use self::spans::SpanShape;
use self::syntax::Syntax;
use super::line::{Line, Piece};
use super::timestamp::Timestamps;
use super::{LineFormat, push_with_mark};
use crate::capture::callsite::Callsites;
use crate::capture::record::{Fields, Record, Value};

/// Writes each record as a list of keys and values.
pub(super) struct KeyedFormat<S> {
    syntax: S,
    steps: Vec<Step>,
    /// What is left to make where a callsite stands for many targets.
    keys: Keys<S>,
    span_shape: SpanShape,
    cut: Piece,
    recovered: Piece,
    end: Piece,
    /// The number of the latest line.
    sequence: u64,
    timestamps: Timestamps,
    seen: Seen,
    /// The callsites of the spans of the current record, by index, innermost first.
    spans: Vec<usize>,
    contexts: Contexts,
    line: Line,
    /// What stands outside of the fields, and where in the line.
    outside: Line,
    outside_at: usize,
}

/// Says that keys may collide in a way that only [`resolved`] gets right.
struct Ambiguous;

impl<S: Syntax> KeyedFormat<S> {
    pub(super) fn new(syntax: S, layout: Layout) -> Self {
        let (steps, makes) = layout::steps(layout.parts, S::BEGIN);
        KeyedFormat {
            syntax,
            steps,
            keys: Keys::new(syntax, layout.names, makes),
            span_shape: SpanShape::new(layout.spans, &layout.span_names, layout.span_keys),
            cut: Piece::new(&layout.marks.cut),
            recovered: Piece::new(&layout.marks.recovered),
            end: Piece::new(&layout.marks.end),
            sequence: 0,
            timestamps: Timestamps::new(layout.time),
            seen: Seen::default(),
            spans: Vec::new(),
            contexts: Contexts::default(),
            line: Line::default(),
            outside: Line::default(),
            outside_at: 0,
        }
    }
}

impl<S: Syntax> LineFormat for KeyedFormat<S> {
    fn format(&mut self, record: &Record<'_>, callsites: &Callsites, lines: &mut Vec<u8>) {
        self.sequence += 1;
        self.begin();
        if self.write_prepared(record, callsites).is_err() {
            self.begin();
            self.write_resolved(record, callsites);
        }
        self.write_marks(record);
        let line = self.line.as_bytes();
        if self.outside.as_bytes().is_empty() {
            lines.extend_from_slice(line);
        } else {
            let (before, behind) = line.split_at(self.outside_at.min(line.len()));
            for part in [before, self.outside.as_bytes(), behind] {
                lines.extend_from_slice(part);
            }
        }
    }

    fn push_marked(&self, line: &[u8], lines: &mut Vec<u8>) {
        push_with_mark(line, &self.recovered.to_vec(), &self.end.to_vec(), lines);
    }
}

impl<S: Syntax> KeyedFormat<S> {
    fn begin(&mut self) {
        self.line.clear();
        self.outside.clear();
        self.seen.begin_record();
    }

    /// Writes a record in one pass, with prepared keys. Notices whatever needs a second look.
    fn write_prepared(
        &mut self,
        record: &Record<'_>,
        callsites: &Callsites,
    ) -> Result<(), Ambiguous> {
        let mut fields = record.fields();
        for number in 0..self.steps.len() {
            let Some(step) = self.steps.get(number) else {
                break;
            };
            match step {
                Step::Message { key, missing } => {
                    let prepared = self.keys.of(record.callsite);
                    let (seen, line) = (&mut self.seen, &mut self.line);
                    fields =
                        write_message(self.syntax, prepared, record, (key, missing), seen, line);
                }
                Step::Fields => self.write_event(record, fields.clone())?,
                Step::Spans if !record.is_outside_spans() => {
                    self.write_spans(record, callsites)?;
                }
                Step::Spans => {}
                _ => self.write_step(number, record),
            }
        }
        Ok(())
    }

    #[inline]
    fn write_event(&mut self, record: &Record<'_>, fields: Fields<'_>) -> Result<(), Ambiguous> {
        let ids = self.keys.names.ids;
        let prepared = self.keys.of(record.callsite);
        let (seen, line, outside) = (&mut self.seen, &mut self.line, &mut self.outside);
        write_fields(self.syntax, prepared, fields, seen, (line, outside, ids))?;
        Ok(())
    }

    /// Writes a part that has nothing to do with fields.
    #[inline]
    fn write_step(&mut self, number: usize, record: &Record<'_>) {
        let line = &mut self.line;
        match self.steps.get(number) {
            Some(Step::Text(text)) => line.push_piece(text),
            Some(Step::Made(made)) => write_made(&mut self.keys, *made, record, line),
            Some(Step::Time) => self.timestamps.push(record.time_ns, line),
            Some(Step::Thread(key)) => {
                line.push_piece(key);
                push_thread(self.syntax, record, line);
            }
            Some(Step::Sequence(key)) => {
                line.push_piece(key);
                self.syntax.push_value(&Value::U64(self.sequence), line);
            }
            Some(Step::Ids) => self.outside_at = line.len(),
            Some(Step::Request(push)) if self.keys.of(record.callsite).is_request => {
                push(record, line);
            }
            _ => {}
        }
    }

    #[inline]
    fn write_marks(&mut self, record: &Record<'_>) {
        if record.is_cut {
            self.line.push_piece(&self.cut);
        }
        if record.is_recovered {
            self.line.push_piece(&self.recovered);
        }
        self.line.push_piece(&self.end);
    }

    /// Writes a record with any names, inline ones and repeated ones among them.
    #[cold]
    fn write_resolved(&mut self, record: &Record<'_>, callsites: &Callsites) {
        for number in 0..self.steps.len() {
            match self.steps.get(number) {
                Some(Step::Message { key, missing }) => {
                    let message = Resolved::of_event(record.fields(), &self.keys.names).1;
                    write_found_message(self.syntax, message, (key, missing), &mut self.line);
                }
                Some(Step::Fields) => self.write_resolved_fields(record, callsites),
                Some(Step::Spans) => self.write_span_objects(record, callsites),
                _ => self.write_step(number, record),
            }
        }
    }

    /// Writes the event's fields, and those of the spans that stand beside them.
    fn write_resolved_fields(&mut self, record: &Record<'_>, callsites: &Callsites) {
        self.spans.clear();
        for span in record.spans(callsites) {
            self.keys.of(span.callsite);
            self.spans.push(span.callsite.index);
        }
        let (mut resolved, _) = Resolved::of_event(record.fields(), &self.keys.names);
        for span in record.spans(callsites) {
            if self.span_shape.is_flat(span.callsite) {
                resolved.add_scope(span.fields());
            }
        }
        resolved.write(self.syntax, &mut self.line, &mut self.outside);
    }
}

/// Writes what was made for the callsite.
#[inline]
fn write_made<S: Syntax>(keys: &mut Keys<S>, number: usize, record: &Record<'_>, line: &mut Line) {
    if record.callsite.is_log {
        // One callsite stands for all targets.
        let level = record.callsite.facts.level;
        line.push_slice(&keys.makes.make(number, level, &record.origin));
    } else if let Some(made) = keys.of(record.callsite).made.get(number) {
        line.push_piece(made);
    }
}

fn write_found_message<S: Syntax>(
    syntax: S,
    message: Option<Value<'_>>,
    (key, missing): (&Piece, &Piece),
    line: &mut Line,
) {
    match message {
        Some(message) => {
            line.push_piece(key);
            syntax.push_message(&message, line);
        }
        None => line.push_piece(missing),
    }
}

fn push_thread<S: Syntax>(syntax: S, record: &Record<'_>, line: &mut Line) {
    let mut digits = itoa::Buffer::new();
    let thread = match &record.thread.name {
        Some(name) => &**name,
        None => digits.format(record.thread.id),
    };
    syntax.push_value(&Value::Str(thread.into()), line);
}
