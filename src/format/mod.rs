//! Stage 4, format: a record becomes the bytes of a line.

use crate::capture::callsite::Callsites;
use crate::capture::record::Record;

/// Turns records into lines. Owned by one writer thread.
pub(crate) trait Format: Send {
    /// Appends the line of `record`, its line break included, to `lines`.
    fn format(&mut self, record: &Record<'_>, callsites: &mut Callsites, lines: &mut Vec<u8>);
}
