//! Knows whether this process is still the one that started the writers.
//!
//! After `fork` the child has a copy of everything but the threads: of the writers, only their
//! locks and half-done work are left. So nothing of a pipeline is used in a child; it gets fresh
//! ones (see [`crate::pipeline`]), and recognises the old ones by their generation. The parent's log
//! files are closed there, see [`OwnFile`], its handlers of signals are taken away, and its threads are
//! started in their own way, see [`spawn`].

#![expect(
    unsafe_code,
    reason = "a fork handler is registered with the C library"
)]

mod own_file;
mod per_process;
mod thread;

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use self::own_file::OwnFile;
pub(crate) use self::per_process::PerProcess;
pub(crate) use self::thread::spawn;

static GENERATION: AtomicU64 = AtomicU64::new(0);

/// How many forks lie between the first process and this one. One plain load.
#[inline]
pub(crate) fn generation() -> u64 {
    // Relaxed: it only changes in the child's single thread, inside of `fork`.
    GENERATION.load(Ordering::Relaxed)
}

/// Makes forks noticed from now on.
pub(crate) fn watch() {
    static WATCH: Once = Once::new();
    // Miri knows no fork, so there is nothing to notice.
    #[cfg(not(miri))]
    WATCH.call_once(|| {
        // SAFETY: the handler must be callable in a forked child at any time, so it must be
        // async-signal-safe. It only uses atomics, `fstat`, `close` and `sigaction`. It stays loaded
        // as long as this code.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
    #[cfg(miri)]
    WATCH.call_once(|| {});
}

#[cfg(not(miri))]
extern "C" fn in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    own_file::close_all();
    crate::signal::restore_in_child();
}
