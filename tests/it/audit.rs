//! Receipts for audit records: who gets one, when, and who does not.

use std::cell::Cell;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Barrier;
use std::time::Duration;

use offloop::request::{Arrival, Options, RequestLog};
use offloop::{AuditError, Memory, Receipt, Sink, SyncPolicy};
use rustix::fs::{CWD, FlockOperation, Mode, flock, mkfifoat};
use tempfile::TempDir;
use tracing::Level;
use tracing::instrument::WithSubscriber;
use tracing_subscriber::layer::SubscriberExt;

use crate::durable::into_file;
use crate::support::{
    PATIENCE, Program, block_on, in_child_with, json_lines, wait_until, without_hanging,
};
use crate::trace::{mark, numbers, tell, traced};

#[test]
fn a_receipt_comes_after_the_sync_of_its_record() {
    let traced = traced(&[], || {
        let _guard = into_file(SyncPolicy::Never).init().unwrap();
        block_on(async {
            for number in 0..5 {
                offloop::audit!(number, "paid {}", "in full").await.unwrap();
                mark();
            }
        });
    });
    let Some(traced) = traced else { return };
    let records = traced.active();
    assert_eq!(numbers(&records), [0, 1, 2, 3, 4]);
    assert!(records.iter().all(|record| record["target"] == "audit"
        && record["level"] == "INFO"
        && record["message"] == "paid in full"));
    let calls = traced.calls.iter().filter_map(|call| {
        let is_log = call.contains("app.jsonl>");
        match call.split('(').next().unwrap() {
            "getppid" => Some("receipt"),
            "write" if is_log => Some("write"),
            "fdatasync" if is_log && call.ends_with("= 0") => Some("sync"),
            _ => None,
        }
    });
    let expected = ["write", "sync", "receipt"].repeat(5);
    assert_eq!(calls.collect::<Vec<_>>(), expected);
}

#[test]
fn receipts_that_are_waited_for_at_once_share_syncs() {
    const TASKS: usize = 500;
    const THREADS: usize = 8;
    // A disk that takes its time, so that those who come meanwhile have to wait for the next sync.
    let traced = traced(&["fdatasync:delay_enter=100000"], || {
        let _guard = into_file(SyncPolicy::Never).init().unwrap();
        block_on(async {
            let receipts: Vec<_> = (0..TASKS).map(|number| offloop::audit!(number)).collect();
            for receipt in receipts {
                receipt.await.unwrap();
            }
        });
        let together = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    together.wait();
                    offloop::audit!("from a thread").wait(PATIENCE).unwrap();
                });
            }
        });
    });
    let Some(traced) = traced else { return };
    assert_eq!(traced.active().len(), TASKS + THREADS);
    assert!(traced.syncs() < 50, "{} syncs", traced.syncs());
}

#[test]
fn a_no_is_never_followed_by_a_yes_and_a_yes_is_never_in_an_untrusted_file() {
    let traced = traced(&["fdatasync:error=EIO:when=3+4"], || {
        let policy = SyncPolicy::AtLevel(Level::ERROR);
        let _guard = into_file(policy).on_error(|_| {}).init().unwrap();
        for number in 0..20 {
            let answer = offloop::audit!(number, "audit").wait(PATIENCE);
            tell(number, answer);
        }
    });
    let Some(traced) = traced else { return };
    let (kept, refused) = traced.answers();
    assert_eq!(kept.len() + refused.len(), 20);
    assert_eq!(refused, [2, 6, 10, 14, 18]);
    let set_aside = traced.set_aside();
    assert_eq!(set_aside.len(), refused.len());
    let old = set_aside
        .iter()
        .map(|old| json_lines(&fs::read_to_string(old).unwrap()));
    let old: Vec<_> = old.map(|lines| numbers(&lines)).collect();
    // Each file ends with the record whose sync failed; what is before it was synced in that file.
    let last: Vec<_> = old.iter().filter_map(|old| old.last().copied()).collect();
    assert_eq!(last, refused);
    let mut all: Vec<_> = old.concat();
    all.extend(numbers(&traced.active()));
    let count = |number: &u64| all.iter().filter(|other| *other == number).count();
    assert!(kept.iter().all(|number| count(number) == 1), "{all:?}");
    assert!(refused.iter().all(|number| count(number) == 2), "{all:?}");
}

