//! A short line: for a terminal that is narrow, or a reader in a hurry.
//!
//! ```text
//! 01:02:03.123Z  INFO app::module: signed in user=42 name="Ann" path=/x
//! ```
//!
//! Of the date nothing is shown, of the spans their fields, innermost first.

use super::{TextFormat, push_field, write_fields, write_marks, write_messages};
use crate::capture::callsite::Callsites;
use crate::capture::record::Record;
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
    write_messages(record, line);
    write_fields(record, b" ", line);
    format.paint(colour::DIM, line);
    for span in format.spans(record, callsites) {
        for (name, value) in span.fields() {
            line.push(b' ');
            push_field(name, value, line);
        }
    }
    format.write_details(record, line);
    format.paint(colour::PLAIN, line);
    write_marks(record, line);
}
