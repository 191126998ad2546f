//! Requests as a whole program sees them.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::child;

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
