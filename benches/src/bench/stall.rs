//! What callers feel while the log's reader stalls.

use std::error::Error;
use std::fs::File;
use std::hint::spin_loop;
use std::io::{ErrorKind, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{BASELINE, Bench, Job};
use crate::clock::{self, Timer};
use crate::machine;
use crate::results::{Metrics, Results};
use crate::samples::Samples;
use crate::table::{self, Column, Unit};
use crate::values::Values;

pub const BENCH: Bench = Bench {
    name: "stall",
    about: "a FIFO whose reader stops for a second, one record every 20 µs for 2 s, policies as they come",
    runs_max: 3,
    variants: &["stall"],
    includes: |contender, _| contender.path,
    child,
    report,
};

const PACE: Duration = Duration::from_micros(20);
const BEFORE: Duration = Duration::from_millis(500);
const STALL: Duration = Duration::from_secs(1);
const RECORDS: usize = 100_000;

/// Set when the log is closed: nothing more will come.
static CLOSED: AtomicBool = AtomicBool::new(false);

fn child(job: &Job) -> Result<Metrics, Box<dyn Error>> {
    let setup = job.setup(false);
    let reader = machine::fifo(&setup.path())?;
    let running = (job.contender.start)(&setup)?;
    let mixed = (job.contender.calls)(&setup).mixed;
    let timer = Timer::calibrate();
    let values = Values::new();
    let reader = thread::spawn(move || read(reader));

    let pace = timer.ticks(PACE);
    let records = if job.quick { RECORDS * 4 / 5 } else { RECORDS };
    let mut samples = Samples::with_capacity(records);
    let mut next = clock::before();
    for _ in 0..records {
        next = (next + pace).max(clock::before());
        while clock::before() < next {
            spin_loop();
        }
        samples.push(clock::measure(|| mixed(&values)));
    }
    running.finish();
    CLOSED.store(true, Ordering::Relaxed);
    let lines = reader.join().map_err(|_| "the reader failed")??;

    let mut metrics = Metrics::from([("missing".to_owned(), records as f64 - lines as f64)]);
    samples.summarise("call", &timer, &mut metrics);
    Ok(metrics)
}

/// Reads everything, with one pause, and counts the lines.
fn read(mut fifo: File) -> Result<u64, std::io::Error> {
    let mut block = vec![0; 1 << 20];
    let mut lines = 0;
    let start = Instant::now();
    let mut stalled = false;
    loop {
        if !stalled && BEFORE <= start.elapsed() {
            thread::sleep(STALL);
            stalled = true;
        }
        let closed = CLOSED.load(Ordering::Relaxed);
        match fifo.read(&mut block) {
            Ok(0) if closed => return Ok(lines),
            Err(error) if error.kind() == ErrorKind::WouldBlock && closed => return Ok(lines),
            Ok(length) if 0 < length => lines += machine::lines_of(&block[..length]),
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            _ => thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn report(results: &Results) -> Vec<String> {
    let columns = [
        Column::Range("p50", "call.p50".to_owned(), Unit::Nanoseconds),
        Column::Range("p99.9", "call.p99.9".to_owned(), Unit::Nanoseconds),
        Column::Range("max", "call.max".to_owned(), Unit::Nanoseconds),
        Column::Range("missing", "missing".to_owned(), Unit::Count),
        Column::Below("p99.9", "call.p99.9".to_owned(), BASELINE),
    ];
    table::print("stall", results, "stall", &columns)
}
