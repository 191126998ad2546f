//! The standard library's clocks, unless a test has put others in their place on its own thread.
//!
//! Then time passes as the test says, and a little with each look, so that whoever waits for a
//! deadline gets there; who sleeps is there at once. A run with the same seed sees the same times.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::Add;
use std::time::{self, Duration, SystemTime};

use crate::channel::ticks::{Counter, Course};

/// What a look at any of the clocks takes.
const LOOK: Duration = Duration::from_micros(1);

thread_local! {
    static CLOCKS: Cell<Option<Clocks>> = const { Cell::new(None) };
    static COURSE: Course = const { Course::new() };
}

/// What the clocks show.
#[derive(Clone, Copy)]
struct Clocks {
    start: time::Instant,
    since: Duration,
    wall: SystemTime,
    /// Since when the processor's counter counts.
    counter_start: Duration,
}

impl Clocks {
    /// Time passes on all of them. `None` if this thread has the system's.
    fn pass(time: Duration) -> Option<Clocks> {
        let mut clocks = CLOCKS.get()?;
        clocks.since += time;
        clocks.wall += time;
        CLOCKS.set(Some(clocks));
        Some(clocks)
    }
}

/// This thread has clocks of its own until this is dropped.
#[derive(Debug)]
pub(crate) struct Simulated(PhantomData<*const ()>);

impl Simulated {
    pub(crate) fn begin(wall: SystemTime) -> Simulated {
        CLOCKS.set(Some(Clocks {
            start: time::Instant::now(),
            since: Duration::ZERO,
            wall,
            counter_start: Duration::ZERO,
        }));
        COURSE.with(Course::begin_anew);
        Simulated(PhantomData)
    }

    pub(crate) fn advance(&self, time: Duration) {
        Clocks::pass(time);
    }

    /// Somebody sets the wall clock.
    pub(crate) fn set_wall(&self, wall: SystemTime) {
        CLOCKS.set(CLOCKS.get().map(|clocks| Clocks { wall, ..clocks }));
    }

    /// The machine slept, and its processor's counter begins at zero.
    pub(crate) fn restart_counter(&self) {
        CLOCKS.set(CLOCKS.get().map(|clocks| Clocks {
            counter_start: clocks.since,
            ..clocks
        }));
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        CLOCKS.set(None);
    }
}

/// What the wall clock shows, if this thread has its own.
pub(crate) fn wall_clock() -> Option<SystemTime> {
    Clocks::pass(LOOK).map(|clocks| clocks.wall)
}

/// What ticks are, if this thread has its own: `tell` is passed their course, and a counter.
pub(crate) fn ticks(tell: impl FnOnce(&Course, &Nanoseconds) -> u64) -> Option<u64> {
    CLOCKS.get()?;
    Some(COURSE.with(|course| tell(course, &Nanoseconds)))
}

/// Counts from the moment at which it began, or was last restarted.
pub(crate) struct Nanoseconds;

impl Counter for Nanoseconds {
    fn count(&self) -> u64 {
        let clocks = Clocks::pass(LOOK);
        clocks.map_or(0, |clocks| {
            (clocks.since - clocks.counter_start).as_nanos() as u64
        })
    }

    fn monotonic_ns(&self) -> u64 {
        CLOCKS
            .get()
            .map_or(0, |clocks| clocks.since.as_nanos() as u64)
    }
}

/// A point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(time::Instant);

impl Instant {
    pub(crate) fn now() -> Instant {
        let simulated = Clocks::pass(LOOK).map(|clocks| clocks.start + clocks.since);
        Instant(simulated.unwrap_or_else(time::Instant::now))
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(*self)
    }

    pub(crate) fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        Instant(self.0 + duration)
    }
}

pub(crate) mod thread {
    use std::time::Duration;

    use super::Clocks;

    pub(crate) use std::thread::{Thread, current};

    #[expect(clippy::disallowed_methods, reason = "it is the writer who sleeps")]
    pub(crate) fn sleep(time: Duration) {
        if Clocks::pass(time).is_none() {
            std::thread::sleep(time);
        }
    }

    pub(crate) fn park_timeout(at_most: Duration) {
        if Clocks::pass(at_most).is_none() {
            std::thread::park_timeout(at_most);
        }
    }
}