#[test]
fn a_record_that_no_file_takes_has_no_receipt() {
    let refused = |receipt: Receipt| {
        let answer = receipt.wait(PATIENCE);
        assert_eq!(answer, Err(AuditError::NotTaken));
    };
    refused(offloop::audit!("nothing is installed"));
    let memory = Memory::new();
    let sinks = offloop::builder().writer(std::io::sink());
    let sinks = sinks.sink(Sink::memory(&memory).filter("info,audit=off"));
    let program = Program::start(sinks);
    program.run(|| refused(offloop::audit!("only a writer takes it")));
    let (layer, _guard) = offloop::builder()
        .memory(&memory)
        .filter("trace,audit=warn")
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        refused(offloop::audit!("the filter leaves it out"));
    });
    program.end();
    assert_eq!(memory.text(), "");
}

#[test]
fn a_device_and_a_pipe_keep_nothing_for_good() {
    let directory = TempDir::new().unwrap();
    let fifo = directory.path().join("fifo");
    mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
    for path in [Path::new("/dev/null"), &fifo] {
        let sink = Sink::file(path);
        let program = Program::start(
            offloop::builder()
                .sink(sink)
                .exit_timeout(Duration::ZERO)
                .on_error(|_| {}),
        );
        let answer = program.run(|| offloop::audit!("paid").wait(PATIENCE));
        assert_eq!(answer, Err(AuditError::NotTaken), "{path:?}");
        let _ = program.guard.shutdown(Duration::ZERO);
    }
}

#[test]
fn a_reload_that_leaves_audit_records_out_leaves_nobody_with_a_receipt() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("app.jsonl");
    let with = |filter| offloop::builder().sink(Sink::file(&path).filter(filter));
    let program = Program::start(with("info"));
    let wait = |receipt: Receipt| receipt.wait(PATIENCE);
    assert_eq!(program.run(|| wait(offloop::audit!("kept"))), Ok(()));
    program.guard.reload(with("info,audit=off")).unwrap();
    let answer = program.run(|| wait(offloop::audit!("left out")));
    assert_eq!(answer, Err(AuditError::NotTaken));
    // A record is judged by the filter that there is when it is written.
    program.guard.flush(PATIENCE).unwrap();
    program.guard.reload(with("info")).unwrap();
    assert_eq!(program.run(|| wait(offloop::audit!("kept again"))), Ok(()));
    program.end();
    let lines = json_lines(&fs::read_to_string(path).unwrap());
    let messages: Vec<_> = lines.iter().map(|line| &line["message"]).collect();
    assert!(messages.contains(&&"kept".into()) && messages.contains(&&"kept again".into()));
    assert!(!messages.contains(&&"left out".into()));
}

#[test]
fn a_record_that_is_left_out_by_what_came_after_it_has_no_receipt() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("app.jsonl");
    let with = |filter| {
        // Nobody looks at the pages before somebody waits.
        let seldom = Duration::from_secs(10);
        let sink = Sink::file(&path).filter(filter);
        offloop::builder().sink(sink).write_delay(seldom)
    };
    let program = Program::start(with("info"));
    let receipt = program.run(|| offloop::audit!("left out in the end"));
    program.guard.reload(with("info,audit=off")).unwrap();
    let is_there = receipt.wait(PATIENCE).is_ok();
    program.end();
    let text = fs::read_to_string(path).unwrap();
    assert_eq!(is_there, text.contains("left out in the end"));
}

