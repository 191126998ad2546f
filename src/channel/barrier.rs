//! A memory barrier between those who log and whoever moves them to another channel, or sleeps until
//! they log, of which only the latter pays the price.
//!
//! A thread that logs counts its record first and then looks whether the channel has moved. Who moves
//! the channel says so first and then looks at the counts. With a barrier between the two steps of
//! each, at least one of them sees the other: either the thread turns back, or its record is
//! counted and is waited for. So it is with a reader that is about to doze: either the thread wakes
//! it, or it sees that there is a record. On Linux, `membarrier` has every thread of the process pass a
//! barrier at that moment, so that those who log need none of their own.

#[cfg(any(offloop_loom, offloop_shuttle, miri, not(target_os = "linux")))]
use super::sync::{Ordering, fence};

/// Between counting a record and the look whether the channel has moved, or readers doze.
#[inline(always)]
pub(super) fn light() {
    #[cfg(all(target_os = "linux", not(any(offloop_loom, offloop_shuttle, miri))))]
    // What the processor may still reorder, `heavy` sees to.
    std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
    #[cfg(any(offloop_loom, offloop_shuttle, miri, not(target_os = "linux")))]
    fence(Ordering::SeqCst);
}

/// Between saying that a channel has moved, or that a reader dozes, and the look at the counts.
pub(crate) fn heavy() {
    #[cfg(all(target_os = "linux", not(any(offloop_loom, offloop_shuttle, miri))))]
    linux::heavy();
    #[cfg(any(offloop_loom, offloop_shuttle, miri, not(target_os = "linux")))]
    fence(Ordering::SeqCst);
}

#[cfg(all(target_os = "linux", not(any(offloop_loom, offloop_shuttle, miri))))]
mod linux {
    use std::time::Duration;

    use rustix::thread::{MembarrierCommand, membarrier};

    /// Without `membarrier` (a kernel before 4.3, a sandbox that forbids it). A store leaves its core
    /// within microseconds, and at the latest when its thread is interrupted.
    const STORES_ARE_SEEN: Duration = Duration::from_millis(50);

    #[expect(
        clippy::disallowed_methods,
        reason = "on the thread that reloads or writes, not on one that logs"
    )]
    pub(super) fn heavy() {
        // Anew each time: a forked child has to register for itself.
        let expedited = membarrier(MembarrierCommand::RegisterPrivateExpedited)
            .and_then(|()| membarrier(MembarrierCommand::PrivateExpedited));
        if expedited.is_err() && membarrier(MembarrierCommand::Global).is_err() {
            std::thread::sleep(STORES_ARE_SEEN);
        }
    }
}
