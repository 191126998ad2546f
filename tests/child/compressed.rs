//! A program whose file ends often and whose old files are compressed, and its next starts.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use offloop::{Builder, Compression, Overflow, Retention, Rotation, Sink};
use serde_json::json;

use crate::{PATIENCE, recovery, shut_down, with_own_pages};

/// At this length a file ends.
const FILE_BYTES: u64 = 256 << 10;

const THREADS: u64 = 8;

/// So many records a thread. That makes about ten files.
const RECORDS: u64 = 2_500;

fn builder(directory: &Path, retention: Retention) -> Builder {
    let sink = Sink::file(directory.join("app.jsonl"))
        .rotation(Rotation::on_demand().at_bytes(FILE_BYTES))
        .compression(Compression::Gzip)
        .retention(retention);
    let overflow = Overflow::Block { at_most: PATIENCE };
    with_own_pages().sink(sink).overflow(overflow)
}

/// Logs on eight threads, which call themselves `first` and so on, and waits to be killed.
pub(crate) fn log_on(directory: &Path, first: u64) {
    let _guard = builder(directory, Retention::all()).init().unwrap();
    recovery::log_on_threads(first..first + THREADS, RECORDS);
    loop {
        thread::park();
    }
}

/// Starts, and ends once all old files are compressed and no more than `files_max` of them are left.
pub(crate) fn tend(directory: &Path, files_max: usize) {
    let retention = Retention::all().files_max(files_max);
    let guard = builder(directory, retention).init().unwrap();
    // What the killed one left is written first, and fills files, too.
    guard.flush(PATIENCE).unwrap();
    let mut left = usize::MAX;
    while let due @ 1.. = plain_files(directory) + old_files(directory).saturating_sub(files_max) {
        if due != left {
            // It takes a while, and does not hang.
            println!("{}", json!({ "due": due }));
            left = due;
        }
        // The thread that does it has the lowest priority.
        thread::sleep(Duration::from_millis(5));
    }
    shut_down(&guard, PATIENCE);
}

/// How many old files are not compressed yet, or half.
fn plain_files(directory: &Path) -> usize {
    let is_plain = |name: &str| !name.ends_with(".gz");
    old_names(directory).filter(|name| is_plain(name)).count()
}

fn old_files(directory: &Path) -> usize {
    old_names(directory).count()
}

fn old_names(directory: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(directory).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name != "app.jsonl")
}
