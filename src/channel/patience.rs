//! For how long the current thread may wait, whatever the policy: one that holds what others wait for
//! must not, one with a deadline only until then, and a reader must not wait for room that it is to
//! make itself.

use std::cell::Cell;
use std::sync::Arc;

use super::Inlet;
use super::sync::{Instant, thread_local};

thread_local! {
    /// For how long the current thread may wait for others, while it hands over a record.
    static PATIENCE: Cell<Patience> = const { Cell::new(Patience::AsConfigured) };
    /// The address of the inlet whose records the current thread writes, or 0. Such a thread must not
    /// wait for room: it is the one that makes some.
    static READS: Cell<usize> = const { Cell::new(0) };
}

/// Makes the current thread the reader of an inlet while it runs `part`. What it logs itself (a panic
/// in a user's writer, or what that writer has to say) is dropped where there is no room, whatever the
/// policy.
pub(crate) fn as_reader_of(inlet: &Arc<Inlet>, part: impl FnOnce()) {
    struct Restore(usize);
    impl Drop for Restore {
        fn drop(&mut self) {
            READS.with(|reads| reads.set(self.0));
        }
    }
    let _restore = Restore(READS.with(|reads| reads.replace(address_of(inlet))));
    part();
}

/// Whether the current thread is a reader.
pub(crate) fn is_reader() -> bool {
    READS.with(Cell::get) != 0
}

/// Whether the current thread is the reader of this inlet.
pub(crate) fn is_reader_of(inlet: &Arc<Inlet>) -> bool {
    READS.with(Cell::get) == address_of(inlet)
}

fn address_of(inlet: &Arc<Inlet>) -> usize {
    Arc::as_ptr(inlet).addr()
}

/// For how long a thread may wait that hands over a record.
#[derive(Clone, Copy, Debug)]
enum Patience {
    AsConfigured,
    /// No longer than until then.
    Until(Instant),
    /// It holds what others wait for.
    Never,
}

/// Runs `hand_over` on a thread that holds what others wait for, so that it must not wait itself.
#[inline]
pub(crate) fn without_waiting<T>(hand_over: impl FnOnce() -> T) -> T {
    with_patience(Patience::Never, hand_over)
}

/// Runs `hand_over` on a thread that has time until `deadline` for all that it hands over.
pub(crate) fn waiting_until<T>(deadline: Instant, hand_over: impl FnOnce() -> T) -> T {
    // Who must not wait still must not.
    let patience = may_wait_until(deadline).map_or(Patience::Never, Patience::Until);
    with_patience(patience, hand_over)
}

#[inline]
fn with_patience<T>(patience: Patience, hand_over: impl FnOnce() -> T) -> T {
    struct Restore(Patience);
    impl Drop for Restore {
        fn drop(&mut self) {
            PATIENCE.with(|patience| patience.set(self.0));
        }
    }
    let _restore = Restore(PATIENCE.with(|before| before.replace(patience)));
    hand_over()
}

/// Until when the current thread may wait, where it would have time until `deadline`. `None` if it
/// must not wait at all.
pub(crate) fn may_wait_until(deadline: Instant) -> Option<Instant> {
    match PATIENCE.with(Cell::get) {
        Patience::AsConfigured => Some(deadline),
        Patience::Until(earlier) => Some(earlier.min(deadline)),
        Patience::Never => None,
    }
}
