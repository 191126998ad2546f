//! Lines that are numbered: what a reader can tell from the numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};

use offloop::{Memory, Sink};
use serde_json::Value;

use crate::child;
use crate::support::{PATIENCE, Program, Received, json_lines};

/// The numbers of the lines, in the order of the file.
fn numbers(lines: &[Value]) -> Vec<u64> {
    lines
        .iter()
        .map(|line| line["seq"].as_u64().unwrap())
        .collect()
}

/// What a writer does with one call.
enum Answer {
    Fail,
    Panic,
    Write,
}

/// Answers as it is told, and then writes.
struct Script {
    answers: Vec<Answer>,
    received: Received,
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.answers.pop() {
            Some(Answer::Fail) => Err(io::ErrorKind::StorageFull.into()),
            Some(Answer::Panic) => std::panic::resume_unwind(Box::new("part of the test")),
            Some(Answer::Write) | None => self.received.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A numbered sink whose writer gives `answers`, the last one first, and what it receives.
fn scripted(answers: Vec<Answer>) -> (Program, Received) {
    let received = Received::default();
    let writer = Script {
        answers,
        received: received.clone(),
    };
    let sink = Sink::writer(writer).with_sequence();
    let program = Program::start(offloop::builder().sink(sink).on_error(|_| {}));
    (program, received)
}

/// Logs a record and sees it written, or given up on.
fn log_alone(program: &Program, number: u64) {
    program.run(|| tracing::info!(number, "record"));
    program.guard.flush(PATIENCE).unwrap();
}

#[test]
fn each_sink_numbers_the_lines_that_it_writes_and_every_start_begins_at_1() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    for _ in 0..2 {
        let warnings = Memory::new();
        let warnings_sink = Sink::memory(&warnings).filter("warn").with_sequence();
        let sink = Sink::file(&path).with_sequence();
        let program = Program::start(offloop::builder().sink(sink).sink(warnings_sink));
        program.on_threads(4, |thread| {
            for number in 0..500 {
                tracing::info!(thread, number, seq = "the program's own", "record");
            }
            tracing::warn!(thread, "warning");
        });
        program.end();
        assert_eq!(numbers(&json_lines(&warnings.text())), [1, 2, 3, 4]);
    }
    let lines = json_lines(&fs::read_to_string(&path).unwrap());
    assert!(numbers(&lines).into_iter().eq((1..=2_004).chain(1..=2_004)));
    assert_eq!(lines[0]["fields.seq"], "the program's own");
}

#[test]
fn a_line_that_is_offered_again_keeps_its_number_and_the_notice_of_it_has_the_next() {
    let (program, received) = scripted(vec![Answer::Fail, Answer::Fail]);
    for number in 0..3 {
        log_alone(&program, number);
    }
    program.end();
    let lines = json_lines(&received.text());
    assert_eq!(numbers(&lines), [1, 2, 3, 4]);
    let notice = lines.iter().find(|line| line["target"] == "offloop");
    assert_eq!(notice.unwrap()["message"], "sink recovered");
}

#[test]
fn a_line_that_is_given_up_on_leaves_a_gap() {
    let (program, received) = scripted(vec![Answer::Panic, Answer::Write]);
    for number in 0..3 {
        log_alone(&program, number);
    }
    assert_eq!(program.end().lost(), 1);
    let lines = json_lines(&received.text());
    // The second line is lost, which a notice tells sooner or later.
    let expected: Vec<_> = (1..)
        .filter(|number| *number != 2)
        .take(lines.len())
        .collect();
    assert_eq!(numbers(&lines), expected);
    let shown = lines.iter().filter_map(|line| line["number"].as_u64());
    assert!(shown.eq([0, 2]), "{lines:?}");
}

#[test]
fn forked_processes_number_their_own_lines_and_carry_their_own_pid() {
    let ended = child::run(&["prefork"]);
    ended.assert_success();
    let mut of_process = BTreeMap::<_, Vec<_>>::new();
    for line in ended.records() {
        let pid = line["pid"].as_u64().unwrap();
        of_process.entry(pid).or_default().push(line);
    }
    let pids = ended.answers("pid");
    let pids: BTreeSet<_> = pids.iter().map(|pid| pid.as_u64().unwrap()).collect();
    assert_eq!(pids.len(), 5);
    assert!(of_process.keys().eq(&pids));
    for lines in of_process.values() {
        assert!(numbers(lines).into_iter().eq(1..=1_000));
        let same_process = |line: &Value| line["process"] == lines[0]["process"];
        assert!(lines.iter().all(same_process));
    }
}
