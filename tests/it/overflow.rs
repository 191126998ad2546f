//! What happens when more is logged than the budget holds: nothing is lost unseen.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, OnceLock};
use std::thread;
use std::time::Duration;

use offloop::request::{Arrival, RequestLog};
use offloop::{Guard, Limits, LossReason, Memory, Overflow, Sink, Stats};
use serde_json::Value;
use tracing::callsite::Identifier;
use tracing::field::FieldSet;
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Callsite, Level, Metadata};

use crate::support::{
    Gate, PATIENCE, Program, Received, in_child, is_long, json_lines, own, wait_until,
    without_hanging,
};

const LEVELS: [Level; 5] = [
    Level::TRACE,
    Level::DEBUG,
    Level::INFO,
    Level::WARN,
    Level::ERROR,
];

const PRODUCERS: usize = 24;

const BLOCK: Overflow = Overflow::Block { at_most: PATIENCE };

fn log_at(level: Level, producer: usize, number: u64) {
    match level {
        Level::TRACE => tracing::trace!(producer, number, "work"),
        Level::DEBUG => tracing::debug!(producer, number, "work"),
        Level::INFO => tracing::info!(producer, number, "work"),
        Level::WARN => tracing::warn!(producer, number, "work"),
        Level::ERROR => tracing::error!(producer, number, "work"),
    }
}

#[test]
fn every_record_is_written_or_counted_as_lost_whatever_the_budget() {
    for budget in [64 << 10, 1 << 20, 16 << 20] {
        for overflow in [Overflow::DropNewest, BLOCK] {
            check_conservation(budget, overflow);
        }
    }
}

fn check_conservation(budget: usize, overflow: Overflow) {
    let records: u64 = if is_long() { 50_000 } else { 3_000 };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let program = Program::start(
        offloop::builder()
            .file(&path)
            .budget(budget)
            .overflow(overflow)
            .on_error(|_| {}),
    );
    watched(&program.guard, || {
        program.on_threads(PRODUCERS, |producer| {
            (0..records).for_each(|number| {
                log_at(LEVELS[number as usize % LEVELS.len()], producer, number);
            });
        });
    });
    let stats = program.end();
    let lines = json_lines(&fs::read_to_string(&path).unwrap());
    check_notices(&lines, &stats);
    check_sums(&own(lines), &stats, records);
    if overflow == BLOCK {
        assert_eq!(stats.lost(), 0);
    }
}

/// Runs `part` while another thread looks at the figures all the time.
fn watched(guard: &Guard, part: impl FnOnce()) {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut before = guard.stats();
            while !is_over.load(Ordering::Relaxed) {
                let now = guard.stats();
                check_balance(&now);
                check_growth(&before, &now);
                before = now;
            }
        });
        part();
        is_over.store(true, Ordering::Relaxed);
    });
}

fn check_balance(stats: &Stats) {
    for sink in &stats.sinks {
        let ended = sink.written.total() + sink.filtered.total() + sink.lost.total();
        assert_eq!(stats.accepted.total(), ended + sink.waiting);
    }
}

fn check_growth(before: &Stats, now: &Stats) {
    assert!(before.accepted.total() <= now.accepted.total());
    for (before, now) in before.sinks.iter().zip(&now.sinks) {
        assert!(before.written.total() <= now.written.total());
        assert!(before.lost.total() <= now.lost.total());
    }
}

fn check_sums(lines: &[Value], stats: &Stats, records: u64) {
    let sink = &stats.sinks[0];
    for level in LEVELS {
        let in_file = lines.iter().filter(|line| line["level"] == level.as_str());
        assert_eq!(in_file.count() as u64, sink.written.at(level));
        let lost: u64 = LossReason::ALL
            .iter()
            .map(|reason| sink.lost.at(*reason, level))
            .sum();
        assert_eq!(stats.accepted.at(level), sink.written.at(level) + lost);
    }
    assert_eq!(stats.accepted.total(), PRODUCERS as u64 * records);
    check_order_of_producers(lines);
}

