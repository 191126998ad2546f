//! A program that logs until it is killed, and its next start.

use std::ops::Range;
use std::path::Path;
use std::thread;

use offloop::{Builder, Overflow, Rotation, Sink};
use serde_json::json;

use crate::{PATIENCE, shut_down, with_own_pages};

/// So many records are acknowledged at once.
const ACKNOWLEDGED: u64 = 50;

/// A file that ends now and then, one in another format, and one that takes a part of the records.
fn builder(directory: &Path) -> Builder {
    let path = |name| directory.join(name);
    let overflow = Overflow::Block { at_most: PATIENCE };
    with_own_pages()
        .overflow(overflow)
        .sink(Sink::file(path("app.jsonl")).rotation(Rotation::on_demand().at_bytes(128 << 10)))
        .sink(Sink::file(path("text.log")).text())
        .sink(Sink::file(path("warn.jsonl")).filter("warn"))
}

/// Logs on `threads` threads, and says so after every so many records of one, until it is killed.
pub(crate) fn log_on(directory: &Path, threads: u64) {
    let _guard = builder(directory).init().unwrap();
    log_on_threads(0..threads, u64::MAX);
}

/// The same, into whatever was installed, and so many records a thread.
pub(crate) fn log_on_threads(processes: Range<u64>, records: u64) {
    let threads: Vec<_> = processes
        .map(|process| thread::spawn(move || log_and_acknowledge(process, records)))
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

fn log_and_acknowledge(process: u64, records: u64) {
    for number in 0..records {
        if number % 10 == 0 {
            tracing::warn!(process, number, "record");
        } else {
            tracing::info!(process, number, "record");
        }
        if (number + 1) % ACKNOWLEDGED == 0 {
            println!("{}", json!({ "process": process, "logged": number + 1 }));
        }
    }
}

/// Starts, and ends once everything is written.
pub(crate) fn next_start(directory: &Path) {
    let guard = builder(directory).init().unwrap();
    println!("{}", json!("started"));
    shut_down(&guard, PATIENCE);
}

/// The same for a program with one file.
pub(crate) fn restart(directory: &Path) {
    let guard = crate::builder(directory).init().unwrap();
    shut_down(&guard, PATIENCE);
}
