//! Sinks that are slow, stuck, gone or broken.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use offloop::{LossReason, Memory, Sink};
use rustix::fs::{CWD, Mode, OFlags, fcntl_getfl, fcntl_setfl, mkfifoat};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    Gate, PATIENCE, Program, Received, check_numbers, has_played, in_child, in_child_with,
    json_lines, json_lines_among, log_numbers, own, spawn_child, wait_until, without_hanging, wrap,
};

/// A disk at its end: every write takes long.
struct Slow<W>(W);

impl<W: Write> Write for Slow<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        thread::sleep(Duration::from_millis(200));
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn a_slow_sink_costs_records_but_no_memory_and_no_order() {
    let received = Received::default();
    let budget = 256 << 10;
    let gate = Gate::default();
    let builder = offloop::builder().writer(gate.before(Slow(received.clone())));
    let program = Program::start(builder.budget(budget).on_error(|_| {}));
    program.on_threads(2, |producer| {
        for number in 0..10_000_u64 {
            if number == 5_000 {
                // Until now the first write has taken as long as the producers needed to use up the
                // budget, however slow they are.
                gate.open();
            }
            tracing::info!(producer, number, "work");
            assert!(program.guard.stats().used_bytes <= budget);
        }
    });
    let stats = program.end();
    let lines = own(json_lines(&received.text()));
    assert_eq!(lines.len() as u64, stats.written());
    assert_eq!(stats.written() + stats.lost(), 20_000);
    assert_ne!(stats.lost(), 0);
    for producer in 0..2 {
        let of_producer = lines.iter().filter(|line| line["producer"] == producer);
        assert!(of_producer.is_sorted_by_key(|line| line["number"].as_u64()));
    }
}

fn make_fifo(directory: &TempDir) -> PathBuf {
    let path = directory.path().join("fifo");
    mkfifoat(CWD, &path, Mode::from_raw_mode(0o600)).unwrap();
    path
}

fn read_line(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    assert_ne!(reader.read_line(&mut line).unwrap(), 0);
    line
}

/// Reads lines until one has the number.
fn read_to(number: u64, fifo: File, text: &mut String) -> BufReader<File> {
    let last = format!("\"number\":{number}}}");
    // Not a byte more: what comes behind that line is whole for the next reader, or not there.
    let mut reader = BufReader::with_capacity(1, fifo);
    loop {
        let line = read_line(&mut reader);
        text.push_str(&line);
        if line.contains(&last) {
            return reader;
        }
    }
}

#[test]
fn records_wait_for_the_reader_of_a_fifo_and_for_the_next_one() {
    let lines = without_hanging(|| {
        let directory = tempfile::tempdir().unwrap();
        let fifo = make_fifo(&directory);
        let program = Program::start(offloop::builder().file(&fifo).on_error(|_| {}));
        // More than the FIFO itself holds, and nobody reads.
        program.run(|| log_numbers(0..2_000));
        let mut text = String::new();
        let reader = read_to(1_999, File::open(&fifo).unwrap(), &mut text);
        // Nothing but the notice that the sink works again is lost with this reader.
        program.guard.flush(PATIENCE).unwrap();
        drop(reader);
        program.run(|| log_numbers(2_000..4_000));
        let _reader = read_to(3_999, File::open(&fifo).unwrap(), &mut text);
        assert_eq!(program.end().lost(), 0);
        json_lines(&text)
    });
    check_numbers(&lines, 0..4_000);
}

