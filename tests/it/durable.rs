//! What is on the disk when: syncs, their policies and failures.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use offloop::{Builder, Rotation, Sink, SyncPolicy};
use tracing::Level;

use crate::support::{PATIENCE, block_on, json_lines, own, wait_until};
use crate::trace::{directory, mark, numbers, tell, traced};

/// No sync is due by time as long as a test takes.
const SELDOM: SyncPolicy = SyncPolicy::Every(Duration::from_secs(24 * 60 * 60));

pub(crate) fn into_file(policy: SyncPolicy) -> Builder {
    let sink = Sink::file(directory().join("app.jsonl")).sync(policy);
    offloop::builder().sink(sink)
}

fn log(numbers: std::ops::Range<u64>) {
    numbers.for_each(|number| tracing::info!(number, "record"));
}

#[test]
fn a_durable_flush_returns_after_the_file_and_its_directories_are_synced() {
    let traced = traced(&[], || {
        let path = directory().join("a/b/app.jsonl");
        let guard = offloop::builder().file(path).init().unwrap();
        log(0..100);
        guard.flush_durable(PATIENCE).unwrap();
        mark();
        guard.flush_durable(PATIENCE).unwrap();
    });
    let Some(traced) = traced else { return };
    let end = traced.places(|call| call.starts_with("getppid("))[0];
    let synced = traced.places(|call| call.starts_with("fdatasync(") && call.ends_with("= 0"));
    let written = traced.places(|call| call.starts_with("write(") && call.contains("app.jsonl>"));
    assert_eq!(
        synced.len(),
        1,
        "nothing was written since: {:?}",
        traced.calls
    );
    assert!(written.iter().all(|write| *write < synced[0]) && synced[0] < end);
    for directory in ["a/b>)", "a>)", ">)"] {
        let name = traced.directory.path().join(directory);
        let name = name.to_str().unwrap().replace("/>", ">");
        let synced = traced.places(|call| call.starts_with("fsync(") && call.contains(&name));
        assert_eq!(synced.len(), 1, "{name}: {:?}", traced.calls);
        assert!(synced[0] < end);
    }
}

#[test]
fn without_a_policy_only_a_request_syncs() {
    let traced = traced(&[], || {
        let guard = into_file(SyncPolicy::Never).init().unwrap();
        tracing::error!("terrible");
        guard.flush(PATIENCE).unwrap();
        assert!(guard.shutdown(PATIENCE).is_complete());
    });
    assert_eq!(traced.map_or(0, |traced| traced.syncs()), 0);
}

#[test]
fn a_record_of_the_policys_level_is_synced_by_itself_and_others_are_not() {
    let traced = traced(&[], || {
        let policy = SyncPolicy::AtLevel(Level::ERROR);
        let guard = into_file(policy).init().unwrap();
        tracing::warn!("bad");
        guard.flush(PATIENCE).unwrap();
        mark();
        for _ in 0..3 {
            tracing::error!("worse");
            guard.flush(PATIENCE).unwrap();
        }
        mark();
        tracing::warn!("bad again");
        guard.flush(PATIENCE).unwrap();
    });
    let Some(traced) = traced else { return };
    let marks = traced.places(|call| call.starts_with("getppid("));
    let syncs = traced.places(|call| call.starts_with("fdatasync("));
    assert_eq!(syncs.len(), 3, "{:?}", traced.calls);
    assert!(
        syncs
            .iter()
            .all(|sync| marks[0] < *sync && *sync < marks[1])
    );
}

#[test]
fn an_interval_syncs_by_itself_while_the_program_is_quiet() {
    traced(&[], || {
        let policy = SyncPolicy::Every(Duration::from_millis(20));
        let builder = into_file(policy).write_delay(Duration::from_secs(10));
        let guard = builder.init().unwrap();
        log(0..1);
        guard.flush(PATIENCE).unwrap();
        await_syncs(1);
    });
}

/// Waits until so many syncs were begun.
fn await_syncs(count: usize) {
    let deadline = Instant::now() + PATIENCE;
    let trace = || fs::read_to_string(directory().join("trace")).unwrap();
    while trace().matches("fdatasync(").count() < count {
        assert!(Instant::now() < deadline, "no sync");
        std::thread::yield_now();
    }
}

#[test]
fn what_an_interval_has_not_synced_is_synced_by_a_shutdown() {
    let traced = traced(&[], || {
        let guard = into_file(SELDOM).init().unwrap();
        log(0..10);
        guard.flush(PATIENCE).unwrap();
        mark();
        assert!(guard.shutdown(PATIENCE).is_complete());
        mark();
    });
    let Some(traced) = traced else { return };
    let marks = traced.places(|call| call.starts_with("getppid("));
    let syncs = traced.places(|call| call.starts_with("fdatasync("));
    assert!(syncs.len() == 1 && marks[0] < syncs[0] && syncs[0] < marks[1]);
}

