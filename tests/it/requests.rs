//! Requests as a whole program sees them.

use std::io;

use offloop::Memory;
use offloop::request::{
    Arrival, Connection, Headers, Incoming, Options, RequestLog, ResponseHead, figures,
};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::child;
use crate::support::{PATIENCE, in_child};

/// The values of one key, in the order of the file, of the records that have it.
fn all<'r>(records: &'r [Value], key: &str) -> Vec<&'r str> {
    let values = records.iter().filter_map(|record| record[key].as_str());
    values.collect()
}

#[test]
fn a_request_that_hangs_is_reported_and_has_its_record_at_the_shutdown() {
    let mut child = child::begin(&["requests-hanging"]);
    let process = child.next_answer().unwrap();
    assert!(process["process"].is_u64());
    let in_flight = |child: &child::Child| {
        let records = child.records();
        let events = records.iter().filter(|record| {
            record["event.name"] == "http.server.request.inflight" && record["url.path"] == "/hangs"
        });
        events.count()
    };
    // It lasts longer and longer: the first reports come by themselves.
    child.wait_until(|child| 2 <= in_flight(child));
    let before = in_flight(&child);
    child.signal(Signal::USR1);
    child.wait_until(|child| before < in_flight(child));
    child.close_stdin();
    let ended = child.end();
    ended.assert_success();
    assert_eq!(ended.answers("complete"), [&json!(true)]);
    let records = ended.records();
    let records: Vec<_> = records
        .into_iter()
        .filter(|record| record["event.name"] == "http.server.request")
        .collect();
    assert_eq!(all(&records, "url.path"), ["/ends", "/hangs"]);
    assert_eq!(all(&records, "outcome"), ["completed", "server_shutdown"]);
}

#[test]
fn what_comes_through_the_log_crate_is_detail_of_a_request_too() {
    let ended = child::run(&["requests-detail"]);
    ended.assert_success();
    let records = ended.records();
    let messages = all(&records, "message");
    let expected = [
        "wanted 0",
        "wanted 1",
        "request",
        "wanted 2",
        "detail 2",
        "quiet detail 2",
        "request",
    ];
    assert_eq!(messages, expected);
}

#[test]
fn a_forked_child_does_not_take_its_parents_requests_for_its_own() {
    let ended = child::run(&["requests-forked"]);
    ended.assert_success();
    let records = ended.records();
    assert_eq!(all(&records, "url.path"), ["/child", "/parent"]);
}

#[test]
fn requests_are_logged_as_the_program_is_configured_unless_they_have_options_of_their_own() {
    in_child(|| {
        let memory = Memory::new();
        let by_default = RequestLog::default();
        let by_choice = RequestLog::new(Options::new());
        let requests = Options::new().quiet("/health").unwrap();
        let builder = offloop::builder().memory(&memory).requests(requests);
        let guard = builder.filter("debug").init().unwrap();
        let arrival = Arrival {
            path: "/health",
            ..Arrival::default()
        };
        let head = ResponseHead {
            status: 204,
            ..ResponseHead::default()
        };
        by_default.begin(arrival.clone(), &()).head(head, &());
        by_choice.begin(arrival, &()).head(head, &());
        guard.flush(PATIENCE).unwrap();
        let lines = memory.lines();
        let records: Vec<Value> = lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(all(&records, "level"), ["DEBUG", "INFO"]);
    });
}

#[test]
fn warnings_that_anybody_can_cause_are_held_back_and_counted_and_told_of_at_the_end() {
    in_child(|| {
        let memory = Memory::new();
        let builder = offloop::builder().memory(&memory);
        let guard = builder.filter("debug").init().unwrap();
        for number in 0..30 {
            let connection = Connection::default();
            let error = io::Error::other(format!("no common cipher, {number}"));
            connection.handshake_failed(&error);
            let connection = Connection::default();
            connection.refuse(400);
            connection.end();
        }
        assert_eq!(figures().failed_handshakes, 30);
        assert_eq!(figures().malformed_requests, 30);
        assert!(guard.shutdown(PATIENCE).is_complete());
        for event in ["http.server.tls_error", "http.server.connection"] {
            let records = records_of(&memory, event);
            let levels = all(&records, "level");
            let of = |level| levels.iter().filter(|other| **other == level).count();
            assert_eq!(of("DEBUG") + of("WARN"), 31, "{levels:?}");
            let told = records
                .iter()
                .filter_map(|record| record["suppressed"].as_u64());
            assert_eq!(told.sum::<u64>(), of("DEBUG") as u64);
        }
    });
}

#[test]
fn ids_that_are_refused_are_counted_and_those_that_nobody_wants_are_not() {
    in_child(|| {
        let ids = |incoming, ids: &'static [&'static [u8]]| {
            let log = RequestLog::new(Options::new().incoming_ids(incoming));
            drop(log.begin(Arrival::default(), &Ids(ids)));
            figures().refused_ids
        };
        assert_eq!(ids(Incoming::Accept, &[]), 0);
        assert_eq!(ids(Incoming::Accept, &[b"r-1"]), 0);
        assert_eq!(ids(Incoming::Accept, &[b"r 1"]), 1);
        assert_eq!(ids(Incoming::Accept, &[b"r-1", b"r-2"]), 2);
        assert_eq!(ids(Incoming::Ignore, &[b"r 1"]), 2);
    });
}

/// The ids that a client sends.
struct Ids(&'static [&'static [u8]]);

impl Headers for Ids {
    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        let ids = self.0.iter().copied();
        ids.filter(move |_| name == "x-request-id")
    }
}

/// The records of one event.
fn records_of(memory: &Memory, event: &str) -> Vec<Value> {
    let lines = memory.lines();
    let records = lines.iter().map(|line| serde_json::from_str(line).unwrap());
    records
        .filter(|record: &Value| record["event.name"] == event)
        .collect()
}
