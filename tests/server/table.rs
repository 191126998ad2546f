//! The table of the outcomes that an adapter sees, as its tests have seen them: a line each in
//! `target/outcomes/<adapter>.tsv`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Mutex;

use serde_json::Value;

use super::log;

/// All of them, in the order of the table.
const OUTCOMES: [&str; 26] = [
    "completed",
    "completed (HEAD, 204, 304)",
    "completed (declared length)",
    "completed (declared length of 0)",
    "completed (stream)",
    "client gone before the head",
    "client gone in the upload",
    "malformed upload (answered 4xx)",
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
    "still uploading at shutdown's deadline",
];

/// What was seen so far, by the place of the outcome.
static SEEN: Mutex<BTreeMap<usize, String>> = Mutex::new(BTreeMap::new());

/// Holds a record to what is expected of this outcome, and notes that it was seen.
#[track_caller]
pub(crate) fn check(outcome: &str, record: &Value, expected: &Value) {
    log::assert_contains(record, expected);
    note(outcome, seen(record));
}

fn seen(record: &Value) -> String {
    let mut seen = record["outcome"].as_str().unwrap_or_default().to_owned();
    if let Some(phase) = record["outcome.phase"].as_str() {
        write!(seen, " ({phase})").unwrap();
    }
    seen
}

/// As [`check`], with what else there is to know of it.
#[track_caller]
pub(crate) fn check_with(outcome: &str, record: &Value, expected: &Value, remark: &str) {
    log::assert_contains(record, expected);
    note(outcome, format!("{}: {remark}", seen(record)));
}

/// Notes why an outcome cannot be seen.
#[track_caller]
pub(crate) fn cannot_see(outcome: &str, reason: &str) {
    note(outcome, format!("not seen: {reason}"));
}

#[track_caller]
fn note(outcome: &str, what: String) {
    let place = OUTCOMES.iter().position(|name| *name == outcome);
    let mut seen = SEEN.lock().unwrap();
    seen.insert(place.expect("the table has this outcome"), what);
    let rows = seen.iter();
    let rows = rows.map(|(place, what)| format!("{}\t{what}\n", OUTCOMES[*place]));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let directory = target.join("outcomes");
    std::fs::create_dir_all(&directory).unwrap();
    let name = concat!(env!("CARGO_PKG_NAME"), ".tsv");
    std::fs::write(directory.join(name), rows.collect::<String>()).unwrap();
}