/// Each producer's numbers only grow, so none comes twice either.
fn check_order_of_producers(lines: &[Value]) {
    let mut latest = BTreeMap::new();
    for line in lines {
        let (producer, number) = (line["producer"].as_u64(), line["number"].as_u64());
        let before = latest.insert(producer.unwrap(), number);
        assert!(before.is_none_or(|before| before < number), "{line}");
    }
}

/// What the log itself says of losses is what the figures say.
fn check_notices(lines: &[Value], stats: &Stats) {
    let sink = &stats.sinks[0];
    let told = |key: &str| -> u64 { lines.iter().filter_map(|line| line[key].as_u64()).sum() };
    assert_eq!(told("lost"), sink.lost.total());
    for &reason in LossReason::ALL {
        for level in LEVELS {
            let reason_key = reason.as_str().replace([' ', '/'], "_");
            let key = format!("lost.{reason_key}.{}", level.as_str().to_lowercase());
            assert_eq!(told(&key), sink.lost.at(reason, level), "{key}");
        }
    }
}

/// With a budget of 64 KiB there are 64 pages, of which 8 are kept for warnings and errors.
const THREADS_WITH_ALL_PAGES: usize = 56;

#[test]
fn threads_that_hold_all_pages_go_on_logging() {
    for overflow in [Overflow::DropNewest, BLOCK] {
        let memory = Memory::new();
        let builder = offloop::builder().memory(&memory).budget(64 << 10);
        let program = Program::start(builder.overflow(overflow).on_error(|_| {}));
        let barrier = Barrier::new(THREADS_WITH_ALL_PAGES);
        program.on_threads(THREADS_WITH_ALL_PAGES, |producer| {
            log_at(Level::INFO, producer, 0);
            // Now each has a page, and nobody will get another before one is full and read.
            barrier.wait();
            (1..100).for_each(|number| log_at(Level::INFO, producer, number));
            if barrier.wait().is_leader() {
                program.guard.flush(PATIENCE).unwrap();
            }
            barrier.wait();
            log_at(Level::INFO, producer, 100);
        });
        let stats = program.end();
        let lines = own(json_lines(&memory.text()));
        check_order_of_producers(&lines);
        let last = lines.iter().filter(|line| line["number"] == 100);
        if overflow == BLOCK {
            assert_eq!(stats.lost(), 0);
            assert_eq!(last.count(), THREADS_WITH_ALL_PAGES);
        } else {
            // A full page and the next one are two for a moment, so a few may find no room.
            assert!(THREADS_WITH_ALL_PAGES / 2 <= last.count());
        }
    }
}

#[test]
fn a_flood_of_debug_leaves_room_for_errors() {
    for budget in [64 << 10, 1 << 20] {
        let (gate, received) = (Gate::default(), Received::default());
        let builder = offloop::builder().writer(gate.before(received.clone()));
        let program = Program::start(builder.budget(budget).on_error(|_| {}));
        log_at(Level::DEBUG, PRODUCERS, 0);
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for producer in 0..PRODUCERS {
                let (program, is_over) = (&program, &is_over);
                scope.spawn(move || {
                    program.run(|| {
                        let mut number = 0;
                        while !is_over.load(Ordering::Relaxed) {
                            log_at(Level::DEBUG, producer, number);
                            number += 1;
                        }
                    });
                });
            }
            while program.guard.stats().lost() < 1_000 {
                thread::yield_now();
            }
            program.run(|| (0..30).for_each(|number| log_at(Level::ERROR, 99, number)));
            is_over.store(true, Ordering::Relaxed);
        });
        gate.open();
        let stats = program.end();
        assert_eq!(stats.sinks[0].written.at(Level::ERROR), 30);
        let lines = json_lines(&received.text());
        check_notices(&lines, &stats);
        check_order_of_producers(&own(lines));
    }
}

