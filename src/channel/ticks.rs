//! The cheapest clock of the machine: what a record is stamped with.
//!
//! Ticks only have to grow at a steady rate and agree between the cores; the writer turns them into
//! wall-clock time (see [`crate::drain::clock`]). Where the processor promises both of its
//! time-stamp counter, that is read directly (about 10 ns); elsewhere the system's monotonic clock
//! is.

#[cfg(any(test, all(target_arch = "x86_64", not(miri))))]
#[cfg(not(any(offloop_loom, offloop_shuttle)))]
mod course;

#[cfg(any(test, all(target_arch = "x86_64", not(miri))))]
#[cfg(not(any(offloop_loom, offloop_shuttle)))]
pub(crate) use self::course::{Counter, Course};
use super::arena::layout;
#[cfg(all(test, not(any(offloop_loom, offloop_shuttle))))]
use super::sync::simulated;

/// By how much ticks may disagree: cores against each other, and one core against its own other
/// instructions, which it reorders. Amply: true figures are below a hundred nanoseconds.
pub(crate) const TICKS_MARGIN: u64 = if cfg!(offloop_shuttle) { 4 } else { 40_000 };

/// The time now, in ticks.
#[inline]
pub(crate) fn now() -> u64 {
    #[cfg(all(test, not(any(offloop_loom, offloop_shuttle))))]
    if let Some(ticks) = simulated::ticks(|course, counter| course.now(|| counter.count())) {
        return ticks;
    }
    source::now()
}

/// The time now, or `before` where that is later: whoever was shown a time is shown none before it.
#[inline]
pub(crate) fn now_after(before: u64) -> u64 {
    let now = now();
    if before <= now {
        return now;
    }
    look_after(before)
}

/// The time now, for whoever decides by it what has been: it lies before no time that somebody has
/// seen here, though the counter may have fallen meanwhile.
pub(crate) fn look() -> u64 {
    look_after(0)
}

#[cold]
#[inline(never)]
fn look_after(before: u64) -> u64 {
    #[cfg(all(test, not(any(offloop_loom, offloop_shuttle))))]
    if let Some(ticks) = simulated::ticks(|course, counter| course.look(counter, before)) {
        return ticks;
    }
    source::look_after(before)
}

/// What another process can do with ticks of this one: see [`layout::TICKS_OF_PROCESSOR`].
#[cfg_attr(
    not(all(target_os = "linux", not(any(miri, offloop_loom, offloop_shuttle)))),
    expect(dead_code, reason = "no arena here")
)]
pub(crate) fn kind() -> u32 {
    if source::is_of_processor() {
        layout::TICKS_OF_PROCESSOR
    } else {
        layout::TICKS_OF_PROCESS
    }
}

#[cfg(all(target_arch = "x86_64", not(any(miri, offloop_loom, offloop_shuttle))))]
mod source {
    #![expect(unsafe_code, reason = "reading the time-stamp counter is an intrinsic")]

    use std::sync::atomic::{AtomicU8, Ordering};

    use super::{Counter, Course, monotonic};

    const UNKNOWN: u8 = 0;
    const STEADY: u8 = 1;
    const UNSTEADY: u8 = 2;

    static STEADINESS: AtomicU8 = AtomicU8::new(UNKNOWN);

    static COURSE: Course = Course::new();

    #[inline]
    pub(super) fn now() -> u64 {
        // Relaxed: every thread that looks finds the same answer.
        match STEADINESS.load(Ordering::Relaxed) {
            STEADY => COURSE.now(count),
            UNSTEADY => monotonic::now(),
            _ => {
                STEADINESS.store(
                    if is_steady() { STEADY } else { UNSTEADY },
                    Ordering::Relaxed,
                );
                now()
            }
        }
    }

    pub(super) fn look_after(before: u64) -> u64 {
        if is_of_processor() {
            COURSE.look(&Processor, before)
        } else {
            monotonic::look_after(before)
        }
    }

    #[inline]
    fn count() -> u64 {
        // SAFETY: reading the counter has no precondition; every x86-64 processor has it.
        unsafe { core::arch::x86_64::_rdtsc() }
    }

    struct Processor;

    impl Counter for Processor {
        fn count(&self) -> u64 {
            count()
        }

        fn monotonic_ns(&self) -> u64 {
            monotonic::now()
        }
    }

    pub(super) fn is_of_processor() -> bool {
        now();
        STEADINESS.load(Ordering::Relaxed) == STEADY
    }

    /// Whether the counter runs at one rate in all power states, and on all cores alike. The
    /// second no processor can promise; the Linux kernel measures it, and names `tsc` as its own
    /// clock source only where it holds.
    fn is_steady() -> bool {
        let clock = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
        let invariant = core::arch::x86_64::__cpuid(0x8000_0000).eax >= 0x8000_0007
            && core::arch::x86_64::__cpuid(0x8000_0007).edx & (1 << 8) != 0;
        invariant && std::fs::read_to_string(clock).is_ok_and(|name| name.trim() == "tsc")
    }
}

#[cfg(offloop_shuttle)]
use super::sync::ticks as source;

#[cfg(not(any(
    offloop_shuttle,
    all(target_arch = "x86_64", not(any(miri, offloop_loom)))
)))]
use monotonic as source;

/// Nanoseconds of the system's monotonic clock.
#[cfg(not(offloop_shuttle))]
mod monotonic {
    use std::sync::OnceLock;
    use std::time::Instant;

    #[allow(dead_code, reason = "asked only where it is the only clock")]
    pub(super) fn is_of_processor() -> bool {
        false
    }

    pub(super) fn now() -> u64 {
        static START: OnceLock<Instant> = OnceLock::new();
        // Never 0, which stands for "no time" elsewhere.
        1 + START.get_or_init(Instant::now).elapsed().as_nanos() as u64
    }

    /// It never falls.
    pub(super) fn look_after(before: u64) -> u64 {
        now().max(before)
    }
}
