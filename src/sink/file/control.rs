//! What others ask of a file sink: from any thread, and from the handler of a signal.
//!
//! The sink does it before its next lines, or when it looks around, whichever comes first.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::SigId;
use signal_hook::consts::SIGHUP;

/// Wishes of a sink's users, shared with the sink. All accesses are Relaxed: nothing else is
/// published by them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Control {
    reopen: Arc<AtomicBool>,
    hangup: Arc<Hangup>,
    /// What was logged before this ticket belongs to the file that is to end. 0 without a wish.
    rotate: Arc<AtomicU64>,
}

/// The handler of SIGHUP for one file, which goes with it.
#[derive(Debug, Default)]
struct Hangup(Mutex<Option<SigId>>);

impl Hangup {
    fn lock(&self) -> MutexGuard<'_, Option<SigId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ignore(&self) {
        if let Some(handler) = self.lock().take() {
            signal_hook::low_level::unregister(handler);
        }
    }
}

impl Drop for Hangup {
    fn drop(&mut self) {
        self.ignore();
    }
}

impl Control {
    /// The file is to be opened anew.
    pub(crate) fn ask_to_reopen(&self) {
        self.reopen.store(true, Ordering::Relaxed);
    }

    /// The same with every SIGHUP from now on, which does not end the process any more.
    pub(crate) fn reopen_on_hangup(&self) -> io::Result<()> {
        let mut handler = self.hangup.lock();
        if handler.is_none() {
            *handler = Some(signal_hook::flag::register(
                SIGHUP,
                Arc::clone(&self.reopen),
            )?);
        }
        Ok(())
    }

    /// Undoes that.
    pub(crate) fn ignore_hangup(&self) {
        self.hangup.ignore();
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
