//! What whoever hands over a record has to know of the channel: one word, which is 0 as long as all is
//! as ever.

use super::sync::Ordering;
use super::{Channel, barrier};

/// The readers have stopped: a caller then sees to its record itself.
const CLOSED: usize = 1;

/// Records go to another channel: this one takes none any more.
const MOVED: usize = 2;

/// A reader sleeps until it is woken: whoever hands over a record does so.
const DOZING: usize = 4;

impl Channel {
    /// Says that readers have stopped. See [`is_closed`](Self::is_closed).
    pub(crate) fn close(&self) {
        self.state.fetch_or(CLOSED, Ordering::Release);
    }

    /// Takes that back: they go on.
    pub(crate) fn reopen(&self) {
        self.state.fetch_and(!CLOSED, Ordering::Release);
    }

    /// Whether the readers have stopped, so that whoever pushes must see to it that his record is
    /// read. Relaxed: a record that slips through is read at the process's end.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.state.load(Ordering::Relaxed) & CLOSED != 0
    }

    /// Says that records go to another channel, which whoever looks for it finds by now. After a
    /// [heavy barrier](barrier::heavy), what this one is given at all is counted.
    pub(crate) fn leave(&self) {
        // Pairs with the Acquire load in `has_moved`.
        self.state.fetch_or(MOVED, Ordering::Release);
    }

    /// Whether records go to another channel, which can be found then.
    pub(crate) fn has_moved(&self) -> bool {
        // Pairs with the Release in `leave`.
        self.state.load(Ordering::Acquire) & MOVED != 0
    }

    /// Whether it is closed or has moved. Relaxed: see there.
    #[inline]
    pub(crate) fn has_ended(&self) -> bool {
        self.state.load(Ordering::Relaxed) & (CLOSED | MOVED) != 0
    }

    /// Lets a reader sleep until the next record, unless there has been one: what was handed over
    /// before this returns and does not wake it is [counted](Self::handed_over) by then.
    pub(crate) fn let_doze(&self) {
        // Pairs with the light barrier of whoever hands over a record.
        self.state.fetch_or(DOZING, Ordering::Relaxed);
        barrier::heavy();
    }

    /// Whether whoever has counted a record, and passed a [light barrier](barrier::light), has to
    /// [look closer](Self::rouse).
    #[inline]
    pub(super) fn is_out_of_the_ordinary(&self) -> bool {
        self.state.load(Ordering::Relaxed) != 0
    }

    /// Wakes readers that doze. Says no if the channel has ended.
    #[cold]
    pub(super) fn rouse(&self) -> bool {
        // Of several callers one pays for the system call.
        let state = self.state.fetch_and(!DOZING, Ordering::Relaxed);
        if state & DOZING != 0 {
            self.wake_readers();
        }
        state & (CLOSED | MOVED) == 0
    }
}
