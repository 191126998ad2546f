//! What is written when: flush, shutdown, and the drop-in for `tracing_appender::non_blocking`.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use offloop::{Memory, Overflow};

use crate::support::{
    Gate, PATIENCE, Program, Received, block_on, in_child, json_lines, json_lines_among, own,
    without_hanging,
};

fn log_until_over(is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        tracing::info!("noise");
    }
}

#[test]
fn flush_returns_after_earlier_records_are_written_while_others_go_on_logging() {
    let memory = Memory::new();
    let builder = offloop::builder().memory(&memory).budget(256 << 10);
    let program = Program::start(builder.overflow(Overflow::Block { at_most: PATIENCE }));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| program.run(|| log_until_over(&is_over)));
        }
        for number in 0..50 {
            program.run(|| tracing::info!(number, "mine"));
            program.guard.flush(PATIENCE).unwrap();
            assert!(memory.text().contains(&format!("\"number\":{number}")));
            memory.clear();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert_eq!(program.end().lost(), 0);
}

#[test]
fn flush_covers_records_of_other_threads_that_were_logged_before() {
    let memory = Memory::new();
    let program = Program::start(offloop::builder().memory(&memory));
    for turn in 1..=200 {
        thread::scope(|scope| {
            scope.spawn(|| program.run(|| tracing::info!("elsewhere")));
        });
        program.guard.flush(PATIENCE).unwrap();
        assert_eq!(memory.lines().len(), turn);
    }
}

/// Notes which threads call it.
#[derive(Clone, Default)]
struct Callers(Arc<Mutex<Vec<String>>>);

