//! The cheapest clock of the machine: what a record is stamped with.
//!
//! Ticks only have to grow at a steady rate and agree between the cores; the writer turns them into
//! wall-clock time (see [`crate::drain::clock`]). Where the processor promises both of its
//! time-stamp counter, that is read directly (about 10 ns); elsewhere the system's monotonic clock
//! is.

use super::arena::layout;

/// By how much ticks may disagree: cores against each other, and one core against its own other
/// instructions, which it reorders. Amply: true figures are below a hundred nanoseconds.
pub(crate) const TICKS_MARGIN: u64 = if cfg!(offloop_shuttle) { 4 } else { 40_000 };

/// The time now, in ticks.
#[inline]
pub(crate) fn now() -> u64 {
    #[cfg(all(test, not(any(offloop_loom, offloop_shuttle))))]
    if let Some(ticks) = super::sync::simulated::ticks() {
        return ticks;
    }
    source::now()
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

    const UNKNOWN: u8 = 0;
    const STEADY: u8 = 1;
    const UNSTEADY: u8 = 2;

    static COUNTER: AtomicU8 = AtomicU8::new(UNKNOWN);

    #[inline]
    pub(super) fn now() -> u64 {
        // Relaxed: every thread that looks finds the same answer.
        match COUNTER.load(Ordering::Relaxed) {
            // SAFETY: reading the counter has no precondition; every x86-64 processor has it.
            STEADY => unsafe { core::arch::x86_64::_rdtsc() },
            UNSTEADY => super::monotonic::now(),
            _ => {
                COUNTER.store(
                    if is_steady() { STEADY } else { UNSTEADY },
                    Ordering::Relaxed,
                );
                now()
            }
        }
    }

    pub(super) fn is_of_processor() -> bool {
        now();
        COUNTER.load(Ordering::Relaxed) == STEADY
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
}