#[test]
fn an_audit_record_that_is_detail_of_a_request_has_no_receipt() {
    let memory = Memory::new();
    let builder = offloop::builder().memory(&memory).filter("info,audit=off");
    let (layer, guard) = builder.request_detail("debug").build().unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    let answer = tracing::subscriber::with_default(subscriber, || {
        let mut request = RequestLog::new(Options::new()).begin(Arrival::default(), &());
        request.run(|| offloop::audit!("paid").wait(PATIENCE))
    });
    assert_eq!(answer, Err(AuditError::NotTaken));
    assert!(guard.shutdown(PATIENCE).is_complete());
}

#[test]
fn no_filter_that_does_not_name_them_leaves_audit_records_out() {
    for directives in ["error", "off", "hyper=trace", "[request{user=1}]=trace"] {
        let memory = Memory::new();
        let builder = offloop::builder().memory(&memory).filter(directives);
        let (layer, _guard) = builder.build().unwrap();
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            offloop::audit!("heard").wait(PATIENCE).unwrap();
            tracing::info!(target: "auditor", "not heard");
            tracing::debug!(target: "audit", "not heard");
        });
        assert_eq!(memory.lines().len(), 1, "{directives}: {}", memory.text());
    }
}

#[test]
fn an_environment_that_asks_for_little_does_not_switch_audit_records_off() {
    for directives in ["error", "[request{user=1}]=trace"] {
        let prepare = |command: &mut Command| {
            command.env("RUST_LOG", directives);
        };
        in_child_with(prepare, || {
            let memory = Memory::new();
            let _guard = offloop::builder().memory(&memory).init().unwrap();
            tracing::info!("not heard");
            log::info!("not heard");
            offloop::audit!("heard").wait(PATIENCE).unwrap();
            assert_eq!(memory.lines().len(), 1, "{}", memory.text());
        });
    }
}

/// A file that takes nothing as long as the second one is there: somebody else has locked it.
fn locked(directory: &TempDir) -> (PathBuf, File) {
    let path = directory.path().join("app.jsonl");
    let locked = File::create(&path).unwrap();
    flock(&locked, FlockOperation::LockExclusive).unwrap();
    (path, locked)
}

/// A program that logs to such a file.
fn stalled(directory: &TempDir) -> (Program, File) {
    let (path, locked) = locked(directory);
    let builder = offloop::builder().file(path).budget(0).on_error(|_| {});
    (Program::start(builder.exit_timeout(Duration::ZERO)), locked)
}

#[test]
fn a_receipt_that_is_not_there_in_time_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let (program, _locked) = stalled(&directory);
    program.run(|| {
        let answer = offloop::audit!("waits").wait(Duration::from_millis(1));
        assert_eq!(answer, Err(AuditError::TimedOut));
    });
}

#[test]
fn a_record_that_finds_no_room_has_no_receipt() {
    let directory = tempfile::tempdir().unwrap();
    let (program, _locked) = stalled(&directory);
    program.run(|| {
        while program.guard.stats().lost() == 0 {
            tracing::info!("filling");
        }
        let lost = program.guard.stats().lost();
        let receipt = offloop::audit!(long = "x".repeat(4096), "lost");
        assert_eq!(program.guard.stats().lost(), lost + 1);
        assert_eq!(block_on(receipt), Err(AuditError::Lost));
    });
}

#[test]
fn fields_name_parent_and_spans_are_those_of_any_event() {
    let memory = Memory::new();
    let program = Program::start(offloop::builder().memory(&memory));
    program.run(|| {
        let outer = tracing::info_span!("outer", request = 1);
        let other = tracing::info_span!("other", request = 2);
        let _entered = outer.enter();
        let user = "Ada";
        let receipts = [
            offloop::audit!(user, count = 3, amount = ?1.5, "paid {} times", 3),
            offloop::audit!(parent: &other, user),
            offloop::audit!(name: "named", "message only"),
            offloop::audit!(name: "named", parent: &other, { user = %user }, "in braces"),
        ];
        for receipt in receipts {
            receipt.wait(PATIENCE).unwrap();
        }
    });
    let lines = json_lines(&memory.text());
    let requests: Vec<_> = lines
        .iter()
        .map(|line| line["request"].as_u64().unwrap())
        .collect();
    assert_eq!(requests, [1, 2, 1, 2]);
    assert_eq!(lines[0]["message"], "paid 3 times");
    assert_eq!(
        (&lines[0]["user"], &lines[0]["count"]),
        (&"Ada".into(), &3.into())
    );
    assert_eq!(lines[3]["message"], "in braces");
}