#[test]
fn what_an_interval_has_not_synced_is_synced_at_the_end_of_the_process() {
    let traced = traced(&[], || {
        let builder = into_file(SELDOM).exit_timeout(PATIENCE);
        builder.init().unwrap();
        log(0..10);
    });
    let Some(traced) = traced else { return };
    assert_eq!(traced.syncs(), 1, "{:?}", traced.calls);
}

#[test]
fn a_durable_flush_syncs_the_files_that_ended_since_the_last_one_too() {
    let traced = traced(&[], || {
        let sink = Sink::file(directory().join("app.jsonl"));
        let sink = sink.rotation(Rotation::on_demand().at_bytes(4096));
        let guard = offloop::builder().sink(sink).init().unwrap();
        for round in 0..10 {
            log(round * 100..(round + 1) * 100);
            guard.flush_durable(PATIENCE).unwrap();
            mark();
        }
    });
    let Some(traced) = traced else { return };
    assert!(10 < traced.set_aside().len());
    let mut unsynced = BTreeSet::new();
    let mut marks = 0;
    for call in &traced.calls {
        let Some((name, arguments)) = call.split_once('(') else {
            continue;
        };
        let descriptor = arguments.split('<').next().unwrap();
        match name {
            "write" if call.contains(".jsonl>") => drop(unsynced.insert(descriptor)),
            "fdatasync" => drop(unsynced.remove(descriptor)),
            "close" => assert!(!unsynced.contains(descriptor), "{call}"),
            "getppid" => {
                assert!(unsynced.is_empty(), "{unsynced:?}");
                marks += 1;
            }
            _ => {}
        }
    }
    assert_eq!(marks, 10);
}

#[test]
fn after_a_failed_sync_nobody_is_told_yes_and_every_unsynced_line_is_in_a_new_file() {
    let traced = traced(&["fdatasync:error=EIO:when=1"], || {
        let guard = into_file(SELDOM).init().unwrap();
        log(0..100);
        block_on(async {
            let flush = guard.flush_durable_async();
            let audit = |number| (number, offloop::audit!(number));
            let receipts: Vec<_> = (100..110).map(audit).collect();
            let error = flush.await.unwrap_err();
            assert_eq!(error.failure, offloop::FlushFailure::Sync);
            assert!(error.to_string().contains("the disk failed"));
            for (number, receipt) in receipts {
                tell(number, receipt.await);
            }
        });
        log(110..120);
        tell(120, offloop::audit!(number = 120).wait(PATIENCE));
        guard.flush_durable(PATIENCE).unwrap();
        let stats = guard.stats();
        assert_eq!((stats.written(), stats.sinks[0].syncs_failed), (121, 1));
    });
    let Some(traced) = traced else { return };
    let [old] = &traced.set_aside()[..] else {
        panic!("{:?}", traced.set_aside());
    };
    let old = numbers(&json_lines(&fs::read_to_string(old).unwrap()));
    let active = traced.active();
    assert_eq!(
        numbers(&active),
        (0..=120).collect::<Vec<_>>(),
        "each once, in order"
    );
    assert_eq!(old, (0..old.len() as u64).collect::<Vec<_>>());

    // A receipt may have come after the failure, but not with a record from before it.
    let (kept, refused) = traced.answers();
    assert_eq!(kept.len() + refused.len(), 11);
    assert!(kept.contains(&120) && kept.iter().all(|number| !old.contains(number)));

    // What is in both files stands between the two notices.
    let place = |message: &str| active.iter().position(|line| line["message"] == message);
    let (begin, end) = (
        place("sync failed").unwrap(),
        place("end of lines written again").unwrap(),
    );
    assert_eq!(numbers(&active[begin..end]), old);
    assert_eq!(active[begin]["lines"], old.len());
    assert_eq!(begin, 0);
    assert!(
        active[begin]["error"]
            .as_str()
            .unwrap()
            .contains("os error 5")
    );
    assert!(
        traced.stderr.contains("it is set aside"),
        "{}",
        traced.stderr
    );
}

#[test]
fn an_error_whose_sync_failed_is_synced_again_by_itself() {
    let traced = traced(&["fdatasync:error=EIO:when=1"], || {
        let builder = into_file(SyncPolicy::AtLevel(Level::ERROR));
        let guard = builder.on_error(|_| {}).init().unwrap();
        tracing::error!(number = 0, "worse");
        guard.flush(PATIENCE).unwrap();
        await_syncs(2);
        guard.flush(PATIENCE).unwrap();
    });
    let Some(traced) = traced else { return };
    let synced = traced.places(|call| call.starts_with("fdatasync(") && call.ends_with("= 0"));
    let written = traced.places(|call| call.starts_with("write(") && call.contains("sync failed"));
    assert!(written.last() < synced.last(), "{:?}", traced.calls);
    assert_eq!(numbers(&traced.active()), [0]);
}

