//! The log of this test program: one for all tests, as a program has one for all requests.
//!
//! Each test sends requests with paths of its own, and looks only at the records of these.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use offloop::request::Options;
use offloop::{Guard, Memory, Sink};
use serde_json::Value;

/// Reached only by what hangs.
const TIMEOUT: Duration = Duration::from_secs(60);

struct Log {
    lines: Memory,
    text: Memory,
    guard: Guard,
}

fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let (lines, text) = (Memory::new(), Memory::new());
        let builder = offloop::builder().filter("debug,actix=warn,h2=warn,mio=warn");
        // None of the requests is slow because the machine is.
        let builder = builder.requests(Options::new().slow_after(TIMEOUT));
        let builder = builder.sink(Sink::memory(&lines).json());
        let guard = builder.sink(Sink::memory(&text).text()).init().unwrap();
        Log { lines, text, guard }
    })
}

/// Installs the logger. Later calls do nothing.
pub(crate) fn start() {
    log();
}

/// All records so far, in JSON.
pub(crate) fn records() -> Vec<Value> {
    lines().iter().map(|line| parse(line)).collect()
}

/// All lines so far, in JSON.
pub(crate) fn lines() -> Vec<String> {
    log().guard.flush(TIMEOUT).unwrap();
    log().lines.lines()
}

/// All lines so far, for people.
pub(crate) fn text() -> Vec<String> {
    log().guard.flush(TIMEOUT).unwrap();
    log().text.lines()
}

pub(crate) fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// The one record of the one request for `path`, once it has ended.
pub(crate) fn record_of(path: &str) -> Value {
    wait_for(path, || {
        let mut records = requests(path);
        assert!(records.len() <= 1, "{records:?}");
        records.pop()
    })
}

/// The records of the requests for `path` that have ended.
pub(crate) fn requests(path: &str) -> Vec<Value> {
    let lines = lines();
    let lines = lines.iter().filter(|line| line.contains(path));
    let mut records: Vec<_> = lines.map(|line| parse(line)).collect();
    records.retain(|record| is_request(record) && record["url.path"] == path);
    records
}

/// Whether it is the record of a request as a whole.
pub(crate) fn is_request(record: &Value) -> bool {
    record["event.name"] == "http.server.request"
}

/// Waits until a request for `path` is with its handler.
pub(crate) fn wait_for_arrival(path: &str) {
    wait_for(path, || {
        let mut all = offloop::request::in_flight().into_iter();
        all.find(|request| request.path() == path).map(drop)
    });
}

/// Asks again and again, because neither the server nor the client can tell when it is so.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < TIMEOUT, "still waiting for {what}");
        std::thread::yield_now();
    }
}

/// An expected `null` stands for a field that must not be there.
#[track_caller]
pub(crate) fn assert_contains(record: &Value, expected: &Value) {
    for (name, value) in expected.as_object().into_iter().flatten() {
        assert_eq!(&record[name], value, "{name} in {record}");
    }
}
