//! What one call costs its caller.

use std::error::Error;
use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::{BASELINE, Bench, Job, RIVAL, loggers};
use crate::clock::{self, Timer};
use crate::contenders::Calls;
use crate::machine;
use crate::results::{Metrics, Results};
use crate::samples::Samples;
use crate::table::{self, Column, Unit};
use crate::values::Values;

pub const BENCH: Bench = Bench {
    name: "call",
    about: "what one call costs its caller",
    runs_max: usize::MAX,
    variants: &["plain", "mixed", "spans"],
    includes: loggers,
    child,
    report,
};

const BURST: usize = 1000;
const PACE: Duration = Duration::from_micros(30);
/// Between bursts the writer catches up: a burst measures the queue, not its overflow.
const CATCH_UP: Duration = Duration::from_millis(5);
/// More than a core's own caches hold.
const COLD_BYTES: usize = 4 << 20;

/// How calls follow each other.
#[derive(Clone, Copy)]
struct Mode {
    name: &'static str,
    title: &'static str,
    threads: usize,
    run: fn(&Work<'_>) -> (Samples, f64),
}

const BURSTS_1: Mode = Mode {
    name: "burst1",
    title: "bursts of 1,000, 1 thread",
    threads: 1,
    run: bursts,
};
const BURSTS_4: Mode = Mode {
    name: "burst4",
    title: "bursts of 1,000, 4 threads",
    threads: 4,
    run: bursts,
};
const PACED_1: Mode = Mode {
    name: "paced1",
    title: "one call every 30 µs, 1 thread, spinning in between",
    threads: 1,
    run: spaced,
};
const PACED_4: Mode = Mode {
    name: "paced4",
    title: "one call about every 100 µs, 4 threads, sleeping in between",
    threads: 4,
    run: slept,
};
const COLD_1: Mode = Mode {
    name: "cold1",
    title: "4 MiB of other memory touched before each call, 1 thread",
    threads: 1,
    run: cold,
};

const MODES: &[(&str, &[Mode])] = &[
    ("plain", &[BURSTS_1, PACED_1]),
    ("mixed", &[BURSTS_1, BURSTS_4, PACED_1, PACED_4, COLD_1]),
    ("spans", &[BURSTS_1, PACED_1]),
];

/// A thread's share of a mode.
struct Work<'a> {
    call: fn(&Values),
    values: &'a Values,
    timer: Timer,
    threads: usize,
    quick: bool,
    /// How many calls were made, over all modes.
    sent: &'a AtomicUsize,
}

impl Work<'_> {
    fn count(&self, full: usize) -> usize {
        if self.quick { full / 10 } else { full }
    }

    fn many(&self, calls: usize) {
        self.sent.fetch_add(calls, Ordering::Relaxed);
        (0..calls).for_each(|_| (self.call)(self.values));
    }

    /// Calls and measures after each `wait`.
    fn singles(&self, count: usize, mut wait: impl FnMut()) -> Samples {
        self.sent.fetch_add(count, Ordering::Relaxed);
        let mut samples = Samples::with_capacity(count);
        for _ in 0..count {
            wait();
            samples.push(clock::measure(|| (self.call)(self.values)));
        }
        samples
    }
}

fn child(job: &Job) -> Result<Metrics, Box<dyn Error>> {
    let setup = job.setup(false);
    let running = (job.contender.start)(&setup)?;
    let calls = (job.contender.calls)(&setup);
    let (_, modes) = MODES
        .iter()
        .find(|(variant, _)| *variant == job.variant)
        .ok_or("no such variant")?;
    let timer = Timer::calibrate();
    let mut metrics = Metrics::new();
    let sent = AtomicUsize::new(0);
    for mode in *modes {
        measure(mode, job, calls, timer, &sent, &mut metrics);
    }
    running.finish();
    let sent = sent.into_inner() as f64;
    metrics.insert("sent".to_owned(), sent);
    if !job.contender.is_floor() {
        let lines = machine::lines_in(&job.directory)?;
        metrics.insert("missing".to_owned(), sent - lines as f64);
    }
    Ok(metrics)
}

