//! Ticks to wall-clock time.
//!
//! Records carry ticks, since these are the cheapest to take. The writer knows both clocks: now and
//! then it notes what ticks, monotonic clock and wall clock say at one moment (an anchor), and
//! reads every tick between two anchors off the line between them. Nothing has to be calibrated in
//! advance, and no error adds up. The monotonic clock gives the rate, the wall clock only the
//! offset: so a wall clock that is set moves the time stamps after the next anchor, and bends none
//! before.

use std::collections::VecDeque;
use std::time::UNIX_EPOCH;

use crate::channel::arena::layout::ClockCopy;
use crate::channel::sync::{Instant, wall_clock};
use crate::channel::ticks;

/// How many anchors are kept, and how far apart at least: records older than all of them are dated
/// by the oldest ones.
const ANCHORS_MAX: usize = 64;
const ANCHOR_DISTANCE_NS: i64 = 50_000_000;

/// A look at the clocks that took longer was interrupted. What they said belongs to different moments
/// then, and on a short baseline that bends the rate: a look is taken again, but so often at most.
const LOOK_NS_MAX: i64 = 10_000;
const LOOKS_MAX: usize = 3;

/// What the clocks say at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Anchor {
    ticks: u64,
    monotonic_ns: i64,
    wall_ns: i64,
}

impl Anchor {
    fn read(start: Instant) -> Self {
        quickest(|| Look::take(start)).anchor
    }
}

/// What was seen of the clocks, and how long that took.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Look {
    anchor: Anchor,
    took_ns: i64,
}

impl Look {
    fn take(start: Instant) -> Self {
        let monotonic_ns = || start.elapsed().as_nanos() as i64;
        let before_ns = monotonic_ns();
        let ticks = ticks::look();
        let wall_ns = wall_ns_now();
        let took_ns = monotonic_ns() - before_ns;
        let anchor = Anchor {
            ticks,
            monotonic_ns: before_ns + took_ns / 2,
            wall_ns,
        };
        Look { anchor, took_ns }
    }
}

/// The first look that was not interrupted, or that which was least.
fn quickest(mut look: impl FnMut() -> Look) -> Look {
    let mut quickest = look();
    for _ in 1..LOOKS_MAX {
        if quickest.took_ns <= LOOK_NS_MAX {
            break;
        }
        let other = look();
        if other.took_ns < quickest.took_ns {
            quickest = other;
        }
    }
    quickest
}

/// Turns ticks into nanoseconds since the Unix epoch.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    /// In order of time. At least one; the last one is moved along until it is far enough from the
    /// one before.
    anchors: VecDeque<Anchor>,
    /// From the last anchor but one: nearly every record is dated by it.
    latest: Segment,
}

/// The line from one anchor to the next.
#[derive(Clone, Copy, Debug)]
struct Segment {
    from: Anchor,
    /// Nanoseconds a tick.
    rate: f64,
}

impl Segment {
    fn between(from: Anchor, to: Anchor) -> Self {
        Segment {
            from,
            rate: rate(from, to),
        }
    }

    #[inline]
    fn wall_ns(&self, ticks: u64) -> i64 {
        let since = ticks.wrapping_sub(self.from.ticks) as i64;
        let since_ns = since as f64 * self.rate;
        // A wall clock may be set to any time, the last one that there is included.
        self.from.wall_ns.saturating_add(since_ns as i64)
    }
}

impl Clock {
    /// Starts a clock. Ticks from before are dated by what is seen of the clocks later.
    pub(crate) fn new() -> Self {
        let start = Instant::now();
        Clock::starting_with(start, Anchor::read(start))
    }

    fn starting_with(start: Instant, first: Anchor) -> Self {
        Clock {
            start,
            anchors: VecDeque::from([first]),
            latest: Segment::between(first, first),
        }
    }

    /// Looks at the clocks. To be called before ticks are converted that were taken meanwhile.
    pub(crate) fn observe(&mut self) {
        let anchor = Anchor::read(self.start);
        self.note(anchor);
    }

    fn note(&mut self, anchor: Anchor) {
        let count = self.anchors.len();
        let last_is_settled = count < 2
            || ANCHOR_DISTANCE_NS
                <= self.anchors[count - 1].monotonic_ns - self.anchors[count - 2].monotonic_ns;
        if !last_is_settled {
            self.anchors.pop_back();
        } else if count == ANCHORS_MAX {
            self.anchors.pop_front();
        }
        let from = self.anchors.back().copied().unwrap_or(anchor);
        self.anchors.push_back(anchor);
        self.latest = Segment::between(from, anchor);
    }

    /// What another process needs to date ticks of about now.
    pub(crate) fn copy(&self) -> ClockCopy {
        let last = self.anchors[self.anchors.len() - 1];
        ClockCopy {
            ticks: last.ticks,
            wall_ns: last.wall_ns,
            ns_per_tick: rate(self.anchors[0], last),
        }
    }

    /// The wall-clock time of `ticks`, in nanoseconds since the Unix epoch.
    #[inline]
    pub(crate) fn wall_ns(&self, ticks: u64) -> i64 {
        if self.latest.from.ticks <= ticks {
            self.latest.wall_ns(ticks)
        } else {
            self.earlier_wall_ns(ticks)
        }
    }

