//! Loom's, as far as the models of [`crate::channel`] need them. Counts and what only the writers
//! use are the standard library's: every atomic more multiplies the interleavings.

pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
pub(crate) use std::sync::atomic::AtomicU64;
pub(crate) use std::sync::{Mutex, MutexGuard};
pub(crate) use std::thread_local;
pub(crate) use std::time::Instant;

pub(crate) use super::queue::Queue;

pub(crate) fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let thread = loom::thread::Builder::new().name(name);
    thread.spawn(run).map(drop)
}

pub(crate) mod thread {
    use std::time::Duration;

    pub(crate) use loom::thread::{Thread, current};

    /// Loom's threads know no time.
    pub(crate) fn park_timeout(_: Duration) {
        loom::thread::park();
    }

    pub(crate) fn sleep(_: Duration) {
        loom::thread::yield_now();
    }
}
