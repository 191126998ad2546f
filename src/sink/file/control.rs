//! What others ask of a file sink: from any thread, and from the handler of a signal.
//!
//! The sink does it before its next lines, or when it looks around, whichever comes first.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use signal_hook::consts::SIGHUP;

/// Wishes of a sink's users, shared with the sink. All accesses are Relaxed: nothing else is
/// published by them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Control {
    reopen: Arc<AtomicBool>,
    /// What was logged before this ticket belongs to the file that is to end. 0 without a wish.
    rotate: Arc<AtomicU64>,
}

impl Control {
    /// The file is to be opened anew.
    pub(crate) fn ask_to_reopen(&self) {
        self.reopen.store(true, Ordering::Relaxed);
    }

    /// The same with every SIGHUP from now on, which does not end the process any more.
    pub(crate) fn reopen_on_hangup(&self) -> io::Result<()> {
        signal_hook::flag::register(SIGHUP, Arc::clone(&self.reopen)).map(drop)
    }

    /// The file is to end once everything before `ticket` is written, unless it is empty.
    pub(crate) fn ask_to_rotate(&self, ticket: u64) {
        self.rotate.store(ticket, Ordering::Relaxed);
    }

    /// Whether to reopen the file. The wish counts as fulfilled then.
    pub(super) fn take_reopen(&self) -> bool {
        // Not a swap each time: the load leaves the cache line where it is.
        self.reopen.load(Ordering::Relaxed) && self.reopen.swap(false, Ordering::Relaxed)
    }

    /// The same for the end of the file, now that everything before `written` is in it.
    pub(super) fn take_rotate(&self, written: u64) -> bool {
        let ticket = self.rotate.load(Ordering::Relaxed);
        let is_due = (1..=written).contains(&ticket);
        // A wish that came meanwhile stays.
        let take = || {
            self.rotate
                .compare_exchange(ticket, 0, Ordering::Relaxed, Ordering::Relaxed)
        };
        is_due && take().is_ok()
    }
}
