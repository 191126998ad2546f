//! Ways for a process to end, or to go on where it might have ended: what was logged is written, or
//! counted, and nothing hangs.

use std::ops::Range;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::child::{self, Ended};

/// Sorted, since threads that log at once may come in any order.
#[track_caller]
fn assert_numbers(ended: &Ended, expected: impl IntoIterator<Item = Range<u64>>) {
    let mut numbers = ended.numbers();
    numbers.sort_unstable();
    let mut expected: Vec<u64> = expected.into_iter().flatten().collect();
    expected.sort_unstable();
    assert!(
        numbers == expected,
        "{} of {} records, or others\n{}",
        numbers.len(),
        expected.len(),
        ended.stderr
    );
}

fn records_about(ended: &Ended, target: &str) -> Vec<Value> {
    let mut records = ended.records();
    records.retain(|record| record["target"] == target);
    records
}

#[test]
fn a_panic_in_a_task_is_a_record_and_the_program_goes_on() {
    let ended = child::run(&["task-panics"]);
    ended.assert_success();
    ended.assert_stats_add_up();
    assert_eq!(ended.numbers(), [0, 1]);
    let panics = records_about(&ended, "panic");
    assert_eq!(panics.len(), 1, "{panics:?}");
    assert_eq!(panics[0]["level"], "ERROR");
    assert_eq!(panics[0]["message"], "the handler failed");
    let location = panics[0]["location"].as_str().unwrap();
    assert!(location.contains("exits.rs:"), "{location}");
}

#[test]
fn a_value_that_panics_loses_neither_its_record_nor_the_program() {
    let ended = child::run(&["value-panics"]);
    ended.assert_success();
    ended.assert_stats_add_up();
    assert_eq!(ended.numbers(), [0, 1, 2]);
    let records = ended.records();
    let marked = records.iter().filter(|record| {
        let values = [&record["value"], &record["span_value"]];
        values.contains(&&json!("so far so good[formatting panicked]"))
    });
    assert_eq!(marked.count(), 3, "{records:#?}");
    assert_eq!(records_about(&ended, "panic").len(), 3);
}

#[test]
fn a_double_panic_aborts_and_all_that_led_to_it_is_written() {
    let ended = child::run(&["double-panic"]);
    ended.assert_signal(Signal::ABORT);
    assert!(ended.numbers().into_iter().eq(0..1_001));
    let panics = records_about(&ended, "panic");
    let said = |message| panics.iter().any(|panic| panic["message"] == message);
    assert!(said("the first of two panics"), "{panics:#?}");
    assert!(said("the second of two panics"), "{panics:#?}");
}

#[test]
fn an_abort_does_not_hang_and_leaves_whole_lines() {
    let ended = child::run(&["abort"]);
    ended.assert_signal(Signal::ABORT);
    let numbers = ended.numbers();
    assert!(numbers.iter().copied().eq(0..numbers.len() as u64));
}

#[test]
fn a_service_that_a_signal_ends_writes_what_its_tasks_logged() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut child = child::begin(&["signal"]);
        child.wait_for(&json!("ready"));
        child.signal(signal);
        let ended = child.end();
        ended.assert_success();
        ended.assert_stats_add_up();
        let logged = ended.answers("logged")[0].as_u64().unwrap();
        let mut numbers = ended.numbers();
        assert_eq!(numbers.len() as u64, logged);
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len() as u64, logged);
    }
}

#[test]
fn a_second_signal_ends_a_service_that_hangs_once_what_it_logged_is_written() {
    for (first, second) in [(Signal::TERM, Signal::INT), (Signal::INT, Signal::TERM)] {
        let mut child = child::begin(&["signal-twice"]);
        child.wait_for(&json!("ready"));
        child.signal(first);
        child.wait_for(&json!("asked"));
        child.signal(second);
        let ended = child.end();
        ended.assert_signal(second);
        assert!(ended.numbers().into_iter().eq(0..1_000));
        assert_eq!(ended.leftovers().len(), 0);
    }
}

#[test]
fn a_guard_dropped_while_threads_log_loses_nothing() {
    let ended = child::run(&["guard-dropped"]);
    ended.assert_success();
    assert_numbers(
        &ended,
        (0..8).map(|thread| thread * 10_000..thread * 10_000 + 2_000),
    );
}

#[test]
fn a_record_logged_after_shutdown_is_written_by_its_caller() {
    let ended = child::run(&["after-shutdown"]);
    ended.assert_success();
    ended.assert_stats_add_up();
    assert!(ended.numbers().into_iter().eq(0..300));
    assert_eq!(ended.answers("report")[1]["written"], 300);
}

