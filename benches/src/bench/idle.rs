//! What a logger costs while nobody logs, and when a lone record arrives.

use std::error::Error;
use std::thread;
use std::time::{Duration, Instant};

use super::{Bench, Job};
use crate::machine;
use crate::results::{Metrics, Results};
use crate::samples::percentile;
use crate::table::{self, Column, Unit};
use crate::values::Values;

pub const BENCH: Bench = Bench {
    name: "idle",
    about: "nothing logged after a first record; then lone records at random gaps",
    runs_max: 1,
    variants: &["idle"],
    includes: |contender, _| !contender.is_floor(),
    child,
    report,
};

/// By then, one that sleeps the longer the longer nothing happens does so.
const SETTLE: Duration = Duration::from_secs(12);
const ARRIVAL_MAX: Duration = Duration::from_secs(5);

fn child(job: &Job) -> Result<Metrics, Box<dyn Error>> {
    let setup = job.setup(false);
    let running = (job.contender.start)(&setup)?;
    let mixed = (job.contender.calls)(&setup).mixed;
    let values = Values::new();
    mixed(&values);
    thread::sleep(SETTLE);

    let mut metrics = idle(Duration::from_secs(if job.quick { 2 } else { 10 }));
    let mut arrivals = Vec::new();
    // A generator that needs no package: the gaps must only be out of step with any timer.
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..if job.quick { 5 } else { 30 } {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        thread::sleep(Duration::from_micros(50_000 + (random >> 33) % 150_000));
        arrivals.push(arrival(job, || mixed(&values))?);
    }
    running.finish();
    arrivals.sort_unstable();
    for (name, part) in [("p50", 0.5), ("p99", 0.99)] {
        metrics.insert(
            format!("arrival.{name}"),
            percentile(&arrivals, part).as_nanos() as f64,
        );
    }
    Ok(metrics)
}

/// Processor time and wake-ups of the whole process while this thread sleeps.
fn idle(window: Duration) -> Metrics {
    let (start, before) = (Instant::now(), machine::usage());
    thread::sleep(window);
    let (seconds, after) = (start.elapsed().as_secs_f64(), machine::usage());
    // One of the wake-ups is this thread's own.
    let wakes = (after.sleeps - before.sleeps).saturating_sub(1) as f64;
    Metrics::from([
        ("cpu".to_owned(), (after.seconds - before.seconds) / seconds),
        ("wakes".to_owned(), wakes / seconds),
    ])
}

/// The time from the call until the file has grown.
fn arrival(job: &Job, log: impl FnOnce()) -> Result<Duration, Box<dyn Error>> {
    let bytes = machine::bytes_in(&job.directory)?;
    let start = Instant::now();
    log();
    while machine::bytes_in(&job.directory)? == bytes && start.elapsed() < ARRIVAL_MAX {
        thread::sleep(Duration::from_micros(50));
    }
    Ok(start.elapsed())
}

fn report(results: &Results) -> Vec<String> {
    let columns = [
        Column::Range("CPU while idle", "cpu".to_owned(), Unit::Percent),
        Column::Median("wake-ups a second", "wakes".to_owned(), Unit::Count),
        Column::Range(
            "lone record in the file: p50",
            "arrival.p50".to_owned(),
            Unit::Nanoseconds,
        ),
        Column::Range("p99", "arrival.p99".to_owned(), Unit::Nanoseconds),
    ];
    table::print("idle", results, "idle", &columns)
}