    fn earlier_wall_ns(&self, ticks: u64) -> i64 {
        let mut end = self.anchors.len() - 1;
        while 1 < end && ticks < self.anchors[end - 1].ticks {
            end -= 1;
        }
        Segment::between(self.anchors[end.saturating_sub(1)], self.anchors[end]).wall_ns(ticks)
    }

    /// How long `ticks` are, in nanoseconds.
    pub(crate) fn duration_ns(&self, ticks: u64) -> u64 {
        let (Some(first), Some(last)) = (self.anchors.front(), self.anchors.back()) else {
            return 0;
        };
        (ticks as f64 * rate(*first, *last)) as u64
    }
}

/// Nanoseconds a tick between two anchors.
fn rate(from: Anchor, to: Anchor) -> f64 {
    if to.ticks <= from.ticks {
        return 0.0;
    }
    (to.monotonic_ns - from.monotonic_ns) as f64 / (to.ticks - from.ticks) as f64
}

/// What the wall clock says, in nanoseconds since the Unix epoch.
pub(crate) fn wall_ns_now() -> i64 {
    let ns = match wall_clock().duration_since(UNIX_EPOCH) {
        Ok(since) => i128::try_from(since.as_nanos()).unwrap_or(i128::MAX),
        Err(before) => -i128::try_from(before.duration().as_nanos()).unwrap_or(i128::MAX),
    };
    ns.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(anchors: &[(u64, i64, i64)]) -> Clock {
        let mut anchors = anchors
            .iter()
            .map(|&(ticks, monotonic_ns, wall_ns)| Anchor {
                ticks,
                monotonic_ns,
                wall_ns,
            });
        let first = anchors.next().expect("an anchor");
        let mut clock = Clock::starting_with(Instant::now(), first);
        anchors.for_each(|anchor| clock.note(anchor));
        clock
    }

    #[test]
    fn ticks_between_two_anchors_lie_on_the_line_between_them() {
        let clock = clock(&[(1000, 0, 5_000_000_000), (3000, 1000, 5_000_001_000)]);
        assert_eq!(clock.wall_ns(1000), 5_000_000_000);
        assert_eq!(clock.wall_ns(2000), 5_000_000_500);
        assert_eq!(clock.wall_ns(3000), 5_000_001_000);
    }

    #[test]
    fn ticks_before_the_first_and_after_the_last_anchor_go_on_at_the_same_rate() {
        let clock = clock(&[(1000, 0, 5_000), (3000, 1000, 6_000)]);
        assert_eq!(clock.wall_ns(0), 4_500);
        assert_eq!(clock.wall_ns(5000), 7_000);
    }

    #[test]
    fn a_wall_clock_that_is_set_back_moves_only_what_comes_after() {
        let hour_ns = 3_600_000_000_000;
        let second_ns = 1_000_000_000;
        let clock = clock(&[
            (0, 0, hour_ns * 10),
            (1000, second_ns, hour_ns * 10 + second_ns),
            (2000, 2 * second_ns, hour_ns * 9 + 2 * second_ns),
            (3000, 3 * second_ns, hour_ns * 9 + 3 * second_ns),
        ]);
        assert_eq!(clock.wall_ns(1500), hour_ns * 10 + second_ns * 3 / 2);
        assert_eq!(clock.wall_ns(2500), hour_ns * 9 + second_ns * 5 / 2);
    }

    #[test]
    fn a_wall_clock_at_the_end_of_time_stays_there() {
        let clock = clock(&[(1000, 0, i64::MAX), (3000, 1000, i64::MAX)]);
        assert_eq!(clock.wall_ns(2000), i64::MAX);
    }

    #[test]
    fn a_look_at_the_clocks_that_was_interrupted_is_not_believed_if_another_was_not() {
        let quick = LOOK_NS_MAX;
        for (took_ns, expected) in [
            (&[quick][..], quick),
            (&[4_000_000, quick], quick),
            (&[4_000_000, 4_000_001, quick], quick),
            (&[4_000_002, 4_000_000, 4_000_001], 4_000_000),
        ] {
            let mut looks = took_ns.iter().map(|&took_ns| Look {
                anchor: Anchor {
                    ticks: 1,
                    monotonic_ns: 0,
                    wall_ns: 0,
                },
                took_ns,
            });
            let found = quickest(|| looks.next().expect("no look more than needed"));
            assert_eq!((found.took_ns, looks.next()), (expected, None));
        }
    }

    #[test]
    fn anchors_are_bounded() {
        let mut clock = Clock::new();
        for step in 0..10_000 {
            let ns = step * 10_000_000;
            clock.note(Anchor {
                ticks: 1 + step as u64,
                monotonic_ns: ns,
                wall_ns: ns,
            });
        }
        assert!(clock.anchors.len() <= ANCHORS_MAX);
    }

    #[test]
    fn time_stamps_agree_with_the_wall_clock_to_a_millisecond() {
        let mut clock = Clock::new();
        for _ in 0..1000 {
            let before = wall_ns_now();
            let ticks = ticks::now();
            let after = wall_ns_now();
            clock.observe();
            let dated = clock.wall_ns(ticks);
            assert!(before - 1_000_000 <= dated && dated <= after + 1_000_000);
        }
    }
}
