//! Time stamps cheap enough to time one call: the processor's counter where there is one.

use std::time::{Duration, Instant};

/// Turns counter ticks into nanoseconds, less what reading the counter itself costs.
///
/// Some processors' counters advance in steps, by 10 ns at a time for instance. A difference of two
/// such readings is right on average, so the overhead is an average too.
#[derive(Clone, Copy)]
pub struct Timer {
    nanoseconds_per_tick: f64,
    overhead: f64,
    /// The step by which the counter advances.
    pub step: u64,
}

impl Timer {
    pub fn calibrate() -> Timer {
        let (instant, ticks) = (Instant::now(), before());
        std::thread::sleep(Duration::from_millis(30));
        let nanoseconds = instant.elapsed().as_nanos() as f64;
        let nanoseconds_per_tick = nanoseconds / (before() - ticks) as f64;
        let mut empty: Vec<u64> = (0..20_000).map(|_| measure(|| ())).collect();
        empty.sort_unstable();
        // The slowest percent was interrupted.
        empty.truncate(empty.len() / 100 * 99);
        let overhead = empty.iter().sum::<u64>() as f64 / empty.len() as f64;
        let step = empty
            .iter()
            .fold(0, |step, &ticks| common_divisor(step, ticks));
        Timer {
            nanoseconds_per_tick,
            overhead,
            step,
        }
    }

    /// The nanoseconds of a measured call, without the cost of measuring it.
    pub fn nanoseconds(&self, ticks: f64) -> f64 {
        (ticks - self.overhead).max(0.0) * self.nanoseconds_per_tick
    }

    pub fn ticks(&self, duration: Duration) -> u64 {
        (duration.as_nanos() as f64 / self.nanoseconds_per_tick) as u64
    }
}

/// The ticks that `call` took, the reading of the counter included.
#[inline(always)]
pub fn measure(call: impl FnOnce()) -> u64 {
    let start = before();
    call();
    after() - start
}

fn common_divisor(one: u64, other: u64) -> u64 {
    if other == 0 {
        one
    } else {
        common_divisor(other, one % other)
    }
}

/// Reads the counter, wherever the processor is just then.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn now() -> u64 {
    // SAFETY: Every x86-64 processor has the instruction, and no operating system that we run on
    // forbids it to programs.
    unsafe { std::arch::x86_64::_rdtsc() }
}

/// Reads the counter after everything before it is done, and before anything after it begins.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn before() -> u64 {
    fence();
    let ticks = now();
    fence();
    ticks
}

/// As `before`; `rdtscp` itself waits for what comes before it.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn after() -> u64 {
    use std::arch::x86_64::__rdtscp;
    let mut processor = 0;
    // SAFETY: Processors without this instruction are older than any that runs this edition's
    // programs at speed worth measuring, and `processor` is ours to write.
    let ticks = unsafe { __rdtscp(&mut processor) };
    fence();
    ticks
}

/// Nothing after it starts before everything before it is done.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn fence() {
    // SAFETY: The instruction is part of SSE2, which every x86-64 processor has.
    unsafe { std::arch::x86_64::_mm_lfence() };
}

#[cfg(not(target_arch = "x86_64"))]
pub fn now() -> u64 {
    use std::sync::LazyLock;
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_nanos() as u64
}

#[cfg(not(target_arch = "x86_64"))]
pub fn before() -> u64 {
    now()
}

#[cfg(not(target_arch = "x86_64"))]
pub fn after() -> u64 {
    now()
}
