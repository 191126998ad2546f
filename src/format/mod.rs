//! Stage 4, format: a record becomes the bytes of a line.
//!
//! - In: a decoded record.
//! - Out: exactly one line, line break included, at the end of a buffer that many records share.
//! - Runs on: the writer thread.
//! - Never: panics; writes a control character, a line break or a bidi control that came from data.
//!
//! A format prepares what it can once per callsite, so that what is left to do for a record is to
//! copy prepared bytes and to write its values.

mod access;
pub(crate) mod colour;
mod escape;
mod json;
mod keys;
mod line;
mod text;
pub(crate) mod timestamp;

#[cfg(test)]
mod tests;

use crate::capture::callsite::Callsites;
use crate::capture::record::Record;
use crate::config::format::Shape;
use crate::config::{Colour, Format};

/// Turns records into lines. Owned by one writer thread.
pub(crate) trait LineFormat: Send {
    /// Appends the line of `record`, its line break included, to `lines`.
    fn format(&mut self, record: &Record<'_>, callsites: &Callsites, lines: &mut Vec<u8>);
}

/// The format that is described so.
pub(crate) fn make(format: &Format) -> Box<dyn LineFormat> {
    let options = format.options();
    let details = Details {
        thread: options.thread,
        location: options.location,
        process: options.process,
        sequence: options.sequence,
    };
    match options.shape {
        Shape::Json => Box::new(json::JsonFormat::new(details)),
        Shape::Text => {
            let is_coloured = options.colour == Colour::Always;
            Box::new(text::TextFormat::new(is_coloured, details))
        }
        Shape::CommonLog => Box::new(access::AccessFormat::new(false)),
        Shape::CombinedLog => Box::new(access::AccessFormat::new(true)),
    }
}

/// Appends a line that was written in this format, with the mark of a recovered record, as the
/// format itself would have put it. One that has it, or is no such line, stays as it is.
pub(crate) fn push_marked(format: &Format, line: &[u8], lines: &mut Vec<u8>) {
    let (mark, end): (&[u8], &[u8]) = match format.options().shape {
        Shape::Json => (json::RECOVERED, b"}\n"),
        Shape::Text => (text::RECOVERED, b"\n"),
        // They have no place for one.
        Shape::CommonLog | Shape::CombinedLog => return lines.extend_from_slice(line),
    };
    match line.strip_suffix(end) {
        Some(content) if !content.ends_with(mark) => {
            lines.extend_from_slice(content);
            lines.extend_from_slice(mark);
            lines.extend_from_slice(end);
        }
        _ => lines.extend_from_slice(line),
    }
}

/// What a line tells beside the record's own content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
