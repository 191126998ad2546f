//! Several lines a record, for a terminal in development.
//!
//! ```text
//! 2026-11-22T01:02:03.123456Z  INFO app::module: signed in
//!     user=42
//!     name="Ann"
//!     in query
//!     in request{path=/x}
//!     at src/app.rs:12 on worker-1
//! ```
//!
//! Only the first line of a record is not indented, and no data can begin a line.

use super::{INDENT, TextFormat, write_fields, write_marks, write_messages, write_span};
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
    let next = [b"\n", &INDENT[..]].concat();
    format.write_head(record, 0, line);
    write_messages(record, line);
    write_marks(record, line);
    write_fields(record, &next, line);
    format.paint(colour::DIM, line);
    for span in format.spans(record, callsites) {
        line.push_slice(&next);
        line.push_array(b"in ");
        write_span(&span, line);
    }
    let mut details = Line::default();
    format.write_details(record, &mut details);
    details.push_slice(&format.constants);
    if let Some(details) = details.as_bytes().get(1..) {
        line.push_slice(&next);
        line.push_slice(details);
    }
    format.paint(colour::PLAIN, line);
}
