//! The table of outcomes: what became of each, written where the README's table is made of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// All outcomes, in the order of the table.
const OUTCOMES: [&str; 23] = [
    "completed",
    "completed (HEAD, 204, 304)",
    "completed (declared length)",
    "completed (stream)",
    "client gone before the head",
    "client gone in the upload",
    "client gone in the body",
    "HTTP/2 reset before the head",
    "HTTP/2 reset in the body",
    "handler error (5xx)",
    "service error",
    "panic caught (answered 500)",
    "panic uncaught",
    "panic in the body",
    "timeout layer fired",
    "response body failed",
    "response truncated",
    "upgrade (WebSocket)",
    "server-sent events",
    "gRPC status in trailers",
    "gRPC status missing",
    "refused by back-pressure",
    "still running at shutdown's deadline",
];

/// Checks a record, and notes in the table how this outcome is seen. An expected `null` stands for a
/// field that must not be there.
#[track_caller]
pub(crate) fn check(outcome: &str, record: &Value, expected: &Value) {
    contains(record, expected);
    assert!(OUTCOMES.contains(&outcome), "{outcome} is not in the table");
    note(outcome, &seen(record));
}

#[track_caller]
pub(crate) fn contains(record: &Value, expected: &Value) {
    for (name, value) in expected.as_object().into_iter().flatten() {
        assert_eq!(&record[name], value, "{name} in {record}");
    }
}

fn seen(record: &Value) -> String {
    let outcome = record["outcome"].as_str().unwrap_or_default();
    match record["outcome.phase"].as_str() {
        Some(phase) => format!("{outcome} ({phase})"),
        None => outcome.to_owned(),
    }
}

/// One test writes one row; the others' are kept.
fn note(outcome: &str, seen: &str) {
    static LOCK: Mutex<()> = Mutex::new(());
    let _locked = LOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let path = path();
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let mut rows: BTreeMap<&str, &str> = before
        .lines()
        .filter_map(|row| row.split_once('\t'))
        .collect();
    rows.insert(outcome, seen);
    let rows = OUTCOMES.iter().filter_map(|outcome| {
        let seen = rows.get(outcome)?;
        Some(format!("{outcome}\t{seen}\n"))
    });
    let rows: String = rows.collect();
    std::fs::write(&path, rows).unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
}

fn path() -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    let target = test
        .ancestors()
        .nth(3)
        .map_or_else(PathBuf::new, Into::into);
    let directory = target.join("outcomes");
    _ = std::fs::create_dir_all(&directory);
    directory.join("offloop-tower.tsv")
}
