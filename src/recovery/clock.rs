//! The ticks of a dead process to wall-clock time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::channel::arena::boot_id;
use crate::channel::arena::layout::{ClockCopy, Owner, TICKS_OF_PROCESS, TICKS_OF_PROCESSOR};
use crate::channel::ticks;
use crate::drain::clock::{Clock, wall_ns_now};

/// A processor's counter is faster than this, and a time stamp that is wrong by so much says nothing.
const NS_PER_TICK_MAX: f64 = 1_000.0;

/// How long it takes to see how fast the counter is, to a ten-thousandth.
const MEASURE: Duration = Duration::from_millis(20);

/// A moment, and how fast ticks went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct DeadClock {
    ticks: u64,
    wall_ns: i64,
    ns_per_tick: f64,
}

impl DeadClock {
    /// The clock of a process by what it left, as good as that allows.
    pub(super) fn new(copy: Option<ClockCopy>, owner: &Owner) -> Self {
        let started = ClockCopy {
            ticks: 1,
            wall_ns: owner.started_ns,
            ns_per_tick: 0.0,
        };
        let is_sound = |rate: f64| 0.0 < rate && rate < NS_PER_TICK_MAX;
        let counts_on = owner.ticks_kind == TICKS_OF_PROCESSOR && owner.boot_id == boot_id();
        let (moment, ns_per_tick) = match copy {
            Some(copy) if is_sound(copy.ns_per_tick) => (copy, copy.ns_per_tick),
            // Its ticks are nanoseconds, from 1.
            copy if owner.ticks_kind == TICKS_OF_PROCESS => (copy.unwrap_or(started), 1.0),
            // It died too early to know, but the counter is the one that counts here.
            Some(copy) if counts_on => (copy, own_rate()),
            None if counts_on => (now(), own_rate()),
            copy => (copy.unwrap_or(started), 0.0),
        };
        DeadClock {
            ticks: moment.ticks,
            wall_ns: moment.wall_ns,
            ns_per_tick,
        }
    }

    /// The wall-clock time of `ticks`, in nanoseconds since the Unix epoch.
    pub(super) fn wall_ns(&self, ticks: u64) -> i64 {
        let since = ticks.wrapping_sub(self.ticks).cast_signed();
        let since_ns = since as f64 * self.ns_per_tick;
        self.wall_ns.saturating_add(since_ns as i64)
    }
}

fn now() -> ClockCopy {
    ClockCopy {
        ticks: ticks::now(),
        wall_ns: wall_ns_now(),
        ns_per_tick: 0.0,
    }
}

/// Nanoseconds a tick, measured once.
pub(crate) fn own_rate() -> f64 {
    // The bits of the figure; 0 before it is known. Not behind a lock, which a forked child might find
    // taken for good. Relaxed: who comes too early measures for himself.
    static RATE: AtomicU64 = AtomicU64::new(0);
    let known = f64::from_bits(RATE.load(Ordering::Relaxed));
    if known != 0.0 {
        return known;
    }
    let measured = measure_rate();
    RATE.store(measured.to_bits(), Ordering::Relaxed);
    measured
}

fn measure_rate() -> f64 {
    let mut clock = Clock::new();
    thread::sleep(MEASURE);
    clock.observe();
    clock.duration_ns(1 << 32) as f64 / (1_u64 << 32) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Owner = Owner {
        pid: 1,
        started_ns: 5_000,
        boot_id: [1; 16],
        ticks_kind: TICKS_OF_PROCESSOR,
    };

    #[test]
    fn ticks_are_dated_by_the_latest_moment_and_the_rate() {
        let copy = ClockCopy {
            ticks: 1_000,
            wall_ns: 10_000,
            ns_per_tick: 0.5,
        };
        let clock = DeadClock::new(Some(copy), &OWNER);
        assert_eq!(clock.wall_ns(1_000), 10_000);
        assert_eq!(clock.wall_ns(0), 9_500);
        assert_eq!(clock.wall_ns(3_000), 11_000);
    }

    #[test]
    fn whatever_the_clock_says_time_is_a_number() {
        let rates = [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300, 999.0];
        for (ns_per_tick, wall_ns) in rates
            .into_iter()
            .flat_map(|r| [(r, i64::MIN), (r, i64::MAX)])
        {
            let copy = ClockCopy {
                ticks: u64::MAX / 2,
                wall_ns,
                ns_per_tick,
            };
            let clock = DeadClock::new(Some(copy), &OWNER);
            let _ = [0, 1, u64::MAX].map(|ticks| clock.wall_ns(ticks));
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri's clocks are not the machine's")]
    fn who_died_before_he_knew_the_rate_is_dated_by_the_same_counter() {
        let owner = Owner {
            boot_id: boot_id(),
            ..OWNER
        };
        let ticks_then = ticks::now();
        let then_ns = wall_ns_now();
        for copy in [Some(now()), None] {
            let error_ns = DeadClock::new(copy, &owner).wall_ns(ticks_then) - then_ns;
            assert!(error_ns.abs() < 50_000_000, "{error_ns} ns");
        }
    }
}
