//! The line that is being written, and what is remembered for the next ones.

use super::super::context::Contexts;
use super::super::line::Line;
use super::super::timestamp::{TimeStyle, Timestamps};
use super::keys::Seen;
use crate::capture::record::Record;

/// A line that is being written.
pub(super) struct Draft {
    /// The number of the line.
    pub(super) sequence: u64,
    pub(super) timestamps: Timestamps,
    pub(super) seen: Seen,
    /// The callsites of the record's spans, by index, innermost first.
    pub(super) spans: Vec<usize>,
    pub(super) contexts: Contexts,
    pub(super) line: Line,
    /// What stands outside of the fields, and where in the line.
    pub(super) outside: Line,
    pub(super) outside_at: usize,
}

impl Draft {
    pub(super) fn new(time: TimeStyle) -> Self {
        Draft {
            sequence: 0,
            timestamps: Timestamps::new(time),
            seen: Seen::default(),
            spans: Vec::new(),
            contexts: Contexts::default(),
            line: Line::default(),
            outside: Line::default(),
            outside_at: 0,
        }
    }

    /// Begins the line of a record.
    #[inline]
    pub(super) fn begin(&mut self, record: &Record<'_>) {
        self.line.clear();
        self.outside.clear();
        self.seen.begin_record(record.is_outside_spans());
    }

    /// Appends the line to others.
    #[inline]
    pub(super) fn copy_to(&self, lines: &mut Vec<u8>) {
        let line = self.line.as_bytes();
        if self.outside.len() == 0 {
            lines.extend_from_slice(line);
            return;
        }
        let (before, behind) = line.split_at(self.outside_at.min(line.len()));
        for part in [before, self.outside.as_bytes(), behind] {
            lines.extend_from_slice(part);
        }
    }
}
