//! Lines that were formatted by a process that died, with the mark of what is recovered.

use crate::config::Format;
use crate::format;
use crate::sink::lines::records;

/// Lines with the mark, and which bytes of the lines without it they stand for.
///
/// The same lines are always marked in the same way: who is killed while he writes them leaves
/// a torn line that the next one knows.
#[derive(Debug, Default)]
pub(super) struct MarkedLines {
    bytes: Vec<u8>,
    /// Where each line ends: here, and among the lines without the mark.
    ends: Vec<(usize, usize)>,
}

impl MarkedLines {
    /// Marks lines that were written in this format.
    pub(super) fn new(format: &Format, lines: &[u8]) -> Self {
        let mut marked = MarkedLines::default();
        let format = format::make(format);
        let mut end = 0;
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            format.push_marked(line, &mut marked.bytes);
            end += line.len();
            marked.ends.push((marked.bytes.len(), end));
        }
        marked
    }

    /// Takes lines that have the mark.
    pub(super) fn marked_already(lines: &[u8]) -> Self {
        let mut end = 0;
        let ends = lines.split_inclusive(|byte| *byte == b'\n').map(|line| {
            end += line.len();
            (end, end)
        });
        MarkedLines {
            ends: ends.collect(),
            bytes: lines.to_vec(),
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &[u8]> {
        records(&self.bytes)
    }

    /// For how many bytes of the lines without the mark the first `len` bytes stand, in whole
    /// lines.
    pub(super) fn unmarked_len(&self, len: usize) -> usize {
        let whole = self.ends.partition_point(|(end, _)| *end <= len);
        let last = whole.checked_sub(1).and_then(|last| self.ends.get(last));
        last.map_or(0, |(_, unmarked_end)| *unmarked_end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_marked_lines_stand_for_whole_lines() {
        let marked = MarkedLines::new(&Format::text(), b"one\ntwo\n");
        assert_eq!(marked.as_bytes(), b"one [recovered]\ntwo [recovered]\n");
        assert_eq!(marked.records().count(), 2);
        for (len, expected) in [(0, 0), (15, 0), (16, 4), (31, 4), (32, 8), (99, 8)] {
            assert_eq!(marked.unmarked_len(len), expected, "{len}");
        }
    }
}
