//! Whatever way a program ends, what it logged is in the file after the next start: 2,000 records,
//! one process a cell.
//!
//! tracing-appender goes through the same cells, as a control: where that is known to lose records
//! this test must see it, or it would see nothing in offloop either.

use std::path::PathBuf;

use rustix::process::Signal;

use crate::child::{self, Ended};

const RECORDS: u64 = 2_000;

/// What is known of tracing-appender where a program ends in a certain way. Its guard is what
/// writes, so records are lost where that is dropped early or not at all, and where the thread is
/// gone that writes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Control {
    /// All, or what it can write in the second for which its guard waits.
    Keeps,
    Loses,
    /// Its thread races against the end of the process.
    MayLose,
    /// The same; with a disk that takes its time for each write, the process is faster.
    LosesOnSlowDisk,
}

/// Ways to end. Where the race is against a disk that takes its time for each write, its outcome
/// is certain.
const CELLS: [(&str, Control); 16] = [
    ("return", Control::Keeps),
    ("guard dropped at once", Control::Loses),
    ("exit", Control::MayLose),
    ("exit, slow disk", Control::Loses),
    ("panic", Control::Keeps),
    ("panic=abort", Control::MayLose),
    ("panic=abort, slow disk", Control::Loses),
    ("abort", Control::LosesOnSlowDisk),
    ("SIGTERM", Control::LosesOnSlowDisk),
    ("SIGINT", Control::LosesOnSlowDisk),
    ("SIGSEGV", Control::LosesOnSlowDisk),
    ("SIGKILL at once", Control::LosesOnSlowDisk),
    ("SIGKILL after 0.3 s", Control::MayLose),
    ("SIGKILL after 1.5 s", Control::MayLose),
    ("fork child", Control::Loses),
    ("fork parent", Control::Keeps),
];

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

fn outcome(logger: &str, cell: &str) -> Outcome {
    let (ending, disk) = cell.split_once(", ").unwrap_or((cell, "disk"));
    let scenario = ["survive", logger, ending, disk];
    let ended = if ending == "panic=abort" {
        child::run_aborting(&scenario)
    } else {
        child::run(&scenario)
    };
    assert_ended_as_told(&ended, ending);
    let ended = if logger == "offloop" {
        let next = child::begin_next(ended, &["restart"]).end();
        next.assert_success();
        assert_eq!(next.leftovers(), Vec::<PathBuf>::new());
        next
    } else {
        ended
    };
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
        "panic=abort" | "abort" => ended.assert_signal(Signal::ABORT),
        "SIGTERM" => ended.assert_signal(Signal::TERM),
        "SIGINT" => ended.assert_signal(Signal::INT),
        "SIGSEGV" => ended.assert_signal(Signal::SEGV),
        ending if ending.starts_with("SIGKILL") => ended.assert_signal(Signal::KILL),
        _ => ended.assert_success(),
    }
}

#[test]
fn every_record_is_in_the_file_however_the_process_ends_and_the_control_loses_some() {
    println!("missing of {RECORDS}         offloop tracing-appender");
    for (cell, known) in CELLS {
        let ours = outcome("offloop", cell);
        let control = match known {
            Control::LosesOnSlowDisk => format!("{cell}, slow disk"),
            _ => cell.to_owned(),
        };
        let control = outcome("tracing-appender", &control);
        println!("{cell:22} {:>8} {:>16}", ours.missing, control.missing);
        assert_eq!(ours, ALL_THERE, "{cell}");
        match known {
            Control::Keeps => assert_eq!(control.doubled, 0, "the control, {cell}"),
            Control::Loses | Control::LosesOnSlowDisk => {
                assert_ne!(control.missing, 0, "the control, {cell}")
            }
            Control::MayLose => {}
        }
    }
}