#[test]
fn in_back_pressure_a_thread_that_logged_an_error_waits_with_its_next_record_too() {
    let (gate, received) = (Gate::default(), Received::default());
    let builder = offloop::builder().writer(gate.before(received.clone()));
    let program = Program::start(builder.budget(64 << 10).overflow(BLOCK));
    thread::scope(|scope| {
        // Fills what is open to all, then waits.
        scope.spawn(|| {
            program.run(|| (0..2_000).for_each(|number| log_at(Level::INFO, 0, number)));
        });
        gate.wait_until_stalled();
        while program.guard.stats().used_bytes < (64 << 10) / 8 * 7 {
            thread::yield_now();
        }
        scope.spawn(|| {
            program.run(|| {
                log_at(Level::ERROR, 1, 0);
                (1..10).for_each(|number| log_at(Level::INFO, 1, number));
            });
        });
        while program.guard.stats().accepted.at(Level::ERROR) == 0 {
            thread::yield_now();
        }
        gate.open();
    });
    let stats = program.end();
    assert_eq!(stats.lost(), 0);
    check_order_of_producers(&own(json_lines(&received.text())));
}

#[test]
fn the_log_itself_says_what_was_lost_in_the_format_of_each_sink() {
    let (gate, json, text) = (Gate::default(), Received::default(), Received::default());
    let builder = offloop::builder()
        .sink(Sink::writer(gate.before(json.clone())))
        .sink(Sink::writer(gate.before(text.clone())).text());
    let program = Program::start(builder.budget(64 << 10).on_error(|_| {}));
    program.run(|| {
        while program.guard.stats().sinks[0].lost.total() < 100 {
            tracing::info!("flood");
        }
    });
    gate.open();
    let stats = program.end();
    let lines = json_lines(&json.text());
    check_notices(&lines, &stats);
    let notice = lines.iter().find(|line| line["target"] == "offloop");
    let notice = notice.unwrap();
    assert_eq!(notice["level"], "WARN");
    assert_eq!(notice["message"], "records lost");
    let (first, last) = (notice["first"].as_str(), notice["last"].as_str());
    // The same where the writer looked when one was lost.
    assert!(first.unwrap() <= last.unwrap());

    let lost = stats.sinks[1].lost.total();
    let text = text.text();
    // There may be several: the one sink may make room at the cost of the other once it is ahead.
    let notices = text.lines().filter_map(|line| {
        let (_, notice) = line.split_once("offloop: records lost lost=")?;
        let (count, rest) = notice.split_once(" lost.queue_full.info=").unwrap();
        let (same_count, times) = rest.split_once(" first=").unwrap();
        assert_eq!(count, same_count);
        let (first, last) = times.split_once(" last=").unwrap();
        assert!(first <= last, "{times}");
        Some(count.parse::<u64>().unwrap())
    });
    assert_eq!(notices.sum::<u64>(), lost);
}

#[test]
fn back_pressure_never_holds_up_a_thread_that_runs_async_tasks() {
    let lost = without_hanging(|| {
        let gate = Gate::default();
        let builder = offloop::builder().writer(gate.before(Received::default()));
        let year = Duration::from_secs(365 * 24 * 3600);
        let builder = builder.overflow(Overflow::Block { at_most: year });
        let program = Program::start(builder.budget(64 << 10).on_error(|_| {}));
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(async {
            program.run(|| (0..2_000).for_each(|number| log_at(Level::INFO, 0, number)));
        });
        gate.open();
        program.end().sinks[0].lost.by(LossReason::QueueFull)
    });
    assert_ne!(lost, 0);
}

#[test]
fn back_pressure_ends_after_its_time() {
    let stats = without_hanging(|| {
        let gate = Gate::default();
        let builder = offloop::builder().writer(gate.before(Received::default()));
        let at_most = Duration::from_millis(5);
        let builder = builder.overflow(Overflow::Block { at_most });
        let program = Program::start(builder.budget(64 << 10).on_error(|_| {}));
        program.run(|| {
            while program.guard.stats().lost() < 3 {
                tracing::info!("flood");
            }
        });
        gate.open();
        program.end()
    });
    assert_eq!(stats.sinks[0].lost.by(LossReason::QueueFull), 3);
}

/// Logs when it is called, as an HTTP client does that carries the log away.
struct Chatty;

/// How often.
static CHATS_LEFT: AtomicU64 = AtomicU64::new(0);

