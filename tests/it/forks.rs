//! Processes that fork, and go on without `exec`: no record doubled, none lost, no hang.
//!
//! Set `OFFLOOP_LONG=1` for more rounds.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::child::{self, Ended};

/// The process that the test started.
const PARENT: u64 = 0;

fn rounds(usual: u64, long: u64) -> u64 {
    let is_long = std::env::var_os("OFFLOOP_LONG").is_some();
    if is_long { long } else { usual }
}

/// The numbers by process, without those of the parent.
fn children(ended: &Ended) -> BTreeMap<u64, Vec<u64>> {
    let mut numbers = ended.numbers_by_process();
    numbers.remove(&PARENT);
    numbers
}

#[track_caller]
fn assert_is_range(numbers: &[u64], end: u64, who: &str) {
    let sorted = numbers.is_sorted();
    let count = numbers.len();
    let is_range = numbers.iter().copied().eq(0..end);
    assert!(
        is_range,
        "{who}: {count} of {end} records, in order: {sorted}"
    );
}

#[test]
fn a_receipt_is_worth_nothing_in_a_forked_child_which_has_its_own() {
    let rounds = rounds(20, 200);
    let ended = child::run(&["fork-audits", &rounds.to_string()]);
    ended.assert_success();
    let receipts = ended.answers("receipts");
    assert_eq!(receipts.len() as u64, rounds);
    let expected = serde_json::json!(["Err(NotDurable)", "Ok(())"]);
    assert!(receipts.iter().all(|answers| **answers == expected));
    assert_is_range(&ended.numbers_by_process()[&PARENT], rounds, "the parent");
    assert_eq!(children(&ended).len() as u64, rounds);
}