#[test]
fn a_record_of_which_a_reader_that_is_gone_took_a_part_is_lost_and_counted() {
    let (text, stats) = without_hanging(|| {
        let directory = tempfile::tempdir().unwrap();
        let fifo = make_fifo(&directory);
        // There from the beginning, so that the sink fails once it is gone and not before. Opened as
        // it is, it waits for no writer.
        let reader = File::options().read(true).write(true).open(&fifo);
        let program = Program::start(offloop::builder().file(&fifo).on_error(|_| {}));
        // More than the FIFO itself holds.
        program.run(|| tracing::info!(number = 0, text = "x".repeat(100_000), "work"));
        reader.unwrap().read_exact(&mut [0; 4096]).unwrap();
        wait_until(|| program.guard.stats().sinks[0].is_failing);
        program.run(|| log_numbers(1..2));
        let mut text = String::new();
        let _reader = read_to(1, File::open(&fifo).unwrap(), &mut text);
        (text, program.end())
    });
    assert_eq!((stats.written(), stats.lost()), (1, 1));
    check_numbers(&json_lines(&text), 1..2);
}

#[test]
fn what_a_stdout_without_a_reader_is_given_is_lost_at_once_and_other_sinks_tell() {
    let status = without_hanging(|| {
        let mut child = spawn_child(
            |command| {
                command.stdout(Stdio::piped()).stderr(Stdio::inherit());
            },
            || {
                let (memory, (tell, told)) = (Memory::new(), mpsc::channel());
                let builder = offloop::builder().stdout().memory(&memory);
                let builder =
                    builder.on_error(move |why| tell.send(why.to_owned()).unwrap_or_default());
                let guard = builder.exit_timeout(Duration::MAX).init().unwrap();
                // The parent closes the pipe now.
                io::stdin().read_to_end(&mut Vec::new()).unwrap();
                log_numbers(0..1_000);
                guard.flush(Duration::MAX).unwrap();
                let says = "sink without a reader, its records are lost";
                wait_until(|| memory.text().contains(says));
                log_numbers(1_000..2_000);
                let report = guard.shutdown(Duration::MAX);
                assert_eq!((report.lost, report.pending), (2_000, 0));
                let stats = guard.stats();
                assert_eq!(stats.sinks[1].written.total(), 2_000);
                assert_eq!(stats.sinks[0].lost.by(LossReason::Io), 2_000);
                assert!(stats.sinks[0].is_failing && !stats.sinks[1].is_failing);
                let told: Vec<String> = told.try_iter().collect();
                let once = |what: &str| told.iter().filter(|why| why.contains(what)).count();
                assert_eq!(once("nobody can read it any more"), 1, "{told:?}");
                let lost = told
                    .iter()
                    .filter_map(|why| why.strip_suffix(" records lost on the way to stdout"));
                let lost = lost.map(|count| count.parse::<u64>().unwrap());
                // At once or bit by bit, as the writer came to it.
                assert_eq!(lost.sum::<u64>(), 2_000, "{told:?}");
                let lines = memory.lines().into_iter();
                assert_eq!(lines.filter(|line| line.contains(says)).count(), 1);
                // The end of the process does not wait, either.
                log_numbers(2_000..2_010);
            },
        );
        // The test harness has its say first.
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        while !read_line(&mut stdout).contains("running 1 test") {}
        drop(stdout);
        drop(child.stdin.take());
        child.wait().unwrap()
    });
    assert!(has_played(status));
}

#[test]
fn a_stdout_that_nobody_reads_for_a_while_loses_nothing_whether_it_blocks_or_not() {
    for is_nonblocking in [false, true] {
        let text = without_hanging(move || {
            let mut child = spawn_child(
                move |command| {
                    command.env("NONBLOCKING", is_nonblocking.to_string());
                    command.stdout(Stdio::piped()).stderr(Stdio::inherit());
                },
                || {
                    let guard = offloop::builder().stdout().init().unwrap();
                    if std::env::var("NONBLOCKING").unwrap() == "true" {
                        let flags = fcntl_getfl(io::stdout()).unwrap();
                        fcntl_setfl(io::stdout(), flags | OFlags::NONBLOCK).unwrap();
                    }
                    log_numbers(0..20_000);
                    let text = "x".repeat(100_000);
                    tracing::info!(text, number = 20_000, "longer than the pipe");
                    log_numbers(20_001..20_100);
                    let report = guard.shutdown(PATIENCE);
                    assert!(report.is_complete(), "{report:?}");
                    assert_eq!(report.written, 20_100);
                },
            );
            drop(child.stdin.take());
            let mut stdout = child.stdout.take().unwrap();
            let mut text = Vec::new();
            let mut piece = [0; 8_000];
            loop {
                // In pieces that have nothing to do with lines.
                let len = stdout.read(&mut piece).unwrap();
                text.extend_from_slice(&piece[..len]);
                if len == 0 {
                    break;
                }
                thread::yield_now();
            }
            assert!(has_played(child.wait().unwrap()));
            text
        });
        check_numbers(&json_lines_among(&text), 0..20_100);
    }
}

