//! Lines for people.
//!
//! ```text
//! 2026-11-22T01:02:03.123456Z  INFO app::module: signed in user=42 name="Ann" in request{path=/x}:query
//! ```
//!
//! Everything is shown as it was recorded, a repeated name too. Strings stand in quotes; what a
//! `Display` or `Debug` implementation wrote stands as it is, and so does JSON. In all of them,
//! characters that would break the line or steer the terminal are escaped. Errors read
//! `"outer: cause: root"`. ` [cut]` says that part of the record did not fit, ` [recovered]` that it
//! was left behind by a process that died.

mod compact;
mod full;
mod prepared;
mod pretty;
mod value;

use super::context::Contexts;
use super::line::Line;
use super::object::{Time, value_of};
use super::timestamp::Timestamps;
use super::{LineFormat, colour, escape, push_with_mark};
use crate::capture::callsite::Callsites;
use crate::capture::record::{Fields, Record, SpanView};
use crate::config::format::Options;
use crate::config::{Colour, Precision, SpanStyle};
use crate::request;

use self::prepared::{Name, Names, Prepared};
use self::value::{push_field, push_integer, push_message, push_value};

/// What marks a record that was left behind by a process that died.
const RECOVERED: &[u8; 12] = b" [recovered]";

/// What a line begins with that goes on with the record of the line before.
const INDENT: &[u8; 4] = b"    ";

/// Writes records for people.
pub(super) struct TextFormat {
    write: Write,
    is_coloured: bool,
    options: Options,
    /// Taken once: the format of a process writes for that process.
    process: u32,
    /// What is the same in every line.
    constants: Vec<u8>,
    names: Names,
    contexts: Contexts,
    /// The number of the latest record.
    sequence: u64,
    timestamps: Timestamps,
    line: Line,
}

