//! A disk of one megabyte that is full for a while, in a mount namespace of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use offloop::{Guard, Rotation, Sink};
use serde_json::Value;
use tempfile::tempdir;

use crate::faults::{counts, parse};
use crate::support::{PATIENCE, in_child_with, log_numbers, say_unchecked, wait_until, wrap};

/// Where a child finds the disk.
const DISK: &str = "OFFLOOP_DISK";

/// How many records are logged while the disk is full.
const RECORDS: u64 = 20_000;

fn disk() -> PathBuf {
    std::env::var_os(DISK).unwrap().into()
}

/// Plays a scenario with a disk of one megabyte, and returns all that the logs on it hold in the end.
/// `None` where nobody may mount one.
fn on_small_disk<F: FnOnce()>(scenario: F) -> Option<Vec<Value>> {
    let directory = tempdir().unwrap();
    let is_child = std::env::var_os(DISK).is_some();
    if !is_child && !can_mount(directory.path()) {
        return None;
    }
    let disk = directory.path();
    let script = format!(
        "mount -t tmpfs -o size=1m,mode=700 tmpfs {disk:?} || exit 1
         \"$@\"; played=$?
         printf '\\n--- logs\\n'; cat $(ls -v {disk:?}/app.*.*.jsonl) {disk:?}/app.jsonl
         exit $played"
    );
    let prepare = |command: &mut Command| {
        let mut shell = Command::new("unshare");
        shell.args(["--mount", "sh", "-c", &script, "sh"]);
        wrap(command, shell);
        command.env(DISK, disk);
    };
    let output = in_child_with(prepare, scenario);
    let text = String::from_utf8(output.stdout).unwrap();
    let (_, logs) = text.split_once("\n--- logs\n").unwrap();
    Some(parse(logs))
}

/// Root may; whoever is told that he is root in vain should know.
fn can_mount(at: &Path) -> bool {
    let mut mount = Command::new("unshare");
    mount
        .args(["--mount", "mount", "-t", "tmpfs", "tmpfs"])
        .arg(at);
    let output = mount.stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => true,
        refused => {
            say_unchecked(&format!("no disk can be mounted: {refused:?}"));
            assert!(!rustix::process::geteuid().is_root(), "root may not mount");
            false
        }
    }
}

/// Leaves no room for more than a few lines.
fn fill(disk: &Path) -> PathBuf {
    let filler = disk.join("filler");
    fs::write(&filler, vec![b'x'; 960 << 10]).unwrap();
    filler
}

fn start(budget: usize) -> Guard {
    let sink = Sink::file(disk().join("app.jsonl"));
    let sink = sink.rotation(Rotation::on_demand().at_bytes(64 << 10));
    let builder = offloop::builder().sink(sink).budget(budget);
    builder.on_error(|_| {}).init().unwrap()
}

fn is_failing(guard: &Guard) -> bool {
    guard.stats().sinks[0].is_failing
}

/// The one line with this message.
#[track_caller]
fn notice<'l>(lines: &'l [Value], message: &str) -> &'l Value {
    let mut found = lines.iter().filter(|line| line["message"] == message);
    found
        .next()
        .unwrap_or_else(|| panic!("nothing about {message}"))
}

/// The disk was full, and that for so long: it is told as soon as it is over.
#[track_caller]
fn assert_told(lines: &[Value]) {
    let recovery = notice(lines, "sink recovered");
    let error = recovery["error"].as_str().unwrap();
    assert!(error.contains("No space left on device"), "{error}");
    assert!(recovery["failed_ms"].is_u64());
}

#[test]
fn a_full_disk_costs_nothing_as_long_as_the_records_find_room_in_memory() {
    let lines = on_small_disk(|| {
        let filler = fill(&disk());
        let guard = start(16 << 20);
        log_numbers(0..5_000);
        wait_until(|| is_failing(&guard));
        fs::remove_file(filler).unwrap();
        log_numbers(5_000..5_010);
        let report = guard.shutdown(PATIENCE);
        assert_eq!((report.written, report.lost, report.pending), (5_010, 0, 0));
    });
    let Some(lines) = lines else { return };
    let counts = counts(&lines);
    assert!(counts.values().all(|count| *count == 1));
    assert!(counts.into_keys().eq(0..5_010));
    assert_told(&lines);
}

#[test]
fn what_a_full_disk_costs_beyond_the_memory_is_counted_and_told() {
    let lines = on_small_disk(|| {
        let filler = fill(&disk());
        let guard = start(256 << 10);
        log_numbers(0..RECORDS);
        wait_until(|| is_failing(&guard));
        let lost = guard.stats().lost();
        assert_ne!(lost, 0, "that was to be more than there is room for");
        fs::remove_file(filler).unwrap();
        // The log has room again, and says so, whatever was lost.
        wait_until(|| !is_failing(&guard));
        // Until then the records that waited have the memory.
        guard.flush(PATIENCE).unwrap();
        log_numbers(RECORDS..RECORDS + 10);
        let report = guard.shutdown(PATIENCE);
        assert_eq!((report.lost, report.pending), (lost, 0));
        assert_eq!(report.written + lost, RECORDS + 10);
    });
    let Some(lines) = lines else { return };
    let counts = counts(&lines);
    assert!(counts.values().all(|count| *count == 1));
    assert_told(&lines);
    let is_report = |line: &&Value| line["message"] == "records lost";
    let reports = lines.iter().filter(is_report);
    let told: u64 = reports.map(|line| line["lost"].as_u64().unwrap()).sum();
    assert_eq!(counts.len() as u64 + told, RECORDS + 10);
    for number in RECORDS..RECORDS + 10 {
        assert!(
            counts.contains_key(&number),
            "{number} came after the trouble"
        );
    }
}
