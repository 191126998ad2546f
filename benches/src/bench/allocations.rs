//! What the calling thread allocates per record, once everything is warm.

use std::error::Error;
use std::thread;
use std::time::Duration;

use super::{Bench, Job, loggers};
use crate::allocations;
use crate::results::{Metrics, Results};
use crate::table::{self, Column, Unit};
use crate::values::Values;

pub const BENCH: Bench = Bench {
    name: "allocations",
    about: "allocations of the calling thread, warm",
    runs_max: 1,
    variants: &["allocations"],
    includes: loggers,
    child,
    report,
};

const CALLS: u64 = 1000;

fn child(job: &Job) -> Result<Metrics, Box<dyn Error>> {
    let setup = job.setup(false);
    let running = (job.contender.start)(&setup)?;
    let calls = (job.contender.calls)(&setup);
    let values = Values::new();
    let mut metrics = Metrics::new();
    let mut add = |name: &str, call: fn(&Values)| {
        let (count, bytes) = per_call(call, &values);
        metrics.insert(format!("{name}.count"), count);
        metrics.insert(format!("{name}.bytes"), bytes);
    };
    add("plain", calls.plain);
    add("mixed", calls.mixed);
    (calls.within_spans)(&values, &mut || add("spans", calls.mixed_in_spans));
    add("request", calls.request);
    running.finish();
    Ok(metrics)
}

fn per_call(call: fn(&Values), values: &Values) -> (f64, f64) {
    (0..CALLS).for_each(|_| call(values));
    thread::sleep(Duration::from_millis(50));
    let before = allocations::so_far();
    (0..CALLS).for_each(|_| call(values));
    let after = allocations::so_far();
    let each = |before, after| (after - before) as f64 / CALLS as f64;
    (each(before.0, after.0), each(before.1, after.1))
}

fn report(results: &Results) -> Vec<String> {
    let columns = [
        Column::Range("6 fields", "plain.count".to_owned(), Unit::Count),
        Column::Range("with a `Display`", "mixed.count".to_owned(), Unit::Count),
        Column::Median("bytes", "mixed.bytes".to_owned(), Unit::Bytes),
        Column::Range("within 2 spans", "spans.count".to_owned(), Unit::Count),
        Column::Range("whole request", "request.count".to_owned(), Unit::Count),
        Column::Median("bytes", "request.bytes".to_owned(), Unit::Bytes),
    ];
    table::print("allocations per call", results, "allocations", &columns)
}