impl Write for Chatty {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if CHATS_LEFT.load(Ordering::Relaxed) != 0 {
            CHATS_LEFT.fetch_sub(1, Ordering::Relaxed);
            (0..1_000).for_each(|number| log_at(Level::INFO, 0, number));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_writer_that_logs_does_not_wait_for_itself() {
    without_hanging(|| {
        in_child(|| {
            let year = Duration::from_secs(365 * 24 * 3600);
            let builder = offloop::builder().writer(Chatty).budget(64 << 10);
            let builder = builder.overflow(Overflow::Block { at_most: year });
            let guard = builder.exit_timeout(year).init().unwrap();
            CHATS_LEFT.store(5, Ordering::Relaxed);
            tracing::info!("begin");
            guard.flush(PATIENCE).unwrap();
            assert_ne!(guard.stats().lost(), 0);
            // Once more where the writer has ended, and this thread writes its record itself.
            let _ = guard.shutdown(PATIENCE);
            CHATS_LEFT.store(3, Ordering::Relaxed);
            tracing::info!("late");
            guard.flush(PATIENCE).unwrap();
            let (report, stats) = (guard.shutdown(PATIENCE), guard.stats());
            let sum = report.written + report.lost + report.pending;
            assert_eq!(stats.accepted.total(), sum);
        })
    });
}

#[test]
fn a_shutdown_does_not_wait_for_room_for_requests_in_flight() {
    in_child(|| {
        let gate = Gate::default();
        let endless = Overflow::Block {
            at_most: Duration::MAX,
        };
        let builder = offloop::builder().writer(gate.before(std::io::sink()));
        let builder = builder.budget(64 << 10).overflow(endless);
        let guard = builder.exit_timeout(Duration::ZERO).on_error(|_| {});
        let guard = guard.init().unwrap();
        let begin = |_| RequestLog::default().begin(Arrival::default(), &());
        let requests = (0..100).map(begin).collect::<Vec<_>>();
        // It ends with the process.
        thread::spawn(|| {
            loop {
                tracing::error!("more than there is room for");
            }
        });
        wait_until(|| 60 << 10 <= guard.stats().used_bytes);
        let report = without_hanging(move || guard.shutdown(Duration::ZERO));
        assert!(!report.is_complete());
        drop(requests);
    });
}

/// Nothing is cut but what is larger than any record may be.
fn widest() -> Limits {
    Limits::default().field_bytes(1 << 20).fields(usize::MAX)
}

#[test]
fn a_record_below_a_mebibyte_passes_whole_and_a_longer_one_is_cut_with_a_mark() {
    let text = "ß".repeat(512 * 1024 - 200);
    let memory = Memory::new();
    let builder = offloop::builder().memory(&memory).limits(widest());
    let program = Program::start(builder);
    program.run(|| {
        tracing::info!(text, "whole");
        tracing::info!(text = text.repeat(2), after = 1, "cut");
        tracing::info!(text = "ß".repeat(50_000_000), "100 MB");
    });
    assert_eq!(program.end().lost(), 0);
    let lines = json_lines(&memory.text());
    assert_eq!(lines[0]["text"], text);
    assert_eq!(lines[0]["cut"], Value::Null);
    for line in &lines[1..] {
        let kept = line["text"]
            .as_str()
            .unwrap()
            .strip_suffix("…[cut]")
            .unwrap();
        assert!(kept.chars().all(|character| character == 'ß'));
        assert!(
            (1_040_000..=1 << 20).contains(&kept.len()),
            "{}",
            kept.len()
        );
        assert_eq!(line["cut"], true);
    }
}

/// Writes itself without end.
struct Endless;

impl fmt::Display for Endless {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        loop {
            formatter.write_str("and so on ")?;
        }
    }
}

#[test]
fn a_value_that_writes_without_end_is_stopped() {
    let memory = Memory::new();
    let program = Program::start(offloop::builder().memory(&memory));
    program.run(|| tracing::info!(value = %Endless, "endless"));
    program.end();
    let line = &json_lines(&memory.text())[0];
    assert!(line["value"].as_str().unwrap().ends_with("…[cut]"));
    assert_eq!(line["message"], "endless");
}

/// A callsite as no macro makes it: with any number of fields.
struct Wide(OnceLock<Metadata<'static>>);

impl Callsite for Wide {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        self.0.get().unwrap()
    }
}

fn log_fields(count: usize, value: &str) {
    // For ever, as callsites are.
    let callsite: &'static Wide = Box::leak(Box::new(Wide(OnceLock::new())));
    let name = |number| &*Box::leak(format!("field_{number}").into_boxed_str());
    let names = Vec::leak((0..count).map(name).collect());
    let fields = FieldSet::new(names, Identifier(callsite));
    let made = || {
        Metadata::new(
            "wide",
            "wide",
            Level::INFO,
            None,
            None,
            None,
            fields,
            Kind::EVENT,
        )
    };
    let metadata = callsite.0.get_or_init(made);
    let values = vec![Some(&value as &dyn tracing::Value); count];
    tracing::Event::dispatch(metadata, &metadata.fields().value_set_all(&values));
}

#[test]
fn ten_thousand_fields_pass_whole_and_what_does_not_fit_is_cut_with_a_mark() {
    let memory = Memory::new();
    let builder = offloop::builder().memory(&memory).limits(widest());
    let program = Program::start(builder);
    program.run(|| {
        log_fields(10_000, "short");
        log_fields(10_000, &"long".repeat(100));
    });
    assert_eq!(program.end().lost(), 0);
    let lines = json_lines(&memory.text());
    assert_eq!(lines[0]["field_9999"], "short");
    assert_eq!(lines[0]["cut"], Value::Null);
    assert_eq!(lines[1]["field_0"], "long".repeat(100));
    assert_eq!(lines[1]["field_9999"], Value::Null);
    assert_eq!(lines[1]["cut"], true);
}

#[test]
fn a_record_that_the_budget_can_never_hold_is_counted_as_oversize_at_once() {
    for overflow in [Overflow::DropNewest, BLOCK] {
        let memory = Memory::new();
        let builder = offloop::builder().memory(&memory).limits(widest());
        let builder = builder.budget(1 << 20);
        let program = Program::start(builder.overflow(overflow).on_error(|_| {}));
        program.run(|| {
            // More than what is not kept for warnings and errors, but less than the budget.
            tracing::info!(text = "x".repeat(950_000), "large");
            tracing::info!("small");
        });
        let stats = without_hanging(move || program.end());
        assert_eq!(stats.sinks[0].lost.at(LossReason::Oversize, Level::INFO), 1);
        let lines = own(json_lines(&memory.text()));
        assert_eq!(lines[0]["message"], "small");
    }
}

#[test]
fn a_write_to_a_non_blocking_writer_that_exceeds_the_budget_is_counted_as_oversize() {
    let received = Received::default();
    let builder = offloop::builder().budget(64 << 10).on_error(|_| {});
    let (mut writer, guard) = builder.non_blocking(received.clone()).unwrap();
    writer.write_all(&vec![b'x'; 100_000]).unwrap();
    writer.write_all(b"small\n").unwrap();
    let report = guard.shutdown(PATIENCE);
    assert_eq!((report.written, report.lost, report.pending), (1, 1, 0));
    assert_eq!(guard.stats().sinks[0].lost.by(LossReason::Oversize), 1);
    assert!(received.text().contains("small\n"));
}

#[test]
fn a_write_of_nothing_to_a_non_blocking_writer_is_no_record() {
    let (mut writer, guard) = offloop::non_blocking(Received::default()).unwrap();
    assert_eq!(writer.write(b"").unwrap(), 0);
    let report = guard.shutdown(PATIENCE);
    assert_eq!((report.written, report.lost, report.pending), (0, 0, 0));
}

#[test]
fn large_records_of_idle_threads_do_not_keep_the_budget() {
    let memory = Memory::new();
    let builder = offloop::builder().memory(&memory).limits(widest());
    let program = Program::start(builder.budget(4 << 20));
    let barrier = Barrier::new(8);
    program.on_threads(8, |index| {
        // One after the other: each has room, if those before have given theirs back.
        for turn in 0..8 {
            barrier.wait();
            if index == turn {
                tracing::info!(text = "x".repeat(900_000), "large");
                program.guard.flush(PATIENCE).unwrap();
            }
        }
    });
    assert_eq!(program.end().lost(), 0);
    assert_eq!(memory.lines().len(), 8);
}