fn measure(
    mode: &Mode,
    job: &Job,
    calls: Calls,
    timer: Timer,
    sent: &AtomicUsize,
    metrics: &mut Metrics,
) {
    let values = Values::new();
    let call = match job.variant.as_str() {
        "plain" => calls.plain,
        "mixed" => calls.mixed,
        _ => calls.mixed_in_spans,
    };
    let work = Work {
        call,
        values: &values,
        timer,
        threads: mode.threads,
        quick: job.quick,
        sent,
    };
    let spans = job.variant == "spans";
    let results: Vec<(Samples, f64)> = thread::scope(|scope| {
        let start = || within(spans, calls, &work, mode.run);
        let threads: Vec<_> = (0..mode.threads).map(|_| scope.spawn(start)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a measuring thread lives"))
            .collect()
    });
    let mean = results.iter().map(|(_, mean)| mean).sum::<f64>() / results.len() as f64;
    if 0.0 < mean {
        metrics.insert(format!("{}.mean", mode.name), mean);
    }
    let samples = Samples::merge(results.into_iter().map(|(samples, _)| samples).collect());
    samples.summarise(mode.name, &timer, metrics);
}

/// Warms a thread up and runs its share, inside the spans if the variant has them.
fn within(
    spans: bool,
    calls: Calls,
    work: &Work<'_>,
    run: fn(&Work<'_>) -> (Samples, f64),
) -> (Samples, f64) {
    let mut result = None;
    let mut share = || {
        work.many(5 * BURST);
        thread::sleep(4 * CATCH_UP);
        result = Some(run(work));
    };
    if spans {
        (calls.within_spans)(work.values, &mut share)
    } else {
        share()
    }
    result.expect("the share has run")
}

/// Bursts in which each call is timed, and bursts that are timed as a whole (the mean).
fn bursts(work: &Work<'_>) -> (Samples, f64) {
    let count = work.count(60);
    let catch_up = || thread::sleep(CATCH_UP * work.threads as u32);
    let (mut timed, mut whole) = (Vec::new(), 0.0);
    for _ in 0..count {
        timed.push(work.singles(BURST, || ()));
        catch_up();
        let ticks = clock::measure(|| work.many(BURST));
        whole += work.timer.nanoseconds(ticks as f64);
        catch_up();
    }
    (Samples::merge(timed), whole / (count * BURST) as f64)
}

fn spaced(work: &Work<'_>) -> (Samples, f64) {
    let pace = work.timer.ticks(PACE);
    let mut turn = 0_u32;
    let wait = || {
        let next = clock::before() + pace;
        while clock::before() < next {
            spin_loop();
        }
        // The loop ends just after a step of the counter. A varying wait of some nanoseconds keeps
        // the calls from starting at the same point of a step every time.
        turn = turn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (0..turn >> 26).for_each(|round| _ = black_box(round));
    };
    (work.singles(work.count(10_000), wait), 0.0)
}

fn slept(work: &Work<'_>) -> (Samples, f64) {
    (work.singles(work.count(5_000), || thread::sleep(PACE)), 0.0)
}

fn cold(work: &Work<'_>) -> (Samples, f64) {
    let mut other = vec![1_u8; COLD_BYTES];
    let wait = || {
        black_box(&mut other)
            .iter_mut()
            .step_by(64)
            .for_each(|byte| *byte = byte.wrapping_add(1))
    };
    (work.singles(work.count(2_000), wait), 0.0)
}

fn report(results: &Results) -> Vec<String> {
    let titles = [
        ("mixed", "message and 6 fields, one of them only `Display`"),
        ("plain", "message and 6 fields that can be copied"),
        (
            "spans",
            "message and 6 fields within two spans of 2 fields each",
        ),
    ];
    titles
        .iter()
        .flat_map(|(variant, title)| report_variant(results, variant, title))
        .collect()
}

fn report_variant(results: &Results, variant: &str, title: &str) -> Vec<String> {
    let modes = MODES
        .iter()
        .filter(|(name, _)| *name == variant)
        .flat_map(|(_, modes)| *modes);
    let mut lost = Vec::new();
    for mode in modes {
        let title = format!("{title}; {}", mode.title);
        lost.extend(table::print(&title, results, variant, &columns(mode.name)));
    }
    let columns = [
        Column::Median("records", "sent".to_owned(), Unit::Count),
        Column::Range("missing in the file", "missing".to_owned(), Unit::Count),
    ];
    lost.extend(table::print(
        &format!("{title}; what arrived"),
        results,
        variant,
        &columns,
    ));
    lost
}

fn columns(mode: &str) -> Vec<Column> {
    let metric = |label: &str| format!("{mode}.{label}");
    let mut columns = vec![Column::Range("p50", metric("p50"), Unit::Nanoseconds)];
    if mode.starts_with("burst") {
        columns.push(Column::Median("mean", metric("mean"), Unit::Nanoseconds));
    }
    columns.extend([
        Column::Range("p99", metric("p99"), Unit::Nanoseconds),
        Column::Range("p99.9", metric("p99.9"), Unit::Nanoseconds),
        Column::Median("max", metric("max"), Unit::Nanoseconds),
        Column::Below("p50", metric("p50"), BASELINE),
        Column::Times("p50", metric("p50"), RIVAL),
        Column::Below("p99.9", metric("p99.9"), BASELINE),
        Column::Times("p99.9", metric("p99.9"), RIVAL),
    ]);
    columns
}
