//! A batch: whole lines on their way to a sink, and which record each of them is.

use std::collections::VecDeque;

/// A batch is written once it has this many bytes: one write for hundreds of records, small
/// enough to stay in the processor's cache.
pub(crate) const BATCH_BYTES: usize = 64 * 1024;

/// Beyond this a batch's memory is given back after use: it held an unusually long line.
const BATCH_BYTES_KEPT: usize = 4 * BATCH_BYTES;

/// Formatted lines that the sink has not accepted yet.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    lines: Vec<u8>,
    /// The lines that are not accepted to their end.
    pending: VecDeque<Line>,
    accepted: usize,
    /// The ticks of the oldest record among the lines.
    oldest_ticks: Option<u64>,
    /// The highest level of a record among the lines.
    level_max: Option<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    end: usize,
    /// `None` for a line of the pipeline's own, which is not counted.
    level: Option<u8>,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.accepted == self.lines.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        BATCH_BYTES <= self.lines.len()
    }

    /// How many bytes the sink has accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted
    }

    /// All lines, accepted or not.
    pub(crate) fn lines(&self) -> &[u8] {
        &self.lines
    }

    pub(crate) fn level_max(&self) -> Option<u8> {
        self.level_max
    }

    /// What the sink has not accepted.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.lines[self.accepted..]
    }

    /// Appends the line that `format` writes.
    pub(crate) fn push(
        &mut self,
        level: Option<u8>,
        ticks: u64,
        format: impl FnOnce(&mut Vec<u8>),
    ) {
        format(&mut self.lines);
        self.pending.push_back(Line {
            end: self.lines.len(),
            level,
        });
        self.level_max = self.level_max.max(level);
        self.oldest_ticks = Some(self.oldest_ticks.map_or(ticks, |oldest| oldest.min(ticks)));
    }

    /// Notes that the sink accepted `bytes` more. Passes the level of every record that it has
    /// whole by now to `written`.
    pub(crate) fn accept(&mut self, bytes: usize, mut written: impl FnMut(u8)) {
        self.accepted = self.lines.len().min(self.accepted + bytes);
        while let Some(line) = self.pending.front().copied() {
            if self.accepted < line.end {
                break;
            }
            self.pending.pop_front();
            line.level.into_iter().for_each(&mut written);
        }
    }

    /// Gives up on what the sink has not accepted. Passes the level of every record to `lost`.
    pub(crate) fn abandon(&mut self, lost: impl FnMut(u8)) {
        self.pending
            .drain(..)
            .filter_map(|line| line.level)
            .for_each(lost);
        self.accepted = self.lines.len();
    }

    /// Begins anew, after everything was accepted. Returns the ticks of the oldest record.
    pub(crate) fn clear(&mut self) -> Option<u64> {
        self.lines.clear();
        self.lines.shrink_to(BATCH_BYTES_KEPT);
        self.accepted = 0;
        self.level_max = None;
        self.oldest_ticks.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(lines: &[(&str, Option<u8>)]) -> Batch {
        let mut batch = Batch::default();
        for (line, level) in lines {
            batch.push(*level, 1, |bytes| bytes.extend_from_slice(line.as_bytes()));
        }
        batch
    }

    #[test]
    fn a_record_counts_as_written_once_its_last_byte_is_accepted() {
        let mut batch = batch(&[("one\n", Some(1)), ("two\n", Some(2)), ("notice\n", None)]);
        let mut written = Vec::new();
        batch.accept(3, |level| written.push(level));
        assert!(written.is_empty());
        batch.accept(1, |level| written.push(level));
        assert_eq!(written, [1]);
        assert_eq!(batch.rest(), b"two\nnotice\n");
        batch.accept(11, |level| written.push(level));
        assert_eq!(written, [1, 2]);
        assert!(batch.is_empty());
    }

    #[test]
    fn what_is_abandoned_is_lost_except_for_lines_that_were_accepted_whole() {
        let mut batch = batch(&[("one\n", Some(1)), ("two\n", Some(2)), ("notice\n", None)]);
        let mut lost = Vec::new();
        batch.accept(5, |_| {});
        batch.abandon(|level| lost.push(level));
        assert_eq!(lost, [2]);
        assert!(batch.is_empty());
    }
}
