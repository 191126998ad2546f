//! What is on its way into the sink is noted where a crash does not reach it.
//!
//! A batch that was handed to the system is in the file, whether or not the process lives to see it.
//! So before it is offered, it is put down together with what it brings the sink to in each page.
//! Whoever comes after a crash finds out how much of it the file holds, writes the rest, and
//! goes on from these positions: nothing is written twice, and nothing is left out.

use super::merge::Merge;
use crate::channel::arena::Journal;
use crate::sink::PlaceInFile;

/// The journal of a sink that may have one, and what it holds of the batch at hand.
#[derive(Debug, Default)]
pub(super) struct BatchJournal {
    journal: Option<Journal>,
    staged: Staged,
}

/// What is put down of the batch at hand.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Staged {
    #[default]
    No,
    /// All that was not accepted when it was put down: this much had been.
    From(usize),
    /// Nothing, for want of room. A kill while it is written may double or tear it.
    Unable,
}

impl BatchJournal {
    pub(super) fn new(journal: Option<Journal>) -> Self {
        BatchJournal {
            journal,
            staged: Staged::No,
        }
    }

    /// Whether the batch at hand has yet to be put down.
    pub(super) fn is_due(&self) -> bool {
        self.journal.is_some() && self.staged == Staged::No
    }

    /// Puts down the batch at hand: the `rest` of it behind what is `accepted`, made of what was
    /// read of the pages.
    pub(super) fn stage(&mut self, rest: &[u8], accepted: usize, merge: &Merge) {
        let Some(journal) = &mut self.journal else {
            return;
        };
        self.staged = if journal.stage(rest, merge.positions()) {
            Staged::From(accepted)
        } else {
            Staged::Unable
        };
    }

    /// Notes where what follows the `accepted` bytes of the batch is about to be written.
    pub(super) fn note(&mut self, place: PlaceInFile, accepted: usize) {
        if let (Some(journal), Staged::From(start)) = (&mut self.journal, self.staged) {
            journal.note(place, accepted.saturating_sub(start) as u64);
        }
    }

    /// Ends the batch at hand: all of it is written, or counted as lost.
    pub(super) fn settle(&mut self, merge: &mut Merge) {
        // In this order: as long as the batch is put down, the positions may be noted once more.
        merge.settle();
        if let (Some(journal), Staged::From(_)) = (&mut self.journal, self.staged) {
            journal.clear();
        }
        self.staged = Staged::No;
    }
}
