//! How a reader sleeps, and how it is woken by those who need it sooner.

use std::sync::OnceLock;
use std::time::Duration;

use super::sync::thread::{self, Thread};
use super::sync::{AtomicBool, Ordering, fence};

/// A thread that sleeps until its time is up or somebody wakes it.
#[derive(Debug)]
pub(crate) struct Sleeper {
    is_asleep: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Default for Sleeper {
    fn default() -> Self {
        Sleeper {
            is_asleep: AtomicBool::new(false),
            thread: OnceLock::new(),
        }
    }
}

impl Sleeper {
    /// Sleeps for `at_most`, unless `has_work` says that there is work already.
    pub(crate) fn sleep(&self, at_most: Duration, has_work: impl FnOnce() -> bool) {
        let _ = self.thread.get_or_init(thread::current);
        // Release: pairs with the Acquire in `wake`, so that who sees a sleeper knows its thread.
        self.is_asleep.store(true, Ordering::Release);
        // Pairs with the fence in `wake`: of "I sleep, is there work?" and "here is work, does it
        // sleep?" at least one sees the other's store.
        fence(Ordering::SeqCst);
        if !has_work() {
            thread::park_timeout(at_most);
        }
        self.is_asleep.store(false, Ordering::Relaxed);
    }

    /// Wakes the thread if it sleeps. The work must have been made visible before.
    pub(crate) fn wake(&self) {
        // Pairs with the fence in `sleep`.
        fence(Ordering::SeqCst);
        if self.is_asleep.load(Ordering::Relaxed)
            // Of several callers one pays for the system call.
            && self.is_asleep.swap(false, Ordering::Acquire)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }
}