#[test]
fn records_logged_after_a_shutdown_that_failed_are_counted_and_hold_nobody_up_for_long() {
    let ended = child::run(&["late-stalled"]);
    ended.assert_success();
    ended.assert_stats_add_up();
    let stats = ended.answers("stats")[0];
    assert_eq!(stats["accepted"], 7_000);
    // The shutdown has waited for it in vain: nobody waits once more.
    assert_eq!(stats["lost"], 2_000, "{stats}");
}

#[test]
fn a_record_that_could_not_be_written_after_shutdown_is_tried_once_more_at_exit() {
    let ended = child::run(&["late-pending"]);
    ended.assert_success();
    ended.assert_stats_add_up();
    assert_eq!(ended.answers("stats")[0]["waiting"], 1);
    assert_eq!(ended.numbers(), [0, 1]);
}

#[test]
fn records_of_exit_handlers_are_written_whether_they_run_before_or_after_offloops_own() {
    for count in [1, 10, 600] {
        let ended = child::run(&["exit-handlers", &count.to_string()]);
        ended.assert_success();
        ended.assert_stats_add_up();
        assert_numbers(
            &ended,
            [0..100, 10_000..10_000 + count, 20_000..20_000 + count],
        );
    }
}

#[test]
fn records_of_thread_destructors_are_written_before_and_after_offloops_own_is_destroyed() {
    let ended = child::run(&["thread-destructors"]);
    ended.assert_success();
    let of_thread = |thread: u64| [0, 100, 200].map(|start| thread * 10_000 + start);
    let starts = (0..=4).flat_map(of_thread);
    assert_numbers(&ended, starts.map(|start| start..start + 10));
}

#[test]
fn an_exit_in_the_midst_of_a_log_call_writes_what_came_before() {
    let ended = child::run(&["exit-in-value"]);
    ended.assert_success();
    assert_numbers(&ended, std::iter::once(0..100));
}

#[test]
fn an_exit_on_the_writer_thread_does_not_hang() {
    child::run(&["exit-in-writer"]).assert_success();
}

#[test]
fn an_exit_on_another_thread_writes_what_main_has_logged() {
    let ended = child::run(&["exit-in-thread"]);
    ended.assert_success();
    let numbers = ended.numbers();
    let (of_thread, of_main): (Vec<u64>, Vec<u64>) =
        numbers.into_iter().partition(|number| *number < 10_000);
    assert!(of_thread.into_iter().eq(0..1_000));
    assert!(1_000 <= of_main.len(), "{} of main", of_main.len());
    assert!(
        of_main
            .iter()
            .copied()
            .eq(10_000..10_000 + of_main.len() as u64)
    );
}

#[test]
fn logging_within_logging_does_not_hang_on_a_budget_used_up() {
    for overflow in ["drop", "block"] {
        let ended = child::run(&["reentrant", overflow]);
        ended.assert_success();
        ended.assert_stats_add_up();
        let stats = ended.answers("stats")[0];
        assert_eq!(stats["accepted"], 4 * 2_000);
        assert_ne!(stats["lost"], 0);
    }
}

#[test]
fn a_shutdown_against_a_reader_that_stalls_says_what_is_pending_and_the_end_says_so_too() {
    let ended = child::run(&["stalled-shutdown", "stays"]);
    ended.assert_success();
    ended.assert_stats_add_up();
    let report = ended.answers("report")[0];
    let sum = ["written", "lost", "pending"].map(|key| report[key].as_u64().unwrap());
    assert_eq!(sum.into_iter().sum::<u64>(), 5_000, "{report}");
    assert_ne!(report["pending"], 0);
    assert_eq!(report["lost"], 0);
    assert!(
        ended.stderr.contains("the process ends with"),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_a_shutdown_left_pending_is_written_at_exit_if_the_reader_recovers() {
    let ended = child::run(&["stalled-shutdown", "recovers"]);
    ended.assert_success();
    assert_ne!(ended.answers("report")[0]["pending"], 0);
    // The last bytes were in the FIFO when the process ended, and with it the reading thread.
    assert!(
        !ended.stderr.contains("the process ends with"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_shutdown_with_a_full_disk_returns_counts_and_holds_up_no_other_sink() {
    let ended = child::run(&["full-disk"]);
    ended.assert_success();
    ended.assert_stats_add_up();
    let stats = ended.answers("stats");
    assert_eq!(stats[0]["waiting"], 1_000);
    assert_eq!(stats[1]["written"], 1_000);
}
