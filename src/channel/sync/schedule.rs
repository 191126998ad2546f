//! Shuttle's. It knows no time, so this tells one: each look at a clock puts it forward. Time-outs
//! then end after so many steps of the schedule, and a schedule replays.

use std::ops::Add;
use std::sync::atomic;
use std::time::Duration;

pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
pub(crate) use shuttle::thread_local;

pub(crate) use super::queue::Queue;

/// How often the clock was looked at. Not shuttle's: it goes on from schedule to schedule.
static LOOKS: atomic::AtomicU64 = atomic::AtomicU64::new(0);

fn look() -> u64 {
    // Relaxed: shuttle runs one thread at a time.
    1 + LOOKS.fetch_add(1, atomic::Ordering::Relaxed)
}

/// A point in time: milliseconds, one for each look at the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(Duration);

impl Instant {
    pub(crate) fn now() -> Self {
        Instant(Duration::from_millis(look()))
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(*self)
    }

    pub(crate) fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        Instant(self.0 + duration)
    }
}

/// What records are stamped with.
pub(crate) mod ticks {
    use shuttle::rand::{Rng, thread_rng};

    use crate::channel::ticks::TICKS_MARGIN;

    /// One for each look at the clock, and on every core as far ahead as the cores may disagree.
    pub(crate) fn now() -> u64 {
        super::look() + thread_rng().gen_range(0..=TICKS_MARGIN)
    }

    pub(crate) fn look_after(before: u64) -> u64 {
        now().max(before)
    }

    pub(crate) fn is_of_processor() -> bool {
        false
    }
}

pub(crate) fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let thread = shuttle::thread::Builder::new().name(name);
    thread.spawn(run).map(drop)
}

pub(crate) mod thread {
    use std::time::Duration;

    pub(crate) use shuttle::thread::{Thread, current};

    /// Waits that are longer than this are over only when somebody ends them.
    const TIMEOUT_MAX: Duration = Duration::from_secs(3600);

    /// A time-out may end at any moment of the schedule, so the thread can go on at once. That a
    /// wake was missed shows where the wait is a long one.
    pub(crate) fn park_timeout(at_most: Duration) {
        if TIMEOUT_MAX < at_most {
            shuttle::thread::park();
        } else {
            shuttle::thread::yield_now();
        }
    }

    pub(crate) fn sleep(_: Duration) {
        shuttle::thread::yield_now();
    }
}
