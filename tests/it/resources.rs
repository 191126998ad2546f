//! What the system has no more of: threads, memory. Files and descriptors are in `files.rs`.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use offloop::{Builder, LossReason, Overflow};
use serde_json::Value;
use tempfile::tempdir;

use crate::faults::{Scope, Site, is_traceable};
use crate::support::{
    Gate, PATIENCE, check_numbers, in_child, in_child_with, is_long, json_lines, wait_until,
};

const MIB: u64 = 1 << 20;

/// Where a child finds its log.
const LOG_PATH: &str = "LOG_PATH";

/// What this process has in memory, in bytes. The program itself is none of it: the system takes such
/// pages away when it likes, and they are back with the next look at them.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let figure = |name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.unwrap().trim_start_matches(':').trim_end_matches("kB");
        kib.trim().parse::<u64>().unwrap() << 10
    };
    figure("RssAnon") + figure("RssShmem")
}

fn in_child_with_log<F: FnOnce()>(path: &Path, scenario: F) {
    in_child_with(
        |command: &mut Command| {
            command.env(LOG_PATH, path);
        },
        scenario,
    );
}

fn path_of_child() -> PathBuf {
    std::env::var_os(LOG_PATH).unwrap().into()
}

/// Logs a kilobyte a record, a million times in the long variant, to a sink that takes nothing.
fn check_bounded(builder: Builder, release: impl FnOnce()) {
    const BUDGET: u64 = 16 * MIB;
    let records = if is_long() { 1_000_000 } else { 100_000 };
    let text = "x".repeat(1_000);
    let guard = builder.budget(BUDGET as usize).init().unwrap();
    let before = memory();
    for number in 0..records {
        tracing::info!(number, text, "work");
    }
    let grown = memory().saturating_sub(before);
    // Its lists and the batch at hand come on top of it.
    assert!(grown <= BUDGET + BUDGET / 10 + MIB, "{grown} bytes");
    let stats = guard.stats();
    assert_eq!(stats.accepted.total(), records);
    assert_eq!(stats.lost() + stats.waiting(), records);
    assert_eq!(stats.sinks[0].lost.by(LossReason::QueueFull), stats.lost());
    assert!(stats.used_bytes as u64 <= BUDGET);
    release();
    let report = guard.shutdown(PATIENCE);
    assert_eq!(report.written + report.lost, records);
    assert_eq!(report.pending, 0);
}

#[test]
fn a_writer_that_is_stuck_costs_the_budget_and_no_more() {
    in_child_with_log(Path::new(""), || {
        let gate = Gate::default();
        let writer = gate.before(io::sink());
        check_bounded(offloop::builder().writer(writer).on_error(|_| {}), || {
            gate.open();
        });
    });
}

#[test]
fn a_file_that_is_stuck_costs_the_budget_and_no_more() {
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    in_child_with_log(&path, || {
        // Before the program opens it: the lock is another's.
        let lock = File::create(path_of_child()).unwrap();
        lock.lock().unwrap();
        let builder = offloop::builder().file(path_of_child()).on_error(|_| {});
        check_bounded(builder, || drop(lock));
    });
    let lines = json_lines(&fs::read_to_string(&path).unwrap());
    let is_report = |line: &&Value| line["message"] == "records lost";
    assert_ne!(
        lines.iter().filter(is_report).count(),
        0,
        "no word of the loss"
    );
}

/// Two thousand threads, of which so many live at the same time, log ten records each.
fn log_on_short_lived_threads(round: u64) {
    const THREADS: u64 = 2_000;
    const AT_ONCE: u64 = 50;
    const RECORDS: u64 = 10;
    for first in (0..THREADS).step_by(AT_ONCE as usize) {
        thread::scope(|scope| {
            for thread in first..first + AT_ONCE {
                scope.spawn(move || {
                    let start = (round * THREADS + thread) * RECORDS;
                    for number in start..start + RECORDS {
                        tracing::info!(number, "work");
                    }
                });
            }
        });
    }
}