#[test]
fn what_was_written_again_is_synced_before_a_reload_removes_its_sink() {
    let traced = traced(&["fdatasync:error=EIO:when=1..2"], || {
        let builder = into_file(SELDOM).on_error(|_| {});
        let guard = builder.init().unwrap();
        log(0..10);
        guard.flush_durable(PATIENCE).unwrap_err();
        let other = offloop::builder().file(directory().join("other.log"));
        guard.reload(other).unwrap();
        // As long as the sink that is to go fails, nobody is told yes.
        wait_until(|| guard.flush_durable(PATIENCE).is_ok());
    });
    let Some(traced) = traced else { return };
    let of_log = |call: &str| call.contains("app.jsonl>");
    let synced = traced
        .places(|call| call.starts_with("fdatasync(") && of_log(call) && call.ends_with("= 0"));
    let written = traced.places(|call| call.starts_with("write(") && of_log(call));
    assert!(written.last() < synced.last(), "{:?}", traced.calls);
    assert_eq!(numbers(&own(traced.active())), (0..10).collect::<Vec<_>>());
}

#[test]
fn a_disk_that_goes_on_failing_neither_stops_the_log_nor_fills_the_directory() {
    let traced = traced(&["fdatasync:error=EIO"], || {
        let builder = into_file(SyncPolicy::Every(Duration::ZERO));
        let guard = builder.on_error(|_| {}).init().unwrap();
        let began = Instant::now();
        for number in 0..50 {
            tracing::info!(number, "record");
            guard.flush(PATIENCE).unwrap();
        }
        guard.flush_durable(PATIENCE).unwrap_err();
        assert!(guard.shutdown(PATIENCE).is_complete());
        println!(
            "{}",
            serde_json::json!({ "ms": began.elapsed().as_millis() as u64 })
        );
    });
    let Some(traced) = traced else { return };
    let lines: Vec<_> = traced
        .set_aside()
        .iter()
        .flat_map(|old| json_lines(&fs::read_to_string(old).unwrap()))
        .chain(traced.active())
        .collect();
    let mut numbers = numbers(&lines);
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers, (0..50).collect::<Vec<_>>());
    // The pauses double from a tenth of a second, so time allows for so many failures.
    let ms = traced.told()[0]["ms"].as_u64().unwrap();
    let failures_max = (2 + (ms / 100 + 1).ilog2()) as usize;
    assert!(
        traced.set_aside().len() <= failures_max,
        "{:?}",
        traced.set_aside()
    );
}

#[test]
fn a_file_that_cannot_be_set_aside_is_not_written_to_until_it_can() {
    let faults = [
        "fdatasync:error=EIO:when=1",
        "renameat2:error=EACCES:when=1..3",
    ];
    let traced = traced(&faults, || {
        let guard = into_file(SELDOM).on_error(|_| {}).init().unwrap();
        log(0..10);
        assert!(guard.flush_durable(PATIENCE).is_err());
        log(10..20);
        guard.flush_durable(PATIENCE).unwrap();
    });
    let Some(traced) = traced else { return };
    let failed = traced.places(|call| call.starts_with("fdatasync(") && call.contains("EIO"))[0];
    let renamed = traced.places(|call| call.starts_with("renameat2(") && call.ends_with("= 0"))[0];
    let written = traced.places(|call| call.starts_with("write(") && call.contains("app.jsonl>"));
    assert!(
        written
            .iter()
            .all(|write| *write < failed || renamed < *write)
    );
    assert_eq!(numbers(&own(traced.active())), (0..20).collect::<Vec<_>>());
    assert_eq!(traced.set_aside().len(), 1);
}

#[test]
fn a_file_that_can_never_be_set_aside_goes_on_with_every_line_written_again() {
    let faults = ["fdatasync:error=EIO:when=1", "renameat2:error=EACCES"];
    let traced = traced(&faults, || {
        let guard = into_file(SELDOM).init().unwrap();
        log(0..10);
        assert!(guard.flush_durable(PATIENCE).is_err());
        log(10..20);
        guard.flush_durable(PATIENCE).unwrap();
    });
    let Some(traced) = traced else { return };
    assert!(traced.set_aside().is_empty());
    let expected: Vec<_> = (0..10).chain(0..20).collect();
    assert_eq!(numbers(&own(traced.active())), expected);
    let said = "Permission denied (os error 13); it goes on";
    assert_eq!(traced.stderr.matches(said).count(), 1, "{}", traced.stderr);
}