#[test]
fn a_sink_that_stalls_holds_up_no_other() {
    let (gate, stalled, healthy) = (Gate::default(), Received::default(), Memory::new());
    let builder = offloop::builder().writer(gate.before(stalled.clone()));
    let program = Program::start(builder.memory(&healthy));
    program.run(|| log_numbers(0..1_000));
    wait_until(|| healthy.lines().len() == 1_000);
    assert_eq!(program.guard.stats().sinks[0].written.total(), 0);
    gate.open();
    assert_eq!(program.end().lost(), 0);
    check_numbers(&json_lines(&stalled.text()), 0..1_000);
    check_numbers(&json_lines(&healthy.text()), 0..1_000);
}

const PORTIONS: usize = 100;

/// Logs much more than the budget, in portions that the healthy sink keeps up with.
fn check_healthy_beside_stalled(budget: usize, threads: usize, text: &str) {
    let (gate, stalled, healthy) = (Gate::default(), Received::default(), Memory::new());
    let builder = offloop::builder().writer(gate.before(stalled.clone()));
    let program = Program::start(builder.memory(&healthy).budget(budget).on_error(|_| {}));
    let portion = (budget / (text.len() + 50) / threads / 32).max(1);
    program.on_threads(threads, |_| {
        for _ in 0..PORTIONS {
            (0..portion).for_each(|_| tracing::info!(text, "work"));
            wait_until(|| program.guard.stats().sinks[1].waiting < threads as u64);
        }
    });
    gate.open();
    let stats = program.end();
    let (stalled_stats, healthy_stats) = (&stats.sinks[0], &stats.sinks[1]);
    assert_eq!(healthy_stats.lost.total(), 0, "{budget} {threads}");
    assert_eq!(
        healthy_stats.written.total(),
        (threads * portion * PORTIONS) as u64
    );
    assert_ne!(stalled_stats.lost.by(LossReason::QueueFull), 0);
    let lines = own(json_lines(&stalled.text()));
    assert_eq!(lines.len() as u64, stalled_stats.written.total());
    assert_eq!(
        stats.accepted.total(),
        stalled_stats.written.total() + stalled_stats.lost.total()
    );
}

#[test]
fn a_stalled_sink_that_has_used_up_the_budget_costs_a_healthy_one_nothing() {
    for (budget, threads, text_len) in [
        (256 << 10, 1, 100),
        (1 << 20, 8, 100),
        (4 << 20, 2, 200_000),
    ] {
        check_healthy_beside_stalled(budget, threads, &"x".repeat(text_len));
    }
}

/// Answers as it was told, and takes everything after that.
struct Script {
    answers: VecDeque<Answer>,
    received: Received,
}

