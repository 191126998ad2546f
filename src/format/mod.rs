//! Stage 4, format: a record becomes the bytes of a line.
//!
//! - In: a decoded record.
//! - Out: exactly one line, line break included, at the end of a buffer that many records share.
//! - Runs on: the writer thread.
//! - Never: panics; writes a control character, a line break or a bidi control that came from data.
//!
//! A format prepares what it can once per callsite, so that what is left to do for a record is to
//! copy prepared bytes and to write its values.

pub(crate) mod colour;
mod escape;
pub(crate) mod json;
mod keys;
mod line;
pub(crate) mod text;
pub(crate) mod timestamp;

#[cfg(test)]
mod tests;

use crate::capture::callsite::Callsites;
use crate::capture::record::Record;

/// Turns records into lines. Owned by one writer thread.
pub(crate) trait Format: Send {
    /// Appends the line of `record`, its line break included, to `lines`.
    fn format(&mut self, record: &Record<'_>, callsites: &Callsites, lines: &mut Vec<u8>);
}

/// What a line tells beside the record's own content.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Details {
    /// The name of the thread that logged, or its number where it has none.
    pub(crate) thread: bool,
    /// File and line of the macro.
    pub(crate) location: bool,
    /// The process that wrote the line.
    pub(crate) process: bool,
    /// The number of the line. A format is made anew whenever a pipeline starts, in a forked child
    /// too, and numbers its lines from 1.
    pub(crate) sequence: bool,
}