/// Appends a record, without its last line break.
type Write = fn(&mut TextFormat, &Record<'_>, &Callsites, &mut Line);

/// Several details, then the spans.
pub(super) fn full(options: &Options) -> Box<dyn LineFormat> {
    Box::new(TextFormat::new(
        options,
        full::write,
        b" ",
        Precision::Microseconds,
    ))
}

pub(super) fn compact(options: &Options) -> Box<dyn LineFormat> {
    Box::new(TextFormat::new(
        options,
        compact::write,
        b" ",
        Precision::Milliseconds,
    ))
}

pub(super) fn pretty(options: &Options) -> Box<dyn LineFormat> {
    Box::new(TextFormat::new(
        options,
        pretty::write,
        pretty::NEXT,
        Precision::Microseconds,
    ))
}

impl TextFormat {
    /// `separator` stands before each field.
    fn new(
        options: &Options,
        write: Write,
        separator: &'static [u8],
        precision: Precision,
    ) -> Self {
        let mut constants = Line::default();
        for (name, value) in &options.fields {
            constants.push(b' ');
            push_field(name, value_of(value), &mut constants);
        }
        TextFormat {
            write,
            is_coloured: options.colour == Colour::Always,
            options: options.clone(),
            process: std::process::id(),
            constants: constants.as_bytes().to_vec(),
            names: Names::new(separator, options.colour == Colour::Always),
            contexts: Contexts::default(),
            sequence: 0,
            timestamps: Timestamps::new(Time::Text(precision).style(options)),
            line: Line::default(),
        }
    }
}

impl LineFormat for TextFormat {
    fn format(&mut self, record: &Record<'_>, callsites: &Callsites, lines: &mut Vec<u8>) {
        self.sequence += 1;
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        (self.write)(self, record, callsites, &mut line);
        line.push(b'\n');
        lines.extend_from_slice(line.as_bytes());
        self.line = line;
    }

    fn lines(&self) -> u64 {
        self.sequence
    }

    fn go_on_after(&mut self, lines: u64) {
        self.sequence = lines;
    }

    fn push_marked(&self, line: &[u8], lines: &mut Vec<u8>) {
        if line.starts_with(INDENT) {
            // It belongs to a record whose first line has the mark.
            return lines.extend_from_slice(line);
        }
        push_with_mark(line, RECOVERED, b"\n", lines);
    }
}

impl TextFormat {
    /// Time, from some place on, level and target.
    #[inline]
    fn write_head(&mut self, record: &Record<'_>, from: usize, line: &mut Line) {
        self.paint(colour::DIM, line);
        line.push_slice(self.timestamps.text(record.time_ns, from));
        self.paint(colour::PLAIN, line);
        if record.callsite.is_log {
            // One callsite stands for all targets.
            let target = record.origin.target;
            prepared::write_head(record.callsite, target, self.is_coloured, line);
        } else {
            line.push_piece(&self.names.of(record.callsite).head);
        }
    }

    /// The messages, something behind them, and the fields.
    #[inline]
    fn write_event(
        &mut self,
        record: &Record<'_>,
        behind: fn(&Record<'_>, &mut Line),
        line: &mut Line,
    ) {
        let start = line.len();
        let prepared = self.names.of(record.callsite);
        if write_prepared(prepared, record, behind, line).is_none() {
            line.take_back(line.len() - start);
            write_messages(record, line);
            behind(record, line);
            write_fields(record, self.names.separator, line);
        }
    }

    /// What `write` makes of the spans to show, innermost first.
    #[inline]
    fn write_spans(
        &mut self,
        record: &Record<'_>,
        callsites: &Callsites,
        line: &mut Line,
        write: impl FnOnce(&[SpanView<'_>], &mut Line),
    ) {
        if record.is_outside_spans() {
            return;
        }
        // An address of another process may mean something else in a third one.
        let may_keep = callsites.are_own();
        if let Some((text, _)) = self.contexts.find(record, |_| true)
            && may_keep
        {
            return line.push_slice(text);
        }
        let start = line.len();
        write(&self.spans(record, callsites), line);
        if may_keep {
            let text = line.as_bytes().get(start..).unwrap_or_default();
            self.contexts.keep(record, std::iter::empty(), text, b"");
        }
    }

    fn write_details(&self, record: &Record<'_>, line: &mut Line) {
        if self.options.location {
            write_location(record, line);
        }
        if self.options.thread {
            line.push_array(b" on ");
            match &record.thread.name {
                Some(name) => escape::push_bare((&**name).into(), line),
                None => push_integer(record.thread.id, line),
            }
        }
        if self.options.process {
            line.push_array(b" pid=");
            push_integer(self.process, line);
        }
        if self.options.sequence {
            line.push_array(b" seq=");
            push_integer(self.sequence, line);
        }
    }

    /// The spans to show, innermost first. Without spans, that which carries the request's ids.
    fn spans<'a>(&self, record: &Record<'a>, callsites: &'a Callsites) -> Vec<SpanView<'a>> {
        let is_none = self.options.spans == SpanStyle::None;
        let is_shown = |span: &SpanView<'_>| !is_none || request::is_mark(&span.callsite.facts);
        record.spans(callsites).filter(is_shown).collect()
    }

    #[inline]
    fn paint(&self, code: &str, line: &mut Line) {
        TextFormat::paint_if(self.is_coloured, code, line);
    }

    #[inline]
    fn paint_if(is_coloured: bool, code: &str, line: &mut Line) {
        if is_coloured {
            line.push_slice(code.as_bytes());
        }
    }
}

/// Writes the event in one pass, with prepared names. `None` where names or their order are none of
/// the usual ones.
#[inline]
fn write_prepared(
    prepared: &Prepared,
    record: &Record<'_>,
    behind: fn(&Record<'_>, &mut Line),
    line: &mut Line,
) -> Option<()> {
    let mut fields = record.placed_fields();
    let mut is_first = true;
    while let Some(head) = fields.next_head() {
        let name = prepared.names.get(head.place?)?;
        let Some(value) = fields.take_value(head) else {
            break;
        };
        match name {
            Name::Message if is_first => {
                line.push(b' ');
                push_message(value, line);
                behind(record, line);
            }
            Name::Message => return None,
            Name::Origin => continue,
            Name::Field(name) => {
                if is_first {
                    behind(record, line);
                }
                line.push_piece(name);
                push_value(value, line);
            }
        }
        is_first = false;
    }
    if is_first {
        behind(record, line);
    }
    Some(())
}

fn write_messages(record: &Record<'_>, line: &mut Line) {
    for (_, message) in record.fields().filter(|(name, _)| *name == "message") {
        line.push(b' ');
        push_message(message, line);
    }
}

/// Appends each field of the event behind the same bytes.
fn write_fields(record: &Record<'_>, before: &[u8], line: &mut Line) {
    for (name, value) in record.fields().filter(|(name, _)| *name != "message") {
        line.push_slice(before);
        push_field(name, value, line);
    }
}

fn write_span(span: &SpanView<'_>, line: &mut Line) {
    escape::push_bare((&*span.callsite.facts.name).into(), line);
    write_span_fields(span.fields(), line);
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

/// Where nothing stands between the messages and the fields.
fn nothing(_: &Record<'_>, _: &mut Line) {}

fn write_marks(record: &Record<'_>, line: &mut Line) {
    if record.is_cut {
        line.push_array(b" [cut]");
    }
    if record.is_recovered {
        line.push_array(RECOVERED);
    }
}
