//! What others ask of a file sink: from any thread, and from the handler of a signal.
//!
//! The sink does it before its next lines, or when it looks around, whichever comes first.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::SIGHUP;

/// Wishes of a sink's users, shared with the sink. All accesses are Relaxed: nothing else is
/// published by them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Control {
    reopen: Arc<AtomicBool>,
    rotate: Arc<AtomicBool>,
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

    /// The file is to end, unless it is empty.
    pub(crate) fn ask_to_rotate(&self) {
        self.rotate.store(true, Ordering::Relaxed);
    }

    /// Whether to reopen the file. The wish counts as fulfilled then.
    pub(super) fn take_reopen(&self) -> bool {
        take(&self.reopen)
    }

    /// The same for the end of the file.
    pub(super) fn take_rotate(&self) -> bool {
        take(&self.rotate)
    }
}

fn take(wish: &AtomicBool) -> bool {
    // Not a swap each time: the load leaves the cache line where it is.
    wish.load(Ordering::Relaxed) && wish.swap(false, Ordering::Relaxed)
}
