//! Where lines may be cut: behind a record.
//!
//! A record is a line and those that go on with it, which begin with the indent: a format for people
//! writes several lines a record, and a program that hands over lines of its own has stack traces in
//! them. Cut elsewhere, the next file would begin with the rest of a record, or that of another process
//! would come between its halves.
//!
//! What ends with a line break counts as whole, since nothing tells whether more was to follow. So of
//! a record of several lines that a kill tore at a line break, the first half may stay.

/// What a line begins with that goes on with the record of the line before.
const INDENT: &[u8] = b"    ";

/// How many of the first `len_max` bytes are whole records.
pub(crate) fn whole_len(lines: &[u8], len_max: usize) -> usize {
    let ends = 1..=lines.len().min(len_max);
    ends.rev().find(|&end| is_end(lines, end)).unwrap_or(0)
}

/// How many of the first `len_max` bytes belong to the first record.
pub(crate) fn first_len(lines: &[u8], len_max: usize) -> usize {
    let len = lines.len().min(len_max);
    (1..=len).find(|&end| is_end(lines, end)).unwrap_or(len)
}

/// One record after the other.
pub(crate) fn records(mut lines: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (first, rest) = lines.split_at(first_len(lines, lines.len()));
        lines = rest;
        (!first.is_empty()).then_some(first)
    })
}

/// Whether a record ends with the byte before `end`.
fn is_end(lines: &[u8], end: usize) -> bool {
    lines[end - 1] == b'\n' && !lines[end..].starts_with(INDENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_ends_with_its_last_line() {
        let cases: [(&[u8], &[usize]); 8] = [
            (b"", &[]),
            (b"a\n", &[2]),
            (b"a\nb\n", &[2, 4]),
            (b"\n\n", &[1, 2]),
            (b"a\n    b\n    c\nd\n", &[14, 16]),
            (b"    a\nb\n", &[6, 8]),
            // Less than the indent is none: a level may be aligned so.
            (b" INFO a\n INFO b\n", &[8, 16]),
            (b"a\n    b\nc", &[8]),
        ];
        for (lines, ends) in cases {
            for len_max in 0..lines.len() + 2 {
                let whole = ends.iter().rev().find(|&&end| end <= len_max);
                assert_eq!(whole_len(lines, len_max), whole.copied().unwrap_or(0));
                let first = ends.first().copied().unwrap_or(lines.len());
                assert_eq!(first_len(lines, len_max), first.min(len_max));
            }
            assert_eq!(records(lines).collect::<Vec<_>>().concat(), lines);
            let rest = usize::from(ends.last().is_some_and(|end| *end != lines.len()));
            assert_eq!(records(lines).count(), ends.len() + rest);
        }
    }
}