impl Write for Callers {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let caller = thread::current().name().unwrap_or_default().to_owned();
        self.0.lock().unwrap().push(caller);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_is_called_on_its_own_thread_also_by_a_flush_right_after_the_start() {
    for _ in 0..200 {
        let callers = Callers::default();
        let program = Program::start(offloop::builder().writer(callers.clone()));
        program.run(|| tracing::info!("first"));
        program.guard.flush(PATIENCE).unwrap();
        assert_eq!(*callers.0.lock().unwrap(), ["offloop-writer"]);
    }
}

#[test]
fn a_flush_whose_time_runs_out_says_how_many_records_wait() {
    let gate = Gate::default();
    let program = Program::start(offloop::builder().writer(gate.before(Received::default())));
    program.run(|| (0..3).for_each(|_| tracing::info!("stalled")));
    let error = program.guard.flush(Duration::from_millis(1)).unwrap_err();
    assert_eq!(error.pending, 3);
    assert_eq!(
        error.to_string(),
        "flush log: time ran out with 3 records waiting"
    );
    gate.open();
    program.guard.flush(PATIENCE).unwrap();
    assert_eq!(program.guard.stats().written(), 3);
}

#[test]
fn an_async_flush_works_on_a_runtime_of_one_thread_while_others_go_on_logging() {
    let memory = Memory::new();
    let builder = offloop::builder().memory(&memory).budget(256 << 10);
    let program = Program::start(builder.overflow(Overflow::Block { at_most: PATIENCE }));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| program.run(|| log_until_over(&is_over)));
        block_on(async {
            for number in 0..20 {
                program.run(|| tracing::info!(number, "mine"));
                program.guard.flush_async().await;
                assert!(memory.text().contains(&format!("\"number\":{number}")));
                memory.clear();
            }
        });
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn an_async_flush_does_not_hold_up_other_tasks() {
    let gate = Gate::default();
    let program = Program::start(offloop::builder().writer(gate.before(Received::default())));
    program.run(|| tracing::info!("stalled"));
    block_on(async {
        let flushed = program.guard.flush_async();
        gate.wait_until_stalled();
        // With a runtime of one thread this would never be polled if the flush blocked.
        tokio::join!(flushed, async { gate.open() });
    });
    assert_eq!(program.guard.stats().written(), 1);
}

#[test]
fn flushes_after_a_shutdown_end_too_and_late_records_are_written() {
    let lines = without_hanging(|| {
        let memory = Memory::new();
        let program = Program::start(offloop::builder().memory(&memory));
        program.run(|| tracing::info!("early"));
        assert!(program.guard.shutdown(PATIENCE).is_complete());
        block_on(program.guard.flush_async());
        program.run(|| tracing::info!("late"));
        block_on(program.guard.flush_async());
        program.guard.flush(PATIENCE).unwrap();
        let report = program.guard.shutdown(PATIENCE);
        assert_eq!((report.written, report.lost, report.pending), (2, 0, 0));
        memory.lines()
    });
    assert!(lines[0].contains("early") && lines[1].contains("late"));
}

#[test]
fn a_shutdown_accounts_for_every_record() {
    let gate = Gate::default();
    let builder = offloop::builder().writer(gate.before(Received::default()));
    let program = Program::start(builder.budget(64 << 10).on_error(|_| {}));
    program.run(|| (0..5_000).for_each(|number| tracing::info!(number, "work")));
    let report = program.guard.shutdown(Duration::from_millis(10));
    assert_eq!(report.written, 0);
    assert_ne!(report.lost, 0);
    assert_ne!(report.pending, 0);
    assert_eq!(report.lost + report.pending, 5_000);
    assert!(!report.is_complete());
    gate.open();
    let later = program.guard.shutdown(PATIENCE);
    assert_eq!((later.lost, later.pending), (report.lost, 0));
    assert_eq!(later.written, report.pending);
}

#[test]
fn an_async_shutdown_writes_everything() {
    let memory = Memory::new();
    let program = Program::start(offloop::builder().memory(&memory));
    program.run(|| (0..1_000).for_each(|number| tracing::info!(number, "work")));
    let report = block_on(program.guard.shutdown_async(PATIENCE));
    assert_eq!((report.written, report.lost, report.pending), (1_000, 0, 0));
    assert_eq!(memory.lines().len(), 1_000);
}

#[test]
fn what_waits_is_written_though_the_subscriber_and_all_guards_are_gone() {
    let (lines, written) = mpsc::channel();
    let program = Program::start(offloop::builder().writer(Sending(lines)));
    program.run(|| (0..100).for_each(|number| tracing::info!(number, "work")));
    drop(program);
    let mut text = String::new();
    while json_lines(&text).len() < 100 {
        let lines = written.recv_timeout(PATIENCE).unwrap();
        text.push_str(str::from_utf8(&lines).unwrap());
    }
}

/// Sends what it is given.
struct Sending(mpsc::Sender<Vec<u8>>);

impl Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_non_blocking_writer_exerts_back_pressure_where_that_was_chosen() {
    let (gate, received) = (Gate::default(), Received::default());
    let builder = offloop::builder().overflow(Overflow::Block { at_most: PATIENCE });
    let builder = builder.budget(64 << 10);
    let (mut writer, guard) = builder.non_blocking(gate.before(received.clone())).unwrap();
    let line = [b"x".repeat(999), b"\n".to_vec()].concat();
    thread::scope(|scope| {
        scope.spawn(move || (0..500).for_each(|_| writer.write_all(&line).unwrap()));
        gate.wait_until_stalled();
        gate.open();
    });
    let report = guard.shutdown(PATIENCE);
    assert_eq!((report.written, report.lost, report.pending), (500, 0, 0));
    assert_eq!(received.text().len(), 500_000);
}

#[test]
fn a_non_blocking_writer_drops_whole_lines_and_counts_them_where_the_budget_is_used_up() {
    let (gate, received) = (Gate::default(), Received::default());
    let builder = offloop::builder().budget(64 << 10).on_error(|_| {});
    let (mut writer, guard) = builder.non_blocking(gate.before(received.clone())).unwrap();
    let line = [b"x".repeat(999), b"\n".to_vec()].concat();
    (0..500).for_each(|_| assert_eq!(writer.write(&line).unwrap(), line.len()));
    gate.open();
    let report = guard.shutdown(PATIENCE);
    assert_ne!(report.lost, 0);
    assert_eq!(report.written + report.lost, 500);
    let text = received.text();
    let whole = text.lines().filter(|line| line.len() == 999);
    assert_eq!(whole.count() as u64, report.written);
    // At once or bit by bit, as the writer came to it.
    let notices = text.lines().filter(|line| line.starts_with('{'));
    let notices = json_lines(&notices.map(|line| format!("{line}\n")).collect::<String>());
    let told = |key: &str| -> u64 { notices.iter().filter_map(|line| line[key].as_u64()).sum() };
    let key = "lost.queue_full.info";
    assert_eq!([told("lost"), told(key)], [report.lost; 2]);
}

#[test]
fn a_non_blocking_writer_takes_the_lines_of_many_threads() {
    let received = Received::default();
    let (writer, guard) = offloop::non_blocking(received.clone()).unwrap();
    thread::scope(|scope| {
        for _ in 0..10 {
            let writer = writer.clone();
            scope.spawn(|| {
                let subscriber = tracing_subscriber::fmt().json().with_writer(writer);
                tracing::subscriber::with_default(subscriber.finish(), || {
                    tracing::info!("Hello");
                });
            });
        }
    });
    assert!(guard.shutdown(PATIENCE).is_complete());
    assert_eq!(json_lines(&received.text()).len(), 10);
}

#[test]
fn the_level_of_an_event_reaches_a_non_blocking_writer() {
    let (writer, guard) = offloop::non_blocking(io::sink()).unwrap();
    let subscriber = tracing_subscriber::fmt().with_writer(writer);
    tracing::subscriber::with_default(subscriber.finish(), || {
        tracing::error!("one");
        tracing::info!("two");
    });
    let accepted = guard.stats().accepted;
    assert_eq!(accepted.at(tracing::Level::ERROR), 1);
    assert_eq!(accepted.at(tracing::Level::INFO), 1);
}

#[test]
fn a_guard_that_is_dropped_at_once_loses_nothing() {
    let output = in_child(|| {
        let (writer, guard) = offloop::non_blocking(io::stdout()).unwrap();
        drop(guard);
        let subscriber = tracing_subscriber::fmt().json().with_writer(writer);
        tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
        (0..2_000).for_each(|number| tracing::info!(number, "after the guard"));
        // And the process ends, with no word to the log.
    });
    assert_eq!(json_lines_among(&output.stdout).len(), 2_000);
}

#[test]
fn an_appender_that_rolls_is_a_sink() {
    let directory = tempfile::tempdir().unwrap();
    let appender = tracing_appender::rolling::minutely(directory.path(), "app.jsonl");
    let program = Program::start(offloop::builder().writer(appender));
    program.run(|| (0..1_000).for_each(|number| tracing::info!(number, "work")));
    assert_eq!(program.end().lost(), 0);
    // The minute may change in the middle.
    let mut files: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    let texts = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap());
    let lines = own(json_lines(&texts.collect::<String>()));
    let numbers = lines.iter().map(|line| line["number"].as_u64().unwrap());
    assert!(numbers.eq(0..1_000));
}
