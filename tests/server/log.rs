//! The log of a test program: one for all tests, as a program has one for all requests.
//!
//! Each test sends requests with ids of its own, and looks only at the records of these.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use offloop::request::Options;
use offloop::{Guard, Memory};
use serde_json::Value;

/// Only a request that never ends reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

struct Log {
    memory: Memory,
    guard: Guard,
}

fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let memory = Memory::new();
        // Of the rest, what servers themselves say is much.
        let builder = offloop::builder().filter("info,offloop=debug");
        // None of the requests is slow because the machine is.
        let builder = builder.requests(Options::new().slow_after(PATIENCE));
        let guard = builder.memory(&memory).init();
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

/// Every line so far.
pub(crate) fn lines() -> Vec<String> {
    let log = log();
    let flushed = log.guard.flush(PATIENCE);
    flushed.expect("the memory takes everything");
    log.memory.lines()
}

/// Everything that was logged within the request of this id, its own record included.
pub(crate) fn of(id: &str) -> Vec<Value> {
    let lines = lines();
    let records = lines.iter();
    let records = records.map(|line| serde_json::from_str(line).expect("a line is JSON"));
    let is_of_it = |record: &Value| record["request_id"] == id;
    records.filter(is_of_it).collect()
}

/// The record of the request of this id, once it has ended: exactly one.
pub(crate) async fn record_of(id: &str) -> Value {
    let records = || {
        let mut records = of(id);
        records.retain(|record| record["event.name"] == "http.server.request");
        records
    };
    until(|| !records().is_empty()).await;
    let mut records = records();
    assert_eq!(records.len(), 1, "{records:?}");
    records.remove(0)
}

/// The record of the connection from this port of the client, once it has ended.
pub(crate) async fn connection_of(port: u16) -> Value {
    of_port(port, "http.server.connection").await
}

/// The same for one whose handshake failed.
pub(crate) async fn tls_error_of(port: u16) -> Value {
    of_port(port, "http.server.tls_error").await
}

async fn of_port(port: u16, event: &str) -> Value {
    let record = || {
        let lines = lines().into_iter();
        let mut records = lines.map(|line| serde_json::from_str(&line).expect("a line is JSON"));
        records.find(|record: &Value| {
            record["event.name"] == event && record["network.peer.port"] == port
        })
    };
    until(|| record().is_some()).await;
    record().unwrap()
}

/// Waits until the request of this id is under way.
pub(crate) async fn until_in_flight(id: &str) {
    let is_it = |request: &offloop::request::InFlight| request.context().id().as_str() == id;
    until(|| offloop::request::in_flight().iter().any(is_it)).await;
}

/// Waits until no request is under way whose id begins so.
pub(crate) async fn until_ended(ids: &str) {
    let is_one =
        |request: &offloop::request::InFlight| request.context().id().as_str().starts_with(ids);
    until(|| !offloop::request::in_flight().iter().any(is_one)).await;
}

pub(crate) async fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "it never came to pass");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// An expected `null` stands for a field that must not be there.
#[track_caller]
pub(crate) fn assert_contains(record: &Value, expected: &Value) {
    for (name, value) in expected.as_object().into_iter().flatten() {
        assert_eq!(&record[name], value, "{name} in {record}");
    }
}
