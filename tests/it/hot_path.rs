//! What a log call does not do: allocate, call the system, cause a write of its own.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use offloop::{Builder, Guard};

use crate::allocator::allocations_in;
use crate::support::{
    Gate, PATIENCE, Program, directory_for_pages, in_child, in_child_with, skip, wait_until, wrap,
};

const RECORDS: u64 = 10_000;

/// Nothing else asks for the parent.
const MARK: &str = "getppid(";

/// Of the usual budget.
const PAGE_BYTES: u64 = 32 << 10;

/// How many of them a writer keeps ready.
const READY_PAGES: u64 = 8;

/// Events with six fields, in two spans that carry two fields each.
fn log_in_spans(records: u64) {
    let request = tracing::info_span!("request", method = "GET", path = "/users/42");
    let _in_request = request.enter();
    let query = tracing::info_span!("query", table = "users", shard = 7);
    let _in_query = query.enter();
    log_events(records);
}

fn log_events(records: u64) {
    for number in 0..records {
        tracing::info!(
            user = number,
            rows = 3_i64,
            ratio = 0.25,
            cached = true,
            name = "Ann",
            peer = %"10.0.0.1",
            "answered"
        );
    }
}

/// Has every page made that the events will need: all of them wait at once.
fn warm_up(gate: &Gate, guard: &Guard) {
    log_in_spans(2 * RECORDS);
    gate.open();
    guard.flush(PATIENCE).unwrap();
    assert_eq!(guard.stats().lost(), 0);
}

fn gated() -> (Gate, Builder) {
    let gate = Gate::default();
    let builder = offloop::builder().writer(gate.before(io::sink()));
    (gate, builder)
}

/// The same with pages that outlive the process, for the sake of a file beside the gate.
fn gated_beside_file(directory: &Path) -> (Gate, Builder) {
    let (gate, builder) = gated();
    (gate, builder.file(directory.join("app.jsonl")))
}

/// Whether pages outlive the process. Says so where they do not.
fn is_crash_safe(guard: &Guard) -> bool {
    let safety = &guard.stats().sinks[1].crash_safety;
    if !safety.is_safe() {
        skip(&format!("{safety:?}"));
    }
    safety.is_safe()
}

fn check_allocations() {
    let request = tracing::info_span!("request", method = "GET", path = "/users/42");
    let _in_request = request.enter();
    let query = tracing::info_span!("query", table = "users", shard = 7);
    let _in_query = query.enter();
    assert_eq!(allocations_in(|| log_events(RECORDS)), 0);
}

#[test]
fn the_allocations_of_a_thread_are_seen() {
    assert_eq!(allocations_in(|| drop(Box::new(1))), 1);
    let text = String::from("a");
    assert_eq!(allocations_in(|| drop(text + "longer")), 1);
}

#[test]
fn a_warm_thread_does_not_allocate_to_log_through_the_layer() {
    let (gate, builder) = gated();
    let program = Program::start(builder);
    program.run(|| {
        warm_up(&gate, &program.guard);
        check_allocations();
    });
}

#[test]
fn a_warm_thread_does_not_allocate_to_log_into_pages_that_outlive_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let (gate, builder) = gated_beside_file(directory.path());
    let program = Program::start(builder);
    if is_crash_safe(&program.guard) {
        program.run(|| {
            warm_up(&gate, &program.guard);
            check_allocations();
        });
    }
    gate.open();
    assert_eq!(program.end().lost(), 0);
}

#[test]
fn a_warm_thread_does_not_allocate_to_log_through_the_subscriber() {
    in_child(|| {
        let (gate, builder) = gated();
        let guard = builder.init().unwrap();
        warm_up(&gate, &guard);
        check_allocations();
    });
}

#[test]
fn a_warm_thread_calls_the_system_at_most_once_a_page_to_wake_the_writer() {
    if !has_strace() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    in_child_with(
        |command| trace_calls(command, &trace),
        || {
            let (gate, builder) = gated();
            let guard = builder.init().unwrap();
            warm_up(&gate, &guard);
            between_marks(|| log_events(RECORDS));
        },
    );
    check_calls(&trace);
}

#[test]
fn pages_that_outlive_the_process_cost_a_warm_thread_no_more_system_calls() {
    if !has_strace() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    in_child_with(
        |command| trace_calls(command, &trace),
        || {
            let directory = tempfile::tempdir().unwrap();
            let (gate, builder) = gated_beside_file(directory.path());
            let guard = builder.init().unwrap();
            is_crash_safe(&guard);
            warm_up(&gate, &guard);
            between_marks(|| log_events(RECORDS));
            // Before its directory is gone.
            assert!(guard.shutdown(PATIENCE).is_complete());
        },
    );
    check_calls(&trace);
}

