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

    /// Whether to reopen the file. The wish counts as fulfilled then.
    pub(super) fn take_reopen(&self) -> bool {
        // Not a swap each time: the load leaves the cache line where it is.
        self.reopen.load(Ordering::Relaxed) && self.reopen.swap(false, Ordering::Relaxed)
    }
}
