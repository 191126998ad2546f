//! Time that goes on where a counter falls.
//!
//! A processor's counter may begin at zero again where the machine has slept (hibernation, and some kinds
//! of suspension); the system hides that from its own clocks, not from who reads the counter. Then
//! threads would stamp their records as they did before the sleep until the counter has caught up, the
//! writers would wait for that as long, and what is asked for now would seem to be done already.
//!
//! So whoever decides something by the time looks whether it lies behind a time that there has
//! been, and what the counter lacks is added to it from then on.

use std::sync::atomic::{AtomicU64, Ordering};

use super::TICKS_MARGIN;

/// No counter is faster than the one, or slower than the other.
const COUNTS_PER_NS_MAX: u64 = 8;
const NS_PER_COUNT_MAX: u64 = 2;

/// A counter that may begin at zero again, at any time.
pub(crate) trait Counter {
    fn count(&self) -> u64;

    /// What a clock says that goes on.
    fn monotonic_ns(&self) -> u64;
}

/// Makes times of what a counter shows.
// Relaxed, but for `seen`: who gets to know from another thread of a time that has been, gets to know with
// it what was added then.
#[derive(Debug)]
pub(crate) struct Course {
    added: AtomicU64,
    /// A time that there has been.
    seen: AtomicU64,
    /// When it was seen, by the clock that goes on, or a little later.
    seen_at_ns: AtomicU64,
}

impl Course {
    pub(crate) const fn new() -> Self {
        Course {
            added: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            seen_at_ns: AtomicU64::new(0),
        }
    }

    /// The time now.
    // In this order: a counter that falls in between makes an early time, not one that is still to come.
    #[inline]
    pub(crate) fn now(&self, count: impl FnOnce() -> u64) -> u64 {
        let added = self.added.load(Ordering::Relaxed);
        count().wrapping_add(added)
    }

    /// The same after a look whether that lies behind `before`, and behind what a look has seen.
    pub(crate) fn look(&self, counter: &impl Counter, before: u64) -> u64 {
        loop {
            let added = self.added.load(Ordering::Relaxed);
            let count = counter.count();
            let now = count.wrapping_add(added);
            // Pairs with the Release store in `note`: when it was seen is known as well.
            let seen = self.seen.load(Ordering::Acquire);
            let now_ns = counter.monotonic_ns();
            let since_ns = now_ns.saturating_sub(self.seen_at_ns.load(Ordering::Relaxed));
            let expected = seen.saturating_add(since_ns / NS_PER_COUNT_MAX).max(before);
            // Cores may disagree by so much.
            if expected <= now.saturating_add(TICKS_MARGIN) {
                let now = now.max(before);
                self.note(now, now_ns);
                return now;
            }
            // Behind whatever any thread may have been shown: nobody looks while a disk hangs, and records
            // are stamped all the same.
            let shown_max = seen.saturating_add(since_ns.saturating_mul(COUNTS_PER_NS_MAX));
            let lacking = shown_max.max(before).wrapping_sub(count);
            // Who comes second finds that it was done.
            let _ =
                self.added
                    .compare_exchange(added, lacking, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn note(&self, now: u64, now_ns: u64) {
        self.seen_at_ns.fetch_max(now_ns, Ordering::Relaxed);
        // Pairs with the Acquire load in `look`.
        self.seen.fetch_max(now, Ordering::Release);
    }

    #[cfg(test)]
    pub(crate) fn begin_anew(&self) {
        for word in [&self.added, &self.seen, &self.seen_at_ns] {
            word.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Counts as often as the clock ticks, since it last began.
    #[derive(Debug, Default)]
    struct Made {
        ns: AtomicU64,
        began_ns: AtomicU64,
    }

    impl Made {
        fn pass(&self, ns: u64) {
            self.ns.fetch_add(ns, Ordering::Relaxed);
        }

        fn restart(&self) {
            self.began_ns.store(self.monotonic_ns(), Ordering::Relaxed);
        }
    }

    impl Counter for Made {
        fn count(&self) -> u64 {
            self.monotonic_ns() - self.began_ns.load(Ordering::Relaxed)
        }

        fn monotonic_ns(&self) -> u64 {
            self.ns.load(Ordering::Relaxed)
        }
    }

    const LONG: u64 = 1_000_000 * TICKS_MARGIN;

    #[test]
    fn a_counter_that_does_not_fall_is_the_time() {
        let (course, counter) = (Course::new(), Made::default());
        for ns in [1, 10, LONG, 1] {
            counter.pass(ns);
            assert_eq!(course.look(&counter, 0), counter.count());
            assert_eq!(course.now(|| counter.count()), counter.count());
        }
    }

    #[test]
    fn cores_that_disagree_are_no_fall() {
        let (course, counter) = (Course::new(), Made::default());
        counter.pass(LONG);
        let ahead = course.look(&counter, 0) + TICKS_MARGIN;
        assert_eq!(course.look(&counter, ahead), ahead);
        assert_eq!(course.now(|| counter.count()), LONG);
    }

    #[test]
    fn where_the_counter_falls_time_goes_on_behind_all_that_was_shown() {
        let (course, counter) = (Course::new(), Made::default());
        for _ in 0..3 {
            counter.pass(LONG);
            course.look(&counter, 0);
            counter.pass(LONG);
            let shown = course.now(|| counter.count());
            counter.restart();
            let now = course.look(&counter, 0);
            assert!(shown <= now, "{shown} {now}");
            counter.pass(7);
            assert_eq!(course.now(|| counter.count()), now + 7);
            assert_eq!(course.look(&counter, 0), now + 7);
        }
    }

    #[test]
    fn a_fall_shows_though_the_counter_has_passed_what_was_seen_last() {
        let (course, counter) = (Course::new(), Made::default());
        course.look(&counter, 0);
        counter.pass(LONG);
        let shown = course.now(|| counter.count());
        counter.restart();
        counter.pass(LONG / 2);
        assert!(shown <= course.look(&counter, 0));
    }

    #[test]
    fn who_was_shown_a_time_is_shown_none_before_it() {
        let (course, counter) = (Course::new(), Made::default());
        for _ in 0..3 {
            counter.pass(LONG);
            let latest = course.now(|| counter.count());
            // Before anybody has ever looked, or after.
            counter.restart();
            assert!(latest <= course.look(&counter, latest));
        }
    }

    #[test]
    fn a_fall_that_many_see_is_mended_once() {
        let (course, counter) = (Course::new(), Made::default());
        counter.pass(LONG);
        course.look(&counter, 0);
        counter.restart();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(course.look(&counter, 0), LONG));
            }
        });
    }
}