fn has_strace() -> bool {
    let has_strace = Command::new("strace").arg("-V").output().is_ok();
    if !has_strace {
        skip("there is no strace");
    }
    has_strace
}

fn trace_calls(command: &mut Command, trace: &Path) {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(trace);
    wrap(command, strace);
}

/// Logs so many events between marks, once the thread is warm and what was needed before has been
/// given back.
fn log_after_a_quiet_time(records: u64) {
    let Some(pages) = directory_for_pages() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let (gate, builder) = gated_beside_file(directory.path());
    let guard = builder.crash_directory(pages.path()).init().unwrap();
    assert!(is_crash_safe(&guard));
    wait_until(|| READY_PAGES * PAGE_BYTES <= bytes_in(pages.path()));
    let before = bytes_in(pages.path());
    warm_up(&gate, &guard);
    assert!(before + 16 * PAGE_BYTES < bytes_in(pages.path()));
    wait_until(|| {
        // The writer looks around, and gives something back.
        guard.flush(PATIENCE).unwrap();
        bytes_in(pages.path()) <= before + READY_PAGES * PAGE_BYTES
    });
    between_marks(|| log_events(records));
    assert!(guard.shutdown(PATIENCE).is_complete());
}

/// What a child that plays `scenario` calls the system for between its marks, if it makes any.
/// Nothing, and said, where that cannot be seen.
fn calls_of<F: FnOnce()>(scenario: F) -> Vec<String> {
    if !has_strace() {
        return Vec::new();
    }
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    in_child_with(|command| trace_calls(command, &trace), scenario);
    let trace = fs::read_to_string(trace).unwrap();
    if !trace.contains(MARK) {
        return Vec::new();
    }
    let calls = calls_between_marks(&trace).into_iter();
    calls.map(str::to_owned).collect()
}

#[test]
fn a_burst_that_finds_its_pages_ready_makes_no_system_call_however_quiet_it_was_before() {
    let calls = calls_of(|| log_after_a_quiet_time(RECORDS / 10));
    assert!(calls.iter().all(|call| is_wake(call)), "{calls:?}");
}

#[test]
fn a_burst_beyond_what_is_ready_makes_two_system_calls_for_each_page_at_most() {
    let calls = calls_of(|| log_after_a_quiet_time(RECORDS));
    let made: Vec<_> = calls.iter().filter(|call| !is_wake(call)).collect();
    assert!(made.len() <= 2 * pages_of(RECORDS), "{made:?}");
}

fn between_marks(part: impl FnOnce()) {
    let _ = rustix::process::getppid();
    part();
    let _ = rustix::process::getppid();
}

#[track_caller]
fn check_calls(trace: &Path) {
    let trace = fs::read_to_string(trace).unwrap();
    let calls = calls_between_marks(&trace);
    assert!(calls.iter().all(|call| is_wake(call)), "{calls:?}");
    assert!(calls.len() <= pages_of(RECORDS), "{}", calls.len());
}

fn is_wake(call: &str) -> bool {
    call.starts_with("futex(")
}

/// How many pages so many events take at most: more than 100 bytes each, but not 200.
fn pages_of(records: u64) -> usize {
    (records * 200 / PAGE_BYTES) as usize + 1
}

/// How much memory the files of a directory take.
fn bytes_in(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).unwrap();
    let files = entries.map(|entry| entry.unwrap().metadata().unwrap());
    files.map(|file| 512 * file.blocks()).sum()
}

/// The system calls of the thread that made the marks, between them.
fn calls_between_marks(trace: &str) -> Vec<&str> {
    let mark = |line: &&str| line.contains(MARK);
    let first = trace.lines().find(mark).unwrap();
    let (thread, _) = first.split_once(' ').unwrap();
    let calls = trace.lines().filter_map(|line| {
        let (caller, call) = line.split_once(' ')?;
        (caller == thread && !call.trim_start().starts_with("<...")).then(|| call.trim_start())
    });
    let calls: Vec<_> = calls.skip_while(|call| !mark(call)).skip(1).collect();
    let end = calls.iter().position(mark).unwrap();
    calls[..end].to_vec()
}

/// Counts the writes.
struct Counted(Arc<AtomicU64>);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn one_write_carries_many_records_under_load() {
    let writes = Arc::new(AtomicU64::new(0));
    let program = Program::start(offloop::builder().writer(Counted(Arc::clone(&writes))));
    program.on_threads(2, |_| log_in_spans(50_000));
    let stats = program.end();
    assert_eq!(stats.lost(), 0);
    let writes = writes.load(Ordering::Relaxed);
    assert!(64 * writes <= stats.written(), "{writes}");
}