#[test]
fn threads_that_come_and_go_leave_neither_memory_nor_a_record_behind() {
    let rounds = if is_long() { 100 } else { 4 };
    let directory = tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    in_child_with_log(&path, || {
        // Each thread takes a page of its own: faster than one writer empties them.
        let overflow = Overflow::Block { at_most: PATIENCE };
        let builder = offloop::builder().file(path_of_child());
        // Its pages lie on a tmpfs that others of these tests need, too, and that may be a small one.
        let builder = builder.overflow(overflow).budget(16 * MIB as usize);
        let guard = builder.init().unwrap();
        log_on_short_lived_threads(0);
        guard.flush(PATIENCE).unwrap();
        let before = memory();
        for round in 1..=rounds {
            log_on_short_lived_threads(round);
        }
        // What the last threads needed at once is given back by and by.
        wait_until(|| {
            guard.flush(PATIENCE).unwrap();
            memory() <= before + 5 * MIB
        });
        let report = guard.shutdown(PATIENCE);
        assert_eq!((report.lost, report.pending), (0, 0));
    });
    let mut lines = json_lines(&fs::read_to_string(&path).unwrap());
    lines.sort_by_key(|line| line["number"].as_u64());
    check_numbers(&lines, 0..(1 + rounds) * 20_000);
}

#[test]
fn a_start_without_a_thread_to_be_had_is_refused() {
    if !is_traceable() {
        return;
    }
    let site = Site::new();
    let inject = "clone3:error=EAGAIN:when=1+";
    let run = site.run_traced(["anomaly", "plain"], "clone3", Scope::Process, Some(inject));
    run.assert_ended();
    let answer = site.answer();
    let refusal = answer["outcome"]["refused"].as_str().unwrap();
    assert!(refusal.starts_with("start writer thread: "), "{refusal}");
    assert_eq!(site.leftovers(), [] as [PathBuf; 0]);
}

#[test]
fn a_forked_child_without_a_thread_to_be_had_writes_its_records_all_the_same() {
    if !is_traceable() {
        return;
    }
    let site = Site::new();
    // The first of each process.
    let inject = "clone3:error=EAGAIN:when=1";
    let scenario = ["fork-without-thread", "plain"];
    let run = site.run_traced(scenario, "clone3", Scope::Process, Some(inject));
    run.assert_ended();
    assert_eq!(run.injected(), 2);
    let mut lines = site.lines();
    lines.sort_by_key(|line| line["process"].as_u64());
    let (parents, childs) = lines.split_at(lines.len() / 2);
    check_numbers(parents, 0..100);
    check_numbers(childs, 0..100);
}

/// The names of the process's threads, and whether they are batch threads.
fn are_batch_threads() -> Vec<(String, bool)> {
    const PLACE_OF_POLICY: usize = 38;
    const SCHED_BATCH: &str = "3";
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    // A thread may end meanwhile.
    let stats = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
    let is_batch = |stat: String| {
        let (name, figures) = stat.rsplit_once(") ").unwrap();
        let name = name.split_once('(').unwrap().1.to_owned();
        let policy = figures.split(' ').nth(PLACE_OF_POLICY).unwrap();
        (name, policy == SCHED_BATCH)
    };
    stats.map(is_batch).collect()
}

#[test]
fn writers_push_no_other_thread_aside() {
    in_child(|| {
        let guard = offloop::builder().writer(io::sink()).init().unwrap();
        // By then its thread has begun.
        tracing::info!("one");
        guard.flush(PATIENCE).unwrap();
        let threads = are_batch_threads();
        let is_writer = |(name, _): &&(String, bool)| name.starts_with("offloop-");
        let (writers, others): (Vec<_>, Vec<_>) = threads.iter().partition(is_writer);
        assert_eq!(writers.len(), 1, "{threads:?}");
        assert!(writers.iter().all(|(_, is_batch)| *is_batch), "{writers:?}");
        assert!(!others.iter().any(|(_, is_batch)| *is_batch), "{others:?}");
    });
}
