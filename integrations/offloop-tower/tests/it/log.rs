//! The log of this test program: one for all tests, as a program has one for all requests.
//!
//! Each test sends requests with paths of its own, and looks only at the records of these.

#![expect(clippy::expect_used, reason = "a test that finds no log has failed")]

use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use offloop::request::Options;
use offloop::{Guard, Memory};
use serde_json::Value;

/// Only a hang waits as long as this.
const PATIENCE: Duration = Duration::from_secs(60);

struct Log {
    memory: Memory,
    guard: Guard,
}

fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let memory = Memory::new();
        let guard = offloop::builder()
            .memory(&memory)
            .filter("info,offloop::request=debug")
            // None of the requests is slow because the machine is.
            .requests(Options::new().slow_after(PATIENCE))
            .init();
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

/// All lines so far that `is_wanted` picks by a first look at their text.
pub(crate) fn lines(is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let log = log();
    log.guard.flush(PATIENCE).expect("the memory takes all");
    let mut lines = log.memory.lines();
    lines.retain(|line| is_wanted(line));
    lines
}

fn parse(line: impl AsRef<str>) -> Value {
    serde_json::from_str(line.as_ref()).expect("a line is JSON")
}

/// The records of the requests themselves to this path, so far.
pub(crate) fn records_of(path: &str) -> Vec<Value> {
    let wanted = lines(|line| line.contains("\"http.server.request\"") && line.contains(path));
    let mut records: Vec<Value> = wanted.iter().map(parse).collect();
    records.retain(|record| record["url.path"] == path);
    records
}

/// The one record of the one request to this path, once it is there: what happens behind a client's
/// back takes its time.
pub(crate) async fn record_of(path: &str) -> Value {
    let mut records = wait_for(|| Some(records_of(path)).filter(|all| !all.is_empty())).await;
    assert_eq!(records.len(), 1, "{records:?}");
    records.remove(0)
}

/// All records that carry this request's id.
pub(crate) fn of_request(request_id: &str) -> Vec<Value> {
    let mut records: Vec<Value> = lines(|line| line.contains(request_id))
        .iter()
        .map(parse)
        .collect();
    records.retain(|record| record["request_id"] == request_id);
    records
}

/// The record of the connection whose client had this port, once it is there.
pub(crate) async fn connection_of(port: u16) -> Value {
    of_port(port, "\"http.server.connection\"").await
}

/// The same for one whose handshake failed.
pub(crate) async fn tls_error_of(port: u16) -> Value {
    of_port(port, "\"http.server.tls_error\"").await
}

async fn of_port(port: u16, event: &str) -> Value {
    let find = || {
        let wanted = lines(|line| line.contains(event));
        let mut records = wanted.iter().map(parse);
        records.find(|record| record["network.peer.port"] == port)
    };
    wait_for(find).await
}

/// What `find` finds, as soon as it does. The tasks of the runtime go on meanwhile.
pub(crate) async fn wait_for<T>(mut find: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(Instant::now() < deadline, "it never came");
        tokio::task::yield_now().await;
        thread::yield_now();
    }
}

/// An expected `null` stands for a field that must not be there.
#[track_caller]
pub(crate) fn assert_contains(record: &Value, expected: &Value) {
    for (name, value) in expected.as_object().into_iter().flatten() {
        assert_eq!(&record[name], value, "{name} in {record}");
    }
}