#[test]
fn every_pipeline_that_takes_the_record_must_have_it() {
    let directory = tempfile::tempdir().unwrap();
    let memory = Memory::new();
    let (path, _locked) = locked(&directory);
    let (one, _one) = offloop::builder().memory(&memory).build().unwrap();
    let other = offloop::builder().file(path).on_error(|_| {});
    let (other, _other) = other.exit_timeout(Duration::ZERO).build().unwrap();
    let subscriber = tracing_subscriber::registry().with(one).with(other);
    tracing::subscriber::with_default(subscriber, || {
        let answer = offloop::audit!("one has it").wait(Duration::from_millis(50));
        assert_eq!(answer, Err(AuditError::TimedOut));
    });
    // Its writer may not have come to it in that time.
    wait_until(|| memory.lines().len() == 1);
}

/// Audits, or panics, or logs, as it is formatted.
struct Busy(Cell<Option<fn()>>);

impl std::fmt::Display for Busy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.take().unwrap()();
        formatter.write_str("formatted")
    }
}

fn busy(with: fn()) -> Busy {
    Busy(Cell::new(Some(with)))
}

#[test]
fn what_a_value_logs_while_it_is_formatted_has_a_receipt_of_its_own_or_none() {
    let memory = Memory::new();
    let program = Program::start(offloop::builder().memory(&memory));
    program.run(|| {
        let auditing = busy(|| offloop::audit!("inner").wait(PATIENCE).unwrap());
        offloop::audit!(value = %auditing, "outer")
            .wait(PATIENCE)
            .unwrap();
        let logging = busy(|| tracing::info!("inner"));
        offloop::audit!(value = %logging, "outer")
            .wait(PATIENCE)
            .unwrap();
        let panicking = busy(|| std::panic::resume_unwind(Box::new("part of the test")));
        let audit = std::panic::AssertUnwindSafe(|| offloop::audit!(value = %panicking));
        let outcome = std::panic::catch_unwind(audit).map(|receipt| receipt.wait(PATIENCE));
        assert!(outcome.is_err() || outcome.is_ok_and(|answer| answer.is_ok()));
        offloop::audit!("after").wait(PATIENCE).unwrap();
    });
    assert_eq!(program.end().lost(), 0);
    assert!(memory.lines().last().unwrap().contains("after"));
}

#[test]
fn late_records_have_receipts_too() {
    without_hanging(|| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.jsonl");
        let program = Program::start(offloop::builder().file(&path));
        program.run(|| {
            let early = offloop::audit!("early");
            assert!(program.guard.shutdown(PATIENCE).is_complete());
            block_on(early).unwrap();
            offloop::audit!("late").wait(PATIENCE).unwrap();
            block_on(offloop::audit!("later")).unwrap();
            block_on(program.guard.flush_durable_async()).unwrap();
            program.guard.flush_durable(PATIENCE).unwrap();
        });
        assert_eq!(json_lines(&fs::read_to_string(path).unwrap()).len(), 3);
    });
}

#[test]
fn a_task_that_moves_between_threads_may_wait_for_a_receipt() {
    let memory = Memory::new();
    let program = Program::start(offloop::builder().memory(&memory));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..50)
            .map(|number| {
                let task = async move { offloop::audit!(number, "in a task").await };
                tokio::spawn(task.with_subscriber(program.dispatch.clone()))
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    });
    assert_eq!(memory.lines().len(), 50);
}

#[test]
fn a_receipt_that_is_dropped_takes_nothing_back() {
    let memory = Memory::new();
    let program = Program::start(offloop::builder().memory(&memory));
    program.run(|| (0..100).for_each(|number| drop(offloop::audit!(number))));
    assert_eq!(program.end().written(), 100);
}
