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
//! What a callsite decides is prepared once: the steps of its lines, and the keys of its fields. A
//! record is written in one pass by these; what is not prepared yet, or unusual about its names, shows
//! on the way, and then it is written anew, in the latter case by [`resolved`].

mod draft;
mod fields;
mod ids;
mod keys;
pub(super) mod layout;
pub(super) mod names;
mod resolved;
mod spans;
pub(super) mod syntax;

use self::draft::Draft;
use self::fields::{write_fields, write_message};
use self::keys::Keys;
use self::layout::{Layout, Step, Template};
use self::resolved::Resolved;
use self::spans::SpanShape;
use self::syntax::Syntax;
use super::line::{Line, Piece};
use super::{LineFormat, push_with_mark};
use crate::capture::callsite::Callsites;
use crate::capture::record::{Record, Value};

/// Writes each record as a list of keys and values.
pub(super) struct KeyedFormat<S> {
    plan: Plan<S>,
    draft: Draft,
}

/// What does not change from one record to the next, but that callsites are prepared as they come.
struct Plan<S> {
    syntax: S,
    keys: Keys<S>,
    span_shape: SpanShape,
    cut: Piece,
    recovered: Piece,
    end: Piece,
}

/// Why a record is to be written anew.
#[derive(Clone, Copy, PartialEq)]
enum Again {
    /// A callsite is not prepared.
    Unprepared,
    /// Keys may collide in a way that only [`resolved`] gets right.
    Ambiguous,
}

impl<S: Syntax> KeyedFormat<S> {
    pub(super) fn new(syntax: S, layout: Layout) -> Self {
        let template = Template::new(layout.parts, S::BEGIN);
        let plan = Plan {
            syntax,
            keys: Keys::new(syntax, layout.names, template),
            span_shape: SpanShape::new(layout.spans, &layout.span_names, layout.span_keys),
            cut: Piece::new(&layout.marks.cut),
            recovered: Piece::new(&layout.marks.recovered),
            end: Piece::new(&layout.marks.end),
        };
        let draft = Draft::new(layout.time);
        KeyedFormat { plan, draft }
    }
}

impl<S: Syntax> LineFormat for KeyedFormat<S> {
    fn format(&mut self, record: &Record<'_>, callsites: &Callsites, lines: &mut Vec<u8>) {
        self.draft.sequence += 1;
        if let Err(again) = self.plan.write(record, callsites, &mut self.draft) {
            self.write_again(again, record, callsites);
        }
        self.plan.write_marks(record, &mut self.draft.line);
        self.draft.copy_to(lines);
    }

    fn lines(&self) -> u64 {
        self.draft.sequence
    }

    fn go_on_after(&mut self, lines: u64) {
        self.draft.sequence = lines;
    }

    fn push_marked(&self, line: &[u8], lines: &mut Vec<u8>) {
        let (mark, end) = (self.plan.recovered.to_vec(), self.plan.end.to_vec());
        push_with_mark(line, &mark, &end, lines);
    }

    fn key_of(&self, name: &str) -> Option<String> {
        self.plan.keys.names.key_of(name)
    }
}

impl<S: Syntax> KeyedFormat<S> {
    #[cold]
    #[inline(never)]
    fn write_again(&mut self, again: Again, record: &Record<'_>, callsites: &Callsites) {
        let KeyedFormat { plan, draft } = self;
        plan.keys.prepare(record.callsite);
        for span in record.spans(callsites) {
            plan.keys.prepare(span.callsite);
        }
        let is_written = again == Again::Unprepared && plan.write(record, callsites, draft).is_ok();
        if !is_written {
            plan.write_resolved(record, callsites, draft);
        }
    }
}

impl<S: Syntax> Plan<S> {
    /// Writes a record in one pass, by what is prepared. Notices whatever needs a second look.
    #[inline]
    fn write(
        &self,
        record: &Record<'_>,
        callsites: &Callsites,
        draft: &mut Draft,
    ) -> Result<(), Again> {
        let prepared = self.keys.of(record.callsite).ok_or(Again::Unprepared)?;
        draft.begin(record);
        let mut fields = record.placed_fields();
        for step in &prepared.steps {
            match step {
                Step::Text(text) => draft.line.push_piece(text),
                Step::Time => draft.timestamps.push(record.time_ns, &mut draft.line),
                Step::Message { key, missing } => {
                    let (seen, line) = (&mut draft.seen, &mut draft.line);
                    fields =
                        write_message(self.syntax, prepared, record, (key, missing), seen, line);
                }
                Step::Fields => {
                    write_fields(self, prepared, fields, draft)?;
                }
                Step::Spans if record.is_outside_spans() => {}
                Step::Spans => self.write_spans(record, callsites, draft)?,
                _ => self.write_step(step, record, draft),
            }
        }
        Ok(())
    }

    /// Writes a part that has nothing to do with fields.
    fn write_step(&self, step: &Step, record: &Record<'_>, draft: &mut Draft) {
        let line = &mut draft.line;
        match step {
            Step::Text(text) => line.push_piece(text),
            Step::Made(number) => {
                let level = record.callsite.facts.level;
                let made = self.keys.template.make(*number, level, &record.origin);
                line.push_slice(&made);
            }
            Step::Time => draft.timestamps.push(record.time_ns, line),
            Step::Thread(key) => {
                line.push_piece(key);
                push_thread(self.syntax, record, line);
            }
            Step::Sequence(key) => {
                line.push_piece(key);
                self.syntax.push_value(&Value::U64(draft.sequence), line);
            }
            Step::Ids => draft.outside_at = line.len(),
            Step::Request(push) => push(record, line),
            Step::Message { .. } | Step::Fields | Step::Spans => {}
        }
    }

    #[inline]
    fn write_marks(&self, record: &Record<'_>, line: &mut Line) {
        if record.is_cut {
            line.push_piece(&self.cut);
        }
        if record.is_recovered {
            line.push_piece(&self.recovered);
        }
        line.push_piece(&self.end);
    }

    /// Writes a record with any names, inline ones and repeated ones among them. All its callsites
    /// are prepared.
    fn write_resolved(&self, record: &Record<'_>, callsites: &Callsites, draft: &mut Draft) {
        draft.begin(record);
        let steps = self
            .keys
            .of(record.callsite)
            .map(|prepared| &prepared.steps);
        for step in steps.into_iter().flatten() {
            match step {
                Step::Message { key, missing } => {
                    let message = Resolved::of_event(record.fields(), &self.keys.names).1;
                    write_found_message(self.syntax, message, (key, missing), &mut draft.line);
                }
                Step::Fields => self.write_resolved_fields(record, callsites, draft),
                Step::Spans => self.write_span_objects(record, callsites, draft),
                _ => self.write_step(step, record, draft),
            }
        }
    }

    /// Writes the event's fields, and those of the spans that stand beside them.
    fn write_resolved_fields(&self, record: &Record<'_>, callsites: &Callsites, draft: &mut Draft) {
        draft.spans.clear();
        let spans = record.spans(callsites);
        draft.spans.extend(spans.map(|span| span.callsite.index()));
        let (mut resolved, _) = Resolved::of_event(record.fields(), &self.keys.names);
        for span in record.spans(callsites) {
            if self.span_shape.is_flat(span.callsite) {
                resolved.add_scope(span.fields());
            }
        }
        resolved.write(self.syntax, &mut draft.line, &mut draft.outside);
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
