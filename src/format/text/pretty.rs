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

use super::{TextFormat, write_marks, write_span};
use crate::capture::callsite::Callsites;
use crate::capture::record::Record;
use crate::format::colour;
use crate::format::line::Line;

/// What begins each line but the first.
pub(super) const NEXT: &[u8; 5] = b"\n    ";

pub(super) fn write(
    format: &mut TextFormat,
    record: &Record<'_>,
    callsites: &Callsites,
    line: &mut Line,
) {
    format.write_head(record, 0, line);
    format.write_event(record, write_marks, line);
    format.paint(colour::DIM, line);
    format.write_spans(record, callsites, line, |spans, line| {
        for span in spans {
            line.push_array(NEXT);
            line.push_array(b"in ");
            write_span(span, line);
        }
    });
    let details = line.len();
    format.write_details(record, line);
    line.push_slice(&format.constants);
    if details < line.len() {
        // Each of them begins with a space.
        let written = line
            .as_bytes()
            .get(details + 1..)
            .unwrap_or_default()
            .to_vec();
        line.take_back(line.len() - details);
        line.push_array(NEXT);
        line.push_slice(&written);
    }
    format.paint(colour::PLAIN, line);
}
