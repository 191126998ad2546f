//! Whatever way a program ends, what it logged is in the file: 2,000 records, one process a cell.
//!
//! tracing-appender goes through the same cells, as a control: where that is known to lose records
//! this test must see it, or it would see nothing in offloop either.

use crate::child::{self, Ended};

const RECORDS: u64 = 2_000;

/// Ways to end, and whether tracing-appender loses records there: its guard is what writes, so it
/// does wherever that is dropped early or not at all, and where the thread is gone that writes.
const CELLS: [(&str, bool); 7] = [
    ("return", false),
    ("guard dropped at once", true),
    ("exit", true),
    ("panic", false),
    ("panic=abort", true),
    ("fork child", true),
    ("fork parent", false),
];

/// The control may be lucky where its thread races against the end of the process.
const CONTROL_ATTEMPTS_MAX: usize = 20;

/// What became of the records of one cell.
#[derive(Debug, PartialEq)]
struct Outcome {
    missing: usize,
    doubled: usize,
    in_order: bool,
}

const ALL_THERE: Outcome = Outcome {
    missing: 0,
    doubled: 0,
    in_order: true,
};

fn outcome(logger: &str, ending: &str) -> Outcome {
    let scenario = ["survive", logger, ending];
    let ended = if ending == "panic=abort" {
        child::run_aborting(&scenario)
    } else {
        child::run(&scenario)
    };
    assert_ended_as_told(&ended, ending);
    let numbers = ended.numbers();
    let count = |number| numbers.iter().filter(|other| **other == number).count();
    let counts: Vec<usize> = (0..RECORDS).map(count).collect();
    Outcome {
        missing: counts.iter().filter(|count| **count == 0).count(),
        doubled: counts.iter().filter(|count| 1 < **count).count(),
        in_order: numbers.is_sorted(),
    }
}

fn assert_ended_as_told(ended: &Ended, ending: &str) {
    match ending {
        "panic" => assert_eq!(ended.status.code(), Some(101), "{}", ended.stderr),
        "panic=abort" => ended.assert_signal(rustix::process::Signal::ABORT),
        _ => ended.assert_success(),
    }
}

fn control(ending: &str, loses: bool) -> Outcome {
    let attempts = if loses { CONTROL_ATTEMPTS_MAX } else { 1 };
    let mut outcomes = (0..attempts).map(|_| outcome("tracing-appender", ending));
    let first = outcomes.next().unwrap();
    if 0 < first.missing {
        return first;
    }
    outcomes
        .find(|outcome| 0 < outcome.missing)
        .unwrap_or(first)
}

#[test]
fn every_record_is_in_the_file_however_the_process_ends_and_the_control_loses_some() {
    println!(
        "{:22} {:>22} {:>22}",
        "missing of 2,000", "offloop", "tracing-appender"
    );
    for (ending, control_loses) in CELLS {
        let (ours, control) = (outcome("offloop", ending), control(ending, control_loses));
        println!("{ending:22} {:>22} {:>22}", ours.missing, control.missing);
        assert_eq!(ours, ALL_THERE, "{ending}");
        assert_eq!(0 < control.missing, control_loses, "{ending}: {control:?}");
    }
}
