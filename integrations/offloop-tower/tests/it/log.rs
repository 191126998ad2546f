//! The log of this test program: one for all tests, as a program has one for all requests.
//!
//! Each test sends requests with paths of its own, and looks only at the records of these.

#![expect(clippy::expect_used, reason = "a test that finds no log has failed")]

use std::sync::OnceLock;
use std::time::Duration;

use offloop::{Guard, Memory};
use serde_json::Value;

struct Log {
    memory: Memory,
    guard: Guard,
}

fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let memory = Memory::new();
        let guard = offloop::builder().memory(&memory).filter("debug").init();
        Log {
            memory,
            guard: guard.expect("no other subscriber is installed"),
        }
    })
}

/// Installs the logger. Later calls do nothing.
pub(crate) fn start() {
    log();
}

/// Everything that was logged during requests to `path`, the requests' own records included.
pub(crate) fn of_path(path: &str) -> Vec<Value> {
    let log = log();
    log.guard
        .flush(Duration::from_secs(20))
        .expect("the memory takes everything");
    let lines = log.memory.lines();
    let records = lines
        .iter()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"));
    records
        .filter(|record: &Value| record["url.path"] == path)
        .collect()
}

/// The one record that the layer wrote for the one request to `path`.
pub(crate) fn record_of(path: &str) -> Value {
    let mut records = of_path(path);
    records.retain(|record| record["target"] == "offloop_tower");
    assert_eq!(records.len(), 1, "{records:?}");
    records.remove(0)
}
