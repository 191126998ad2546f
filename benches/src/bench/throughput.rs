//! How long 2,000,000 records take until they are in the file, none lost.

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::thread;
use std::time::Instant;

use super::{Bench, Job};
use crate::contenders::Contender;
use crate::machine;
use crate::results::{Metrics, Results};
use crate::table::{self, Column, Unit};
use crate::values::Values;

pub const BENCH: Bench = Bench {
    name: "throughput",
    about: "2,000,000 records of 6 fields until they are in the file, queue policy: wait",
    runs_max: usize::MAX,
    variants: &["1", "4"],
    includes: |contender: &Contender, _: &str| contender.lossless,
    child,
    report,
};

const RECORDS: usize = 2_000_000;
const BLOCK: usize = 64 << 10;
const BYTES_EACH_MAX: usize = 320;

fn child(job: &Job) -> Result<Metrics, Box<dyn Error>> {
    let records = job.samples(RECORDS);
    warm_page_cache(job, records)?;
    if job.contender.name == "plain-writes" {
        return plain_writes(job, records);
    }
    let setup = job.setup(true);
    let running = (job.contender.start)(&setup)?;
    let mixed = (job.contender.calls)(&setup).mixed;
    let threads: usize = job.variant.parse()?;

    let (start, before) = (Instant::now(), machine::usage());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let values = Values::new();
                (0..records / threads).for_each(|_| mixed(&values));
            });
        }
    });
    let sent = start.elapsed().as_secs_f64();
    running.finish();
    let seconds = start.elapsed().as_secs_f64();
    let cpu = machine::usage().seconds - before.seconds;

    let lines = machine::lines_in(&job.directory)?;
    let mut metrics = figures(seconds, cpu, records, machine::bytes_in(&job.directory)?);
    metrics.insert("sent".to_owned(), sent);
    metrics.insert("missing".to_owned(), records as f64 - lines as f64);
    Ok(metrics)
}

/// Writes a file as large as a log will be, and removes it. A virtual machine's memory is slow
/// when it is touched for the first time, which would be the first contender's bad luck.
fn warm_page_cache(job: &Job, records: usize) -> Result<(), Box<dyn Error>> {
    let path = job.directory.join("warm");
    let mut file = File::create(&path)?;
    let block = vec![b'x'; BLOCK];
    for _ in 0..records * BYTES_EACH_MAX / BLOCK {
        file.write_all(&block)?;
    }
    std::fs::remove_file(path)?;
    Ok(())
}

/// As many bytes as offloop's file had, without a logger.
fn plain_writes(job: &Job, records: usize) -> Result<Metrics, Box<dyn Error>> {
    let bytes = if job.bytes == 0 {
        records as u64 * 256
    } else {
        job.bytes
    };
    let line = [vec![b'x'; 255], vec![b'\n']].concat();
    let block = line.repeat(BLOCK / line.len());
    let (start, before) = (Instant::now(), machine::usage());
    let mut file = File::create(job.directory.join("app.log"))?;
    for _ in 0..bytes / BLOCK as u64 {
        file.write_all(&block)?;
    }
    file.write_all(&block[..(bytes % BLOCK as u64) as usize])?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(figures(
        seconds,
        machine::usage().seconds - before.seconds,
        records,
        bytes,
    ))
}

fn figures(seconds: f64, cpu: f64, records: usize, bytes: u64) -> Metrics {
    Metrics::from([
        ("rate".to_owned(), records as f64 / seconds),
        ("seconds".to_owned(), seconds),
        ("cpu".to_owned(), cpu / records as f64 * 1e6),
        ("bytes".to_owned(), bytes as f64),
        ("bytes_each".to_owned(), bytes as f64 / records as f64),
    ])
}

fn report(results: &Results) -> Vec<String> {
    let mut lost = Vec::new();
    let baseline = "tracing-appender-lossless";
    for (variant, title) in [("1", "1 thread"), ("4", "4 threads")] {
        let columns = [
            Column::Range("records", "rate".to_owned(), Unit::Millions),
            Column::Median("callers done after", "sent".to_owned(), Unit::Seconds),
            Column::Median("in the file after", "seconds".to_owned(), Unit::Seconds),
            Column::Range("CPU per million", "cpu".to_owned(), Unit::Seconds),
            Column::Median("bytes each", "bytes_each".to_owned(), Unit::Count),
            Column::Median("missing", "missing".to_owned(), Unit::Count),
            Column::Times("rate", "rate".to_owned(), baseline),
            Column::Times("rate", "rate".to_owned(), "ticklog"),
            Column::Times("rate", "rate".to_owned(), "plain-writes"),
            Column::Below("CPU", "cpu".to_owned(), baseline),
        ];
        lost.extend(table::print(title, results, variant, &columns));
    }
    lost
}
