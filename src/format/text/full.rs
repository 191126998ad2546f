//! Everything in one line.
//!
//! After the message come the event's fields, then the spans from the root to the leaf with their
//! own fields. On request the line ends with ` at src/app.rs:12`, ` on worker-1`, ` pid=4711` and
//! ` seq=1`, and with what is the same in every line.

use super::{TextFormat, write_fields, write_marks, write_messages, write_span};
use crate::capture::callsite::Callsites;
use crate::capture::record::Record;
use crate::format::colour;
use crate::format::line::Line;

pub(super) fn write(
    format: &mut TextFormat,
    record: &Record<'_>,
    callsites: &Callsites,
    line: &mut Line,
) {
    format.write_head(record, 0, line);
    write_messages(record, line);
    write_fields(record, b" ", line);
    format.paint(colour::DIM, line);
    let mut before: &[u8] = b" in ";
    for span in format.spans(record, callsites).iter().rev() {
        line.push_slice(before);
        write_span(span, line);
        before = b":";
    }
    format.write_details(record, line);
    line.push_slice(&format.constants);
    format.paint(colour::PLAIN, line);
    // Last, so that a line can be marked later.
    write_marks(record, line);
}
