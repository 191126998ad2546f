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
mod context;
mod escape;
mod keyed;
mod line;
mod logfmt;
mod object;
mod request;
#[cfg(any(test, fuzzing))]
pub(crate) mod shapes;
mod text;
pub(crate) mod timestamp;

#[cfg(test)]
mod tests;

pub(crate) use self::object::Clash;
use crate::capture::callsite::Callsites;
use crate::capture::record::Record;
use crate::config::Format;
use crate::config::format::Shape;

/// Turns records into lines. Owned by one writer thread.
pub(crate) trait LineFormat: Send {
    /// Appends the line of `record`, its line break included, to `lines`.
    fn format(&mut self, record: &Record<'_>, callsites: &Callsites, lines: &mut Vec<u8>);

    /// The number of the latest line. 0 where lines have none.
    fn lines(&self) -> u64 {
        0
    }

    /// Has the next line be the one after so many: a format that another one makes way for has
    /// numbered these.
    fn go_on_after(&mut self, _lines: u64) {}

    /// Appends a line that was written in this format, with the mark of a recovered record, as the
    /// format itself would have put it. One that has it, or is no such line, stays as it is.
    fn push_marked(&self, line: &[u8], lines: &mut Vec<u8>);

    /// The key of a part of a record, or of a field. `None` where it has none.
    fn key_of(&self, _name: &str) -> Option<String> {
        None
    }
}

/// Appends a line with a mark before its end, unless it is there.
fn push_with_mark(line: &[u8], mark: &[u8], end: &[u8], lines: &mut Vec<u8>) {
    match line.strip_suffix(end) {
        Some(content) if !content.ends_with(mark) => {
            lines.extend_from_slice(content);
            lines.extend_from_slice(mark);
            lines.extend_from_slice(end);
        }
        _ => lines.extend_from_slice(line),
    }
}

/// The format that is described so.
pub(crate) fn make(format: &Format) -> Box<dyn LineFormat> {
    let options = format.options();
    match options.shape {
        Shape::Json => object::flat(options),
        Shape::OpenTelemetry => object::open_telemetry(options),
        Shape::Ecs => object::ecs(options),
        Shape::GoogleCloud => object::google_cloud(options),
        Shape::Datadog => object::datadog(options),
        Shape::Bunyan => object::bunyan(options),
        Shape::Pino => object::pino(options),
        Shape::Logfmt => logfmt::logfmt(options),
        Shape::Text => text::full(options),
        Shape::Compact => text::compact(options),
        Shape::Pretty => text::pretty(options),
        Shape::CommonLog => Box::new(access::AccessFormat::new(false)),
        Shape::CombinedLog => Box::new(access::AccessFormat::new(true)),
    }
}