#[test]
fn children_forked_while_threads_log_write_their_own_records_once() {
    let rounds = rounds(60, 200);
    let ended = child::run(&["fork-storm", &rounds.to_string()]);
    ended.assert_success();
    ended.assert_stats_add_up();
    let mut numbers = ended.numbers_by_process();
    let mut of_parent = numbers.remove(&PARENT).unwrap();
    of_parent.sort_unstable();
    let expected =
        (0..8).flat_map(|thread| (0..rounds * 50).map(move |number| thread * 1_000_000 + number));
    assert!(of_parent.into_iter().eq(expected));

    let (children, endings) = (ended.answers("child"), ended.answers("ending"));
    assert_eq!(children.len() as u64, rounds);
    for (child, ending) in children.into_iter().zip(endings) {
        let logged = numbers.remove(&child.as_u64().unwrap()).unwrap_or_default();
        // Nothing runs in a process that ends by `_exit`: what was not flushed may be missing.
        let end = if ending == "_exit" {
            logged.len() as u64
        } else {
            100
        };
        assert_is_range(&logged, end, ending.as_str().unwrap());
    }
    assert!(
        numbers.is_empty(),
        "processes that nobody forked: {numbers:?}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_killed_child_had_logged_is_written_by_the_next_one_while_their_parent_lives() {
    let ended = child::run(&["fork-killed"]);
    ended.assert_success();
    let records = ended.records();
    let is_of = |process: u64| move |record: &&Value| record["process"] == process;
    // The notice names a process, too: the system's number of the one that was killed.
    let logged = || records.iter().filter(|record| record["number"].is_u64());
    let numbers = ended.numbers_by_process();
    assert_eq!(numbers[&PARENT], [0, 1]);
    for (process, is_recovered) in [(1, true), (2, false)] {
        assert_is_range(&numbers[&process], 100, "a child");
        let mut marks = logged().filter(is_of(process));
        assert!(marks.all(|record| (record["recovered"] == true) == is_recovered));
    }
    let notices = records.iter();
    let notices = notices.filter(|record| record["message"] == "records recovered");
    let counts: Vec<_> = notices.map(|notice| notice["records"].as_u64()).collect();
    assert_eq!(counts, [Some(100)]);
    let left = ended.leftovers();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_forked_child_does_not_repeat_its_parents_identifiers() {
    let ended = child::run(&["fork-identifiers", "20"]);
    ended.assert_success();
    for kind in ["random", "trace"] {
        let mut told = ended.answers(kind);
        assert_eq!(told.len(), 41);
        told.sort_by_key(|identifier| identifier.to_string());
        told.dedup();
        assert_eq!(told.len(), 41, "{kind}");
    }
}

#[test]
fn workers_forked_ahead_write_side_by_side_into_one_file() {
    let ended = child::run(&["prefork"]);
    ended.assert_success();
    let numbers = ended.numbers_by_process();
    assert_eq!(numbers.len(), 5);
    for logged in numbers.values() {
        assert_is_range(logged, 1_000, "prefork");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_child_keeps_no_log_file_of_its_parent_open() {
    let ended = child::run(&["fork-silent"]);
    ended.assert_success();
    assert_eq!(ended.answers("open"), [0]);
    assert_is_range(&ended.numbers_by_process()[&PARENT], 2, "the parent");
}

#[test]
fn a_child_forked_in_a_blocking_task_writes_its_records() {
    let ended = child::run(&["fork-in-task"]);
    ended.assert_success();
    assert_is_range(&ended.numbers_by_process()[&PARENT], 1_000, "parent");
    let children = children(&ended);
    assert_eq!(children.len(), 1);
    assert_is_range(children.values().next().unwrap(), 100, "child");
}

#[test]
fn a_child_of_a_process_whose_budget_is_used_up_counts_for_itself_and_ends() {
    let ended = child::run(&["fork-stalled"]);
    ended.assert_success();
    ended.assert_stats_add_up();
    let mut accepted: Vec<_> = ended
        .answers("stats")
        .iter()
        .map(|stats| stats["accepted"].as_u64())
        .collect();
    accepted.sort_unstable();
    assert_eq!(accepted, [Some(5_000), Some(10_000)]);
}

#[test]
fn a_child_counts_as_lost_what_a_sink_of_its_parents_alone_does_not_get() {
    let ended = child::run(&["fork-unusable"]);
    ended.assert_success();
    ended.assert_stats_add_up();
    assert_is_range(&ended.numbers_by_process()[&PARENT], 200, "parent");
    let children = children(&ended);
    assert_is_range(children.values().next().unwrap(), 100, "child");
}

#[test]
fn threads_of_a_child_that_log_for_the_first_time_at_once_share_one_pipeline() {
    let rounds = rounds(40, 400);
    let ended = child::run(&["fork-threads", &rounds.to_string()]);
    ended.assert_success();
    let children = children(&ended);
    assert_eq!(children.len() as u64, rounds);
    for mut logged in children.into_values() {
        logged.sort_unstable();
        let expected =
            (0..8).flat_map(|thread| (0..100).map(move |number| thread * 1_000_000 + number));
        assert!(
            logged.iter().copied().eq(expected),
            "{} of 800",
            logged.len()
        );
    }
}

#[test]
fn a_child_forked_while_writers_learn_new_callsites_does_not_hang() {
    let rounds = rounds(300, 3_000);
    let ended = child::run(&["fork-learning", &rounds.to_string()]);
    ended.assert_success();
    let children = children(&ended);
    assert_eq!(children.len() as u64, rounds);
    assert!(children.values().all(|logged| *logged == [1]));
}

#[test]
fn a_child_forked_while_threads_start_and_end_writes_its_record() {
    let rounds = rounds(1_000, 10_000);
    let ended = child::run(&["fork-starting", &rounds.to_string()]);
    ended.assert_success();
    let children = children(&ended);
    assert_eq!(children.len() as u64, rounds);
    assert!(children.values().all(|logged| *logged == [1]));
}

#[test]
fn a_child_forked_within_a_request_writes_its_own_records_and_none_of_its_parents() {
    let rounds = rounds(40, 1_000);
    let ended = child::run(&["fork-request", &rounds.to_string()]);
    ended.assert_success();
    let parents = &ended.numbers_by_process()[&PARENT];
    // Older ones may have made room for newer detail.
    assert!(parents.is_sorted_by(|one, next| one < next));
    assert_eq!(parents.last(), Some(&(rounds + 1)));
    let children = children(&ended);
    assert_eq!(children.len() as u64, rounds);
    assert!(children.values().all(|logged| *logged == [0]));
}

#[test]
fn children_of_children_write_their_own_records() {
    let ended = child::run(&["grandchild"]);
    ended.assert_success();
    let numbers = ended.numbers_by_process();
    assert_eq!(numbers.len(), 4);
    for logged in numbers.values() {
        assert_is_range(logged, 100, "one of four generations");
    }
}

#[test]
fn a_child_of_a_program_that_waits_for_signals_is_ended_by_them_unless_it_waits_itself() {
    let ended = child::run(&["fork-signals"]);
    ended.assert_success();
    assert_eq!(ended.answers("ended"), [true, true]);
    let logged = ended.numbers_by_process();
    assert_eq!(logged.len(), 2, "{logged:?}");
}
