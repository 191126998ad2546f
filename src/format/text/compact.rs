//! A short line: for a terminal that is narrow, or a reader in a hurry.
//!
//! ```text
//! 01:02:03.123Z  INFO app::module: signed in user=42 name="Ann" path=/x
//! ```
//!
//! Of the date nothing is shown, of the spans their fields, innermost first.

use super::{TextFormat, nothing, push_field, write_marks};
use crate::capture::callsite::Callsites;
use crate::capture::record::{Record, SpanView};
use crate::format::colour;
use crate::format::line::Line;
use crate::format::timestamp::TIME_OF_DAY;

pub(super) fn write(
    format: &mut TextFormat,
    record: &Record<'_>,
    callsites: &Callsites,
    line: &mut Line,
) {
    format.write_head(record, TIME_OF_DAY, line);
    format.write_event(record, nothing, line);
    format.paint(colour::DIM, line);
    format.write_spans(record, callsites, line, |spans, line| {
        for (name, value) in spans.iter().flat_map(SpanView::fields) {
            line.push(b' ');
            push_field(name, value, line);
        }
    });
    format.write_details(record, line);
    format.paint(colour::PLAIN, line);
    write_marks(record, line);
}
