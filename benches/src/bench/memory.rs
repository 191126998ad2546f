//! How much memory waits for a reader that never reads.

use std::error::Error;
use std::time::{Duration, Instant};

use super::{Bench, Job};
use crate::contenders::Contender;
use crate::machine;
use crate::results::{Metrics, Results};
use crate::table::{self, Column, Unit};

pub const BENCH: Bench = Bench {
    name: "memory",
    about: "a FIFO whose reader never reads, records of 16 KiB, up to 300,000 of them or 3 s",
    runs_max: 1,
    variants: &["memory"],
    includes,
    child,
    report,
};

const RECORDS_MAX: usize = 300_000;

fn includes(contender: &Contender, _: &str) -> bool {
    contender.tracing && contender.path && contender.name != "tracing-appender-lossless"
}

fn child(job: &Job) -> Result<Metrics, Box<dyn Error>> {
    let setup = job.setup(false);
    let fifo = machine::fifo(&setup.path())?;
    let started = (job.contender.start)(&setup)?;
    let long = (job.contender.calls)(&setup)
        .long
        .ok_or("no call with a long field")?;
    let payload = "x".repeat(16 << 10);
    let before = machine::peak_memory()?;
    let start = Instant::now();
    let mut sent = 0;
    while sent < job.samples(RECORDS_MAX) && start.elapsed() < Duration::from_secs(3) {
        long(&payload);
        sent += 1;
    }
    let metrics = Metrics::from([
        ("sent".to_owned(), sent as f64),
        ("before".to_owned(), before as f64),
        ("peak".to_owned(), machine::peak_memory()? as f64),
    ]);
    super::report(&metrics)?;
    // Ending in order would wait for the reader.
    std::mem::forget((started, fifo));
    machine::exit_at_once()
}

fn report(results: &Results) -> Vec<String> {
    let columns = [
        Column::Median("records", "sent".to_owned(), Unit::Count),
        Column::Median("memory before", "before".to_owned(), Unit::Bytes),
        Column::Range("peak", "peak".to_owned(), Unit::Bytes),
    ];
    table::print("memory", results, "memory", &columns)
}
