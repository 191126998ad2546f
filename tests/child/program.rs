//! The program whose ways to end are tested, see `tests/it/child.rs`: `child SCENARIO DIRECTORY
//! [ARGUMENT…]`.
//!
//! It logs to `app.jsonl` in the directory. Every record carries the process that logged it and a
//! number, so that each that is missing or doubled shows. What a test wants to know beside that,
//! it says on stdout, as lines of JSON.

#![expect(clippy::print_stdout, reason = "stdout is how it answers the test")]
#![expect(clippy::unwrap_used, reason = "a test program fails by panicking")]

mod anomaly;
mod compressed;
mod exits;
mod forks;
mod recovery;
mod requests;
mod survive;
mod system;

use std::path::Path;
use std::time::Duration;

use offloop::{Builder, Guard, Stats};
use serde_json::json;

use anomaly::Trouble;

/// Longer than anything here takes, shorter than the test waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// For what is meant to run out of time.
const IMPATIENCE: Duration = Duration::from_millis(200);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [scenario, directory, rest @ ..] = &arguments[..] else {
        return;
    };
    let directory = Path::new(directory);
    match (*scenario, rest) {
        ("survive", [logger, ending, disk]) => survive::run(directory, logger, ending, disk),
        ("anomaly", [kind]) => anomaly::run(directory, kind, Trouble::Passes),
        ("anomaly-that-stays", [kind]) => anomaly::run(directory, kind, Trouble::Stays),
        ("anomaly-recover", [kind]) => anomaly::recover(directory, kind),
        ("fork-without-thread", [kind]) => anomaly::fork_without_thread(directory, kind),
        ("half-batch", [kind]) => anomaly::half_batch(directory, kind),
        ("log-on", [threads]) => recovery::log_on(directory, threads.parse().unwrap()),
        ("log-on-compressed", [first]) => compressed::log_on(directory, first.parse().unwrap()),
        ("tend", [files_max]) => compressed::tend(directory, files_max.parse().unwrap()),
        ("restart", []) => recovery::restart(directory),
        ("next-start", []) => recovery::next_start(directory),
        ("requests-hanging", []) => requests::hanging(directory),
        ("requests-detail", []) => requests::detail_by_log(directory),
        ("requests-forked", []) => requests::forked(directory),
        ("task-panics", []) => exits::task_panics(directory),
        ("value-panics", []) => exits::value_panics(directory),
        ("double-panic", []) => exits::double_panic(directory),
        ("abort", []) => exits::abort(directory),
        ("signal", []) => exits::signal(directory),
        ("signal-twice", []) => exits::signal_twice(directory),
        ("guard-dropped", []) => exits::guard_dropped_while_threads_log(directory),
        ("after-shutdown", []) => exits::log_after_shutdown(directory),
        ("late-stalled", []) => exits::log_after_shutdown_with_stalled_reader(directory),
        ("late-pending", []) => exits::late_record_that_waits_for_the_exit(directory),
        ("exit-handlers", [count]) => exits::exit_handlers(directory, count.parse().unwrap()),
        ("thread-destructors", []) => exits::thread_destructors(directory),
        ("exit-in-value", []) => exits::exit_in_value(directory),
        ("exit-in-writer", []) => exits::exit_in_writer(),
        ("exit-in-thread", []) => exits::exit_in_thread(directory),
        ("reentrant", [overflow]) => exits::reentrant_with_full_budget(directory, overflow),
        ("stalled-shutdown", [then]) => exits::stalled_shutdown(directory, then),
        ("full-disk", []) => exits::full_disk(),
        ("fork-storm", [rounds]) => forks::storm(directory, rounds.parse().unwrap()),
        ("prefork", []) => forks::prefork(directory),
        ("fork-in-task", []) => forks::in_blocking_task(directory),
        ("fork-signals", []) => forks::signals(directory),
        ("fork-killed", []) => forks::killed_worker(directory),
        ("fork-silent", []) => forks::silent(directory),
        ("fork-stalled", []) => forks::stalled(directory),
        ("fork-unusable", []) => forks::unusable_sink(directory),
        ("fork-threads", [rounds]) => forks::threads(directory, rounds.parse().unwrap()),
        ("fork-starting", [rounds]) => {
            forks::while_threads_start(directory, rounds.parse().unwrap())
        }
        ("fork-learning", [rounds]) => forks::while_learning(directory, rounds.parse().unwrap()),
        ("fork-identifiers", [rounds]) => forks::identifiers(rounds.parse().unwrap()),
        ("fork-audits", [rounds]) => forks::audits(directory, rounds.parse().unwrap()),
        ("fork-request", [rounds]) => forks::within_request(directory, rounds.parse().unwrap()),
        ("grandchild", []) => forks::grandchild(directory),
        _ => panic!("no such scenario: {arguments:?}"),
    }
}

/// A pipeline into the scenario's file.
fn builder(directory: &Path) -> Builder {
    with_own_pages().file(directory.join("app.jsonl"))
}

/// A pipeline into files, whose pages are where the test looks for them and nobody else's are.
fn with_own_pages() -> Builder {
    // As long as a busy machine may need, where a scenario does not say how long.
    let builder = offloop::builder().exit_timeout(PATIENCE);
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(runtime) => builder.crash_directory(Path::new(&runtime).join("offloop")),
        None => builder,
    }
}

fn log(number: u64) {
    tracing::info!(process = system::process(), number, "record");
}

fn log_all(numbers: std::ops::Range<u64>) {
    numbers.for_each(log);
}

/// Tells the test what became of the records, for each sink.
fn tell_stats(stats: &Stats) {
    for sink in &stats.sinks {
        let stats = json!({
            "accepted": stats.accepted.total(),
            "written": sink.written.total(),
            "filtered": sink.filtered.total(),
            "waiting": sink.waiting,
            "lost": sink.lost.total(),
        });
        println!("{}", json!({ "stats": stats }));
    }
}

/// Ends the pipeline, and tells the test what became of the records.
fn shut_down(guard: &Guard, timeout: Duration) {
    let report = guard.shutdown(timeout);
    println!(
        "{}",
        json!({ "report": { "written": report.written, "lost": report.lost, "pending": report.pending } })
    );
}
