//! A batch: whole lines on their way to a sink, and which record each of them is.

use std::io;

use crate::channel::overflow::LEVELS;
use crate::sink::{PlaceInFile, Sink};

/// A batch is written once it has this many bytes: one write for hundreds of records, small
/// enough to stay in the processor's cache.
pub(crate) const BATCH_BYTES: usize = 64 * 1024;

/// Beyond this a batch's memory is given back after use: it held an unusually long line.
const BATCH_BYTES_KEPT: usize = 4 * BATCH_BYTES;

/// Formatted lines that the sink has not accepted yet.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    lines: Vec<Line>,
    /// How many bytes the sink has accepted, and how many lines to their end.
    accepted_bytes: usize,
    accepted_lines: usize,
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

/// How many records of each level.
pub(crate) type LevelCounts = [u64; LEVELS];

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.accepted_bytes == self.bytes.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        BATCH_BYTES <= self.bytes.len()
    }

    /// All lines, accepted or not.
    pub(crate) fn lines(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn level_max(&self) -> Option<u8> {
        self.level_max
    }

    /// How many bytes the sink has accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted_bytes
    }

    /// What the sink has not accepted.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.accepted_bytes..]
    }

    /// Offers the sink what it has not accepted, and says how many bytes of that it took. Tells
    /// `note` where what follows so many bytes of the batch lies: before it is written, and behind
    /// what was taken. The file that took it may have ended by this, and be gone when a reader of
    /// the notes looks into it.
    pub(crate) fn offer(
        &self,
        sink: &mut dyn Sink,
        note: &mut dyn FnMut(PlaceInFile, usize),
    ) -> io::Result<usize> {
        let mut noted = None;
        let taken = sink.write_noting(self.rest(), &mut |place| {
            noted = Some(place);
            note(place, self.accepted_bytes);
        })?;
        if let Some(place) = noted {
            note(place.behind(taken), self.accepted_bytes + taken);
        }
        Ok(taken)
    }

    /// Appends the line that `format` writes.
    #[inline]
    pub(crate) fn push(
        &mut self,
        level: Option<u8>,
        ticks: u64,
        format: impl FnOnce(&mut Vec<u8>),
    ) {
        format(&mut self.bytes);
        let end = self.bytes.len();
        self.lines.push(Line { end, level });
        self.level_max = self.level_max.max(level);
        self.oldest_ticks = Some(self.oldest_ticks.map_or(ticks, |oldest| oldest.min(ticks)));
    }

    /// Notes that the sink accepted `bytes` more. Returns how many records it has whole by that.
    pub(crate) fn accept(&mut self, bytes: usize) -> LevelCounts {
        self.accepted_bytes = self.bytes.len().min(self.accepted_bytes + bytes);
        let lines = &self.lines[self.accepted_lines..];
        let whole = lines.partition_point(|line| line.end <= self.accepted_bytes);
        self.accepted_lines += whole;
        count(&lines[..whole])
    }

    /// Gives up on what the sink has not accepted whole: only lines that it has are left. Returns how
    /// many records are lost by that.
    pub(crate) fn abandon(&mut self) -> LevelCounts {
        let lost = count(&self.lines[self.accepted_lines..]);
        self.lines.truncate(self.accepted_lines);
        let end = self.lines.last().map_or(0, |line| line.end);
        self.bytes.truncate(end);
        self.accepted_bytes = end;
        lost
    }

    /// Begins anew, after everything was accepted. Returns the ticks of the oldest record.
    pub(crate) fn clear(&mut self) -> Option<u64> {
        self.bytes.clear();
        self.bytes.shrink_to(BATCH_BYTES_KEPT);
        self.lines.clear();
        self.level_max = None;
        self.accepted_bytes = 0;
        self.accepted_lines = 0;
        self.oldest_ticks.take()
    }
}

fn count(lines: &[Line]) -> LevelCounts {
    let mut counts = LevelCounts::default();
    for level in lines.iter().filter_map(|line| line.level) {
        counts[usize::from(level) % LEVELS] += 1;
    }
    counts
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
        assert_eq!(batch.accept(3), [0, 0, 0, 0, 0]);
        assert_eq!(batch.accept(1), [0, 1, 0, 0, 0]);
        assert_eq!((batch.accepted(), batch.rest()), (4, &b"two\nnotice\n"[..]));
        assert_eq!(batch.accept(11), [0, 0, 1, 0, 0]);
        assert!(batch.is_empty());
    }

    #[test]
    fn a_batch_is_full_once_it_has_its_bytes_and_not_before() {
        let mut batch = batch(&[(&"x".repeat(BATCH_BYTES - 1), None)]);
        assert!(!batch.is_full());
        batch.push(None, 1, |bytes| bytes.push(b'\n'));
        assert!(batch.is_full());
    }

    #[test]
    fn what_is_abandoned_is_lost_except_for_lines_that_were_accepted_whole() {
        let mut batch = batch(&[("one\n", Some(1)), ("two\n", Some(2)), ("notice\n", None)]);
        assert_eq!(batch.accept(5), [0, 1, 0, 0, 0]);
        assert_eq!(batch.abandon(), [0, 0, 1, 0, 0]);
        assert!(batch.is_empty());
        assert_eq!(batch.lines(), b"one\n");
        assert_eq!(batch.abandon(), [0; 5]);
    }
}
