//! What a whole request costs: open two spans, log five records, close.

use std::error::Error;
use std::hint::spin_loop;
use std::thread;
use std::time::Duration;

use super::{BASELINE, Bench, Job, RIVAL, loggers};
use crate::clock::{self, Timer};
use crate::results::{Metrics, Results};
use crate::samples::Samples;
use crate::table::{self, Column, Unit};
use crate::values::Values;

pub const BENCH: Bench = Bench {
    name: "request",
    about: "two spans of 2 fields opened, 5 records of 6 fields, closed",
    runs_max: usize::MAX,
    variants: &["request"],
    includes: loggers,
    child,
    report,
};

const BURST: usize = 200;
const CATCH_UP: Duration = Duration::from_millis(5);
const PACE: Duration = Duration::from_micros(150);

fn child(job: &Job) -> Result<Metrics, Box<dyn Error>> {
    let setup = job.setup(false);
    let running = (job.contender.start)(&setup)?;
    let request = (job.contender.calls)(&setup).request;
    let timer = Timer::calibrate();
    let values = Values::new();
    let once = || clock::measure(|| request(&values));
    (0..5 * BURST).for_each(|_| request(&values));
    thread::sleep(4 * CATCH_UP);

    let mut metrics = Metrics::new();
    bursts(job.samples(60), once).summarise("burst", &timer, &mut metrics);
    paced(job.samples(5_000), &timer, once).summarise("paced", &timer, &mut metrics);
    running.finish();
    Ok(metrics)
}

fn bursts(count: usize, once: impl Fn() -> u64) -> Samples {
    let mut samples = Samples::with_capacity(count * BURST);
    for _ in 0..count {
        (0..BURST).for_each(|_| samples.push(once()));
        thread::sleep(CATCH_UP);
    }
    samples
}

fn paced(count: usize, timer: &Timer, once: impl Fn() -> u64) -> Samples {
    let pace = timer.ticks(PACE);
    let mut samples = Samples::with_capacity(count);
    for _ in 0..count {
        let next = clock::before() + pace;
        while clock::before() < next {
            spin_loop();
        }
        samples.push(once());
    }
    samples
}

fn report(results: &Results) -> Vec<String> {
    let mut lost = Vec::new();
    for (mode, title) in [
        ("burst", "bursts of 200 requests"),
        ("paced", "one request every 150 µs"),
    ] {
        let metric = |label: &str| format!("{mode}.{label}");
        let columns = [
            Column::Range("p50", metric("p50"), Unit::Nanoseconds),
            Column::Median("p99", metric("p99"), Unit::Nanoseconds),
            Column::Range("p99.9", metric("p99.9"), Unit::Nanoseconds),
            Column::Below("p50", metric("p50"), BASELINE),
            Column::Times("p50", metric("p50"), RIVAL),
        ];
        lost.extend(table::print(title, results, "request", &columns));
    }
    lost
}