#[derive(Clone, Copy)]
enum Answer {
    Fail(io::ErrorKind),
    Take(usize),
    Panic,
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.answers.pop_front() {
            Some(Answer::Fail(kind)) => Err(kind.into()),
            Some(Answer::Take(count)) => self.received.write(&bytes[..count.min(bytes.len())]),
            Some(Answer::Panic) => std::panic::resume_unwind(Box::new("part of the test")),
            None => self.received.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything that was logged to a sink that follows the script.
fn logged_through(answers: &[Answer]) -> (Vec<Value>, offloop::Stats) {
    let received = Received::default();
    let script = Script {
        answers: answers.iter().copied().collect(),
        received: received.clone(),
    };
    let builder = offloop::builder().sink(Sink::writer(script).named("scripted"));
    let program = Program::start(builder.on_error(|_| {}));
    program.run(|| log_numbers(0..1_000));
    program.guard.flush(PATIENCE).unwrap();
    program.run(|| log_numbers(1_000..1_010));
    let stats = program.end();
    (json_lines(&received.text()), stats)
}

fn recoveries(lines: &[Value]) -> Vec<&Value> {
    let is_recovery = |line: &&Value| line["message"] == "sink recovered";
    lines.iter().filter(is_recovery).collect()
}

#[test]
fn a_sink_that_fails_and_recovers_gets_every_line_once_and_the_log_says_so() {
    use io::ErrorKind::{BrokenPipe, Other, StorageFull};
    let failure = [StorageFull, StorageFull, StorageFull].map(Answer::Fail);
    let (lines, stats) = logged_through(&failure);
    check_numbers(&lines, 0..1_010);
    assert_eq!(stats.lost(), 0);
    assert!(!stats.sinks[0].is_failing);
    let notices = recoveries(&lines);
    assert_eq!(notices.len(), 1);
    assert_eq!(
        notices[0]["error"],
        io::Error::from(StorageFull).to_string()
    );
    assert_eq!(notices[0]["sink"], "scripted");
    assert_eq!(notices[0]["sink_destination"], "writer");
    assert!(notices[0]["failed_ms"].is_u64());

    for kind in [BrokenPipe, Other] {
        let (lines, _) = logged_through(&[Answer::Take(7), Answer::Fail(kind), Answer::Take(1)]);
        check_numbers(&lines, 0..1_010);
    }
}

#[test]
fn a_sink_that_takes_lines_in_pieces_gets_each_once() {
    let pieces: Vec<_> = (1..200).map(Answer::Take).collect();
    let (lines, stats) = logged_through(&pieces);
    check_numbers(&lines, 0..1_010);
    assert_eq!((stats.written(), stats.lost()), (1_010, 0));
    assert!(recoveries(&lines).is_empty());
}

#[test]
fn a_sink_that_is_interrupted_or_has_no_room_for_a_moment_has_not_failed() {
    use io::ErrorKind::{Interrupted, WouldBlock};
    let answers = [
        Answer::Fail(Interrupted),
        Answer::Take(10),
        Answer::Fail(WouldBlock),
        Answer::Fail(WouldBlock),
        Answer::Take(10),
        Answer::Fail(Interrupted),
    ];
    let (lines, stats) = logged_through(&answers);
    check_numbers(&lines, 0..1_010);
    assert_eq!(stats.lost(), 0);
    assert!(recoveries(&lines).is_empty());
}

#[test]
fn a_sink_that_takes_nothing_fails_and_recovers() {
    let (lines, _) = logged_through(&[Answer::Take(0), Answer::Take(0)]);
    check_numbers(&lines, 0..1_010);
    assert_eq!(recoveries(&lines).len(), 1);
}

#[test]
fn a_sink_that_panics_costs_its_batch_which_is_counted() {
    let (lines, stats) = logged_through(&[Answer::Panic]);
    let sink = &stats.sinks[0];
    assert_ne!(sink.lost.by(LossReason::Io), 0);
    assert_eq!(sink.lost.total() + sink.written.total(), 1_010);
    assert_eq!(own(lines.clone()).len() as u64, sink.written.total());
    let numbers = lines.iter().filter_map(|line| line["number"].as_u64());
    assert!(numbers.is_sorted());
    let told = lines
        .iter()
        .filter_map(|line| line["lost.i_o.info"].as_u64());
    assert_eq!(told.sum::<u64>(), sink.lost.total());
}

/// Takes lines, and fails to hand them over.
#[derive(Clone, Default)]
struct Hesitant {
    received: Received,
    failures_left: Arc<AtomicU64>,
}

impl Write for Hesitant {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.received.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        let left = self.failures_left.load(Ordering::Relaxed);
        if left == 0 {
            return Ok(());
        }
        self.failures_left.store(left - 1, Ordering::Relaxed);
        Err(io::ErrorKind::StorageFull.into())
    }
}

#[test]
fn a_sink_that_buffers_has_recovered_when_it_was_flushed() {
    let sink = Hesitant::default();
    sink.failures_left.store(5, Ordering::Relaxed);
    let program = Program::start(offloop::builder().writer(sink.clone()).on_error(|_| {}));
    let mut number = 0;
    while sink.failures_left.load(Ordering::Relaxed) != 0 {
        program.run(|| log_numbers(number..number + 1));
        number += 1;
        thread::yield_now();
    }
    program.guard.flush(PATIENCE).unwrap();
    assert!(!program.guard.stats().sinks[0].is_failing);
    assert_eq!(program.end().lost(), 0);
    let lines = json_lines(&sink.received.text());
    check_numbers(&lines, 0..number);
    assert_eq!(recoveries(&lines).len(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn records_wait_while_a_device_is_full() {
    in_child(|| {
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&complaints);
        let builder = offloop::builder().sink(Sink::file("/dev/full"));
        let builder = builder.exit_timeout(Duration::ZERO);
        let program = Program::start(builder.on_error(move |complaint| {
            heard.lock().unwrap().push(complaint.to_owned());
        }));
        program.run(|| log_numbers(0..100));
        wait_until(|| program.guard.stats().sinks[0].is_failing);
        let report = program.guard.shutdown(Duration::from_millis(1));
        assert_eq!((report.written, report.lost, report.pending), (0, 0, 100));
        let complaints = complaints.lock().unwrap();
        // A start may have something to say of what others have left on this machine.
        let of_it =
            |said: &&String| said.starts_with("write to file /dev/full: No space left on device");
        assert_eq!(complaints.iter().filter(of_it).count(), 1, "{complaints:?}");
    });
}

fn limit_file_size(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    let limit = Rlimit {
        current: bytes.or(maximum),
        maximum,
    };
    setrlimit(Resource::Fsize, limit).unwrap();
}

#[test]
fn a_file_that_may_not_grow_for_a_while_gets_every_line_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    in_child_with(
        |command| {
            // The signal of the limit is to be an error. What is ignored stays so in a new program.
            let mut shell = Command::new("sh");
            shell.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
            wrap(command, shell);
            command.env("LOG_PATH", &path);
        },
        || {
            let path = std::env::var_os("LOG_PATH").unwrap();
            let builder = offloop::builder().file(PathBuf::from(path));
            let guard = builder.on_error(|_| {}).init().unwrap();
            // In the middle of a line.
            limit_file_size(Some(12_345));
            log_numbers(0..1_000);
            wait_until(|| guard.stats().sinks[0].is_failing);
            assert_ne!(guard.stats().written(), 0);
            limit_file_size(None);
            guard.flush(PATIENCE).unwrap();
            assert_eq!(guard.shutdown(PATIENCE).written, 1_000);
        },
    );
    let lines = json_lines(&fs::read_to_string(path).unwrap());
    check_numbers(&lines, 0..1_000);
    assert_eq!(recoveries(&lines).len(), 1);
}

#[test]
fn a_program_whose_sink_is_stuck_ends_after_its_exit_time_out() {
    without_hanging(|| {
        in_child(|| {
            let gate = Gate::default();
            let builder = offloop::builder().writer(gate.before(Received::default()));
            let builder = builder.exit_timeout(Duration::from_millis(10));
            builder.init().unwrap();
            log_numbers(0..10);
        })
    });
}
