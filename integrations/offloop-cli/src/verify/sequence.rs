//! Sequence numbers: each process counts the lines of its sink from 1.

use serde::Serialize;

/// The number of a process's first line.
const FIRST: u64 = 1;

/// The numbers that one process gave, as far as they were met.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Sequence {
    pub(super) pid: u64,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) records: u64,
    pub(super) missing: u64,
    pub(super) repeated: u64,
}

/// How a number follows those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Next,
    /// So many numbers before this one are not there.
    Gap {
        missing: u64,
    },
    /// It was there before, or is out of order.
    Repeated,
}

/// All sequences of a log, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Sequences(Vec<Sequence>);

impl Sequences {
    pub(super) fn as_slice(&self) -> &[Sequence] {
        &self.0
    }

    /// Whether this number or a later one of the process was met.
    pub(super) fn have_passed(&self, pid: u64, number: u64) -> bool {
        let known = self.0.iter().rfind(|sequence| sequence.pid == pid);
        known.is_some_and(|sequence| number <= sequence.last)
    }

    pub(super) fn add(&mut self, pid: u64, number: u64) -> Step {
        // The latest of a process counts: numbers of processes are used again.
        let known = self.0.iter_mut().rfind(|sequence| sequence.pid == pid);
        match known {
            Some(sequence) if !sequence.ends_before(number) => sequence.add(number),
            _ => {
                self.0.push(Sequence::new(pid, number));
                Step::Next
            }
        }
    }
}

impl Sequence {
    fn new(pid: u64, number: u64) -> Sequence {
        Sequence {
            pid,
            first: number,
            last: number,
            records: 1,
            missing: 0,
            repeated: 0,
        }
    }

    /// Whether another process with the same number begins here. A second 1 right behind the first
    /// is a repetition.
    fn ends_before(&self, number: u64) -> bool {
        number == FIRST && self.last != FIRST
    }

    fn add(&mut self, number: u64) -> Step {
        self.records += 1;
        if number <= self.last {
            self.repeated += 1;
            return Step::Repeated;
        }
        let missing = number - self.last - 1;
        self.last = number;
        self.missing += missing;
        match missing {
            0 => Step::Next,
            missing => Step::Gap { missing },
        }
    }

    /// Whether it begins with a later number than the first: what came before is in other files,
    /// or gone with them.
    pub(super) fn begins_late(&self) -> bool {
        self.first != FIRST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_repetitions_are_seen_for_each_process() {
        let mut sequences = Sequences::default();
        let numbers = [(7, 1), (9, 40), (7, 2), (7, 5), (9, 41), (7, 5), (7, 6)];
        let steps = numbers.map(|(pid, number)| sequences.add(pid, number));
        let gap = Step::Gap { missing: 2 };
        let (next, repeated) = (Step::Next, Step::Repeated);
        assert_eq!(steps, [next, next, next, gap, next, repeated, next]);
        let [first, second] = sequences.as_slice() else {
            panic!("{sequences:?}");
        };
        assert_eq!((first.missing, first.repeated, first.last), (2, 1, 6));
        assert!(!first.begins_late() && second.begins_late());
    }

    #[test]
    fn a_process_number_that_comes_again_begins_a_sequence() {
        let mut sequences = Sequences::default();
        for number in [1, 2, 3, 1, 2] {
            assert_eq!(sequences.add(7, number), Step::Next);
        }
        assert_eq!(sequences.as_slice().len(), 2);
    }
}
