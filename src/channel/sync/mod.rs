//! The door through which everything comes that several threads meet at: atomics, locks, queues,
//! threads and the clock that their waits end by.
//!
//! - `standard`: the standard library's, and crossbeam's queue. What users get.
//! - `model`, by `--cfg offloop_loom`: loom tries every interleaving and every reordering of the
//!   channel's own atomics.
//! - `simulated`: the standard library's clocks, which a unit test may put its own in the place of.
//! - `schedule`, by `--cfg offloop_shuttle`: shuttle runs channel, writers, flushes and shutdowns
//!   together under many random schedules.

#[cfg(offloop_loom)]
mod model;
#[cfg(any(offloop_loom, offloop_shuttle))]
mod queue;
#[cfg(offloop_shuttle)]
mod schedule;
#[cfg(all(test, not(any(offloop_loom, offloop_shuttle))))]
pub(crate) mod simulated;
#[cfg(not(any(offloop_loom, offloop_shuttle)))]
mod standard;

use std::sync::TryLockError;
use std::time::SystemTime;

#[cfg(offloop_loom)]
use self::model as source;
#[cfg(offloop_shuttle)]
use self::schedule as source;
#[cfg(not(any(offloop_loom, offloop_shuttle)))]
use self::standard as source;

pub(crate) use self::source::{
    AtomicBool, AtomicU64, AtomicUsize, Instant, Mutex, MutexGuard, Ordering, Queue, fence, spawn,
    thread, thread_local,
};

#[cfg(offloop_shuttle)]
pub(crate) use self::source::ticks;

/// Locks what nobody else has locked just now. For what a panic leaves no half-done step in.
pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// What the wall clock shows.
pub(crate) fn wall_clock() -> SystemTime {
    #[cfg(all(test, not(any(offloop_loom, offloop_shuttle))))]
    if let Some(time) = simulated::wall_clock() {
        return time;
    }
    SystemTime::now()
}
