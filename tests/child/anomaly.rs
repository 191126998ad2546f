//! A program whose system calls fail, or of which one is its last.
//!
//! What it says goes to a file beside the log, by positioned writes: so the plain ones and what
//! lies in the log's directory are the library's alone, and can be chosen by who makes them fail.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use offloop::{Builder, Compression, Guard, Rotation, Sink, SyncPolicy};
use rustix::process::{Resource, Rlimit, Signal, getpid, getrlimit, kill_process, setrlimit};
use serde_json::json;

use crate::system::{self, Side};
use crate::{IMPATIENCE, PATIENCE, with_own_pages};

const RECORDS: u64 = 200;

/// So many records come at once; then everything is written before the next.
const BURST: u64 = 10;

/// The log ends that often that a few bursts fill a file.
const FILE_BYTES: u64 = 3_000;

fn builder(directory: &Path, kind: &str) -> Builder {
    let sink = Sink::file(directory.join("logs/app.jsonl"));
    let sink = sink.rotation(Rotation::on_demand().at_bytes(FILE_BYTES));
    let sink = match kind {
        "plain" => sink,
        "synced" => sink.sync(SyncPolicy::AtLevel(tracing::Level::WARN)),
        "compressed" => sink.compression(Compression::Gzip),
        _ => panic!("no such kind: {kind}"),
    };
    let builder = with_own_pages().sink(sink).budget(1 << 20);
    builder.crash_safe(true).exit_timeout(IMPATIENCE)
}

/// What is known of what fails.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Trouble {
    /// It ends, or there is none: everything is written without a restart.
    Passes,
    /// It outlasts the program, which need not wait for what never comes.
    Stays,
}

/// Logs numbered records, acknowledges each of them once it was accepted, and says how it ended.
pub(crate) fn run(directory: &Path, kind: &str, trouble: Trouble) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let builder = builder(directory, kind).on_error(move |complaint| {
        lock(&heard).push(complaint.to_owned());
    });
    let answers = File::create(directory.join("answers")).unwrap();
    // The trace shows what came before offloop.
    let _ = rustix::process::getppid();
    let outcome = match builder.init() {
        Err(error) => json!({ "refused": error.to_string() }),
        Ok(guard) => {
            log_and_acknowledge(&guard, &answers, trouble);
            if kind == "compressed" {
                let is_failing = || !lock(&said).is_empty();
                wait_for_compression(directory, is_failing);
            }
            end(&guard, trouble)
        }
    };
    let answer = json!({ "outcome": outcome, "said": *lock(&said) }).to_string();
    // Behind the number of records that were acknowledged.
    answers.write_all_at(answer.as_bytes(), 8).unwrap();
}

fn lock(said: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    said.lock().unwrap_or_else(PoisonError::into_inner)
}

fn log_and_acknowledge(guard: &Guard, answers: &File, trouble: Trouble) {
    let mut may_flush = true;
    for number in 0..RECORDS {
        if number % 40 == 0 {
            tracing::warn!(process = 0, number, "record");
        } else {
            tracing::info!(process = 0, number, "record");
        }
        // Where that fails, too, less is claimed than was accepted.
        let _ = answers.write_at(&(number + 1).to_le_bytes(), 0);
        if may_flush && number % BURST == BURST - 1 {
            may_flush = flush(guard, trouble);
        }
    }
}

/// Says whether the next burst may be waited for, too.
fn flush(guard: &Guard, trouble: Trouble) -> bool {
    if trouble == Trouble::Passes {
        guard.flush(PATIENCE).unwrap();
        return true;
    }
    guard.flush(IMPATIENCE).is_ok() || !is_failing(guard)
}

fn is_failing(guard: &Guard) -> bool {
    guard.stats().sinks[0].is_failing
}

/// Waits until one file is left that is not compressed. Where something fails, that may never be: then
/// for as long as the others take.
fn wait_for_compression(directory: &Path, is_failing: impl Fn() -> bool) {
    let began = Instant::now();
    while 1 < plain_files(directory) {
        let patience = if is_failing() {
            IMPATIENCE * 10
        } else {
            PATIENCE
        };
        if patience < began.elapsed() {
            return;
        }
        // The thread that compresses has the lowest priority.
        thread::sleep(Duration::from_millis(5));
    }
}

/// How many files of the log are not compressed.
fn plain_files(directory: &Path) -> usize {
    // Written so that it is not taken for one of the library's calls.
    let entries = fs::read_dir(directory.join("./logs")).into_iter().flatten();
    let paths = entries.flatten().map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .count()
}

fn end(guard: &Guard, trouble: Trouble) -> serde_json::Value {
    let mut report = match trouble {
        Trouble::Passes => guard.shutdown(PATIENCE),
        Trouble::Stays => guard.shutdown(IMPATIENCE),
    };
    if report.pending != 0 && !is_failing(guard) {
        // Nothing is wrong, as far as one can see: the machine is slow.
        report = guard.shutdown(IMPATIENCE * 25);
    }
    let stats = guard.stats();
    let sink = &stats.sinks[0];
    json!({
        "accepted": stats.accepted.total(),
        "written": sink.written.total(),
        "lost": sink.lost.total(),
        "waiting": sink.waiting,
        "pending": report.pending,
    })
}

/// Starts once more, and ends once everything is written.
pub(crate) fn recover(directory: &Path, kind: &str) {
    let guard = builder(directory, kind).init().unwrap();
    assert!(guard.shutdown(PATIENCE).is_complete());
}

/// Forks, and its child gets no thread for its writer: the first of each process is refused.
pub(crate) fn fork_without_thread(directory: &Path, kind: &str) {
    let refused = thread::Builder::new().spawn(|| {});
    assert!(refused.is_err(), "that thread was to be refused");
    // The child's callers write by themselves, for as long as it takes.
    let builder = builder(directory, kind).exit_timeout(PATIENCE);
    let guard = builder.init().unwrap();
    crate::log_all(0..100);
    guard.flush(PATIENCE).unwrap();
    match system::fork() {
        Side::Child => {
            crate::log_all(0..100);
            let report = guard.shutdown(PATIENCE);
            assert_eq!((report.written, report.lost, report.pending), (100, 0, 0));
        }
        Side::Parent(child) => system::wait_for(child),
    }
}

/// Is killed when the first line of a batch went into a file that is compressed by now, and the
/// second one cannot be written.
pub(crate) fn half_batch(directory: &Path, kind: &str) {
    let builder = builder(directory, kind).on_error(|_| {});
    // Both lines are found by the same look.
    let guard = builder.write_delay(IMPATIENCE).init().unwrap();
    let log = |number: u64, len: usize| {
        let text = "x".repeat(len);
        tracing::info!(process = 0, number, text, "record");
    };
    log(0, 1_000);
    guard.flush(PATIENCE).unwrap();
    let maximum = getrlimit(Resource::Fsize).maximum;
    let current = Some(2 * FILE_BYTES);
    setrlimit(Resource::Fsize, Rlimit { current, maximum }).unwrap();
    log(1, 1_000);
    log(2, 3 * FILE_BYTES as usize);
    // The third line is longer than any file may be.
    while !(guard.stats().sinks[0].is_failing && plain_files(directory) == 1) {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(guard.stats().written(), 2);
    kill_process(getpid(), Signal::KILL).unwrap();
}
