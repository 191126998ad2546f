use std::time::Duration;

use serde_json::Value as Json;
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::Memory;

/// What is logged by `program`, as JSON.
fn logged(program: impl FnOnce()) -> Vec<Json> {
    let memory = Memory::new();
    let builder = crate::builder().memory(&memory).filter("trace");
    let (layer, guard) = builder.build().unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, program);
    guard.flush(Duration::from_secs(10)).unwrap();
    let lines = memory.lines();
    lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn arrival() -> Arrival<'static> {
    Arrival {
        method: "GET",
        path: "/users/42",
        protocol: "1.1",
        route: Some("/users/{id}"),
        ..Arrival::default()
    }
}

fn begin() -> Request {
    RequestLog::default().begin(arrival(), &())
}

fn ok(length: Option<u64>) -> ResponseHead {
    ResponseHead {
        status: 200,
        length,
        ..ResponseHead::default()
    }
}

/// The record of one request that `life` makes.
fn record(life: impl FnOnce(Request)) -> Json {
    let mut lines = logged(|| life(begin()));
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

#[test]
fn a_response_is_complete_when_its_declared_length_is_sent() {
    let record = record(|mut request| {
        request.head(ok(Some(5)), &());
        request.sent(2);
        assert!(!request.has_ended());
        request.sent(3);
        assert!(request.has_ended());
        request.end(Outcome::BodyError);
    });
    assert_eq!(record["outcome"], "completed");
    assert_eq!(record["level"], "INFO");
    assert_eq!(record["http.request.method"], "GET");
    assert_eq!(record["http.route"], "/users/{id}");
    assert_eq!(record["url.path"], "/users/42");
    assert_eq!(record["http.response.status_code"], 200);
    assert_eq!(record["http.response.body.size"], 5);
    assert_eq!(record["trace_id"].as_str().unwrap().len(), 32);
    assert_eq!(record.get("error.type"), None);
    assert_eq!(record.get("spans"), None);
}

#[test]
fn a_request_that_is_dropped_says_how_far_it_had_come() {
    let before = record(drop);
    assert_eq!(before["outcome"], "cancelled");
    assert_eq!(before["outcome.phase"], "handler");
    assert_eq!(before.get("http.response.status_code"), None);
    let within = record(|mut request| request.head(ok(None), &()));
    assert_eq!(within["outcome"], "cancelled");
    assert_eq!(within["outcome.phase"], "body");
    assert_eq!(within["http.response.status_code"], 200);
}

#[test]
fn records_of_a_request_carry_its_ids_wherever_they_are_logged() {
    let mut id = String::new();
    let lines = logged(|| {
        let mut request = begin();
        id = request.context().id().to_string();
        request.run(|| {
            tracing::info_span!("inner", depth = 1).in_scope(|| tracing::info!("handler"));
            let dispatch = tracing::dispatcher::get_default(Clone::clone);
            let work = carry(move || {
                tracing::dispatcher::with_default(&dispatch, || tracing::info!("thread"));
            });
            std::thread::spawn(work).join().unwrap();
        });
        tracing::info!("outside");
        request.end(Outcome::Completed);
    });
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0]["request_id"], id.as_str());
    assert_eq!(lines[0]["spans"], serde_json::json!(["request", "inner"]));
    assert_eq!(lines[1]["request_id"], id.as_str());
    assert_eq!(lines[1]["trace_id"], lines[3]["trace_id"]);
    assert_eq!(lines[2].get("request_id"), None);
    assert_eq!(lines[3]["request_id"], id.as_str());
}

#[test]
fn what_a_handler_adds_is_in_the_record_and_takes_the_place_of_nothing() {
    let record = record(|mut request| {
        request.run(|| {
            add("user.id", 41);
            add("user.id", 42);
            add("outcome", "forged");
            add("plan", "gold\n");
            add_error(&std::io::Error::other("no database"));
            for number in 0..100 {
                add(&format!("field {number}"), number);
            }
        });
        request.end(Outcome::Completed);
    });
    assert_eq!(record["user.id"], 42);
    assert_eq!(record["x.outcome"], "forged");
    assert_eq!(record["outcome"], "completed");
    assert_eq!(record["plan"], "gold\n");
    assert_eq!(record["error"], serde_json::json!(["no database"]));
    assert_eq!(record["dropped_fields"], 40);
}

#[test]
fn a_panic_is_told_from_a_request_that_is_dropped_while_a_thread_panics() {
    let struck = record(|mut request| {
        let work = std::panic::AssertUnwindSafe(move || {
            request.run(|| std::panic::resume_unwind(Box::new("struck")))
        });
        std::panic::catch_unwind(work).unwrap_err();
    });
    assert_eq!(struck["outcome"], "panic");
    assert_eq!(struck["level"], "ERROR");
    let bystander = record(|request| {
        let work = std::panic::AssertUnwindSafe(move || {
            let _bystander = request;
            std::panic::resume_unwind(Box::new("struck"));
        });
        std::panic::catch_unwind(work).unwrap_err();
    });
    assert_eq!(bystander["outcome"], "cancelled");
}

#[test]
fn requests_in_flight_are_listed_until_they_end() {
    logged(|| {
        let mut request = begin();
        let id = request.context().id().clone();
        let is_listed = || {
            let all = in_flight();
            all.iter().any(|other| *other.context().id() == id)
        };
        assert!(is_listed());
        request.end(Outcome::Completed);
        assert!(!is_listed());
    });
}

#[test]
fn an_answer_without_a_body_ends_the_request_with_its_head() {
    for (method, status) in [("HEAD", 200), ("GET", 204), ("GET", 304)] {
        let lines = logged(|| {
            let arrival = Arrival {
                method,
                ..arrival()
            };
            let mut request = RequestLog::default().begin(arrival, &());
            let head = ResponseHead {
                status,
                ..ok(Some(100))
            };
            request.head(head, &());
            assert!(request.has_ended(), "{method} {status}");
        });
        assert_eq!(lines[0]["outcome"], "completed");
    }
}

#[test]
fn a_body_that_ends_early_is_truncated() {
    let record = record(|mut request| {
        request.head(ok(Some(5)), &());
        request.sent(4);
        request.body_ended();
    });
    assert_eq!(record["outcome"], "truncated");
    assert_eq!(record["level"], "ERROR");
}

#[test]
fn what_was_answered_after_a_panic_or_a_time_out_bears_its_outcome_and_says_that_it_came_before() {
    for outcome in [Outcome::Panic, Outcome::ServiceError, Outcome::Timeout] {
        let record = record(|mut request| {
            request.context().decide(Outcome::Completed);
            request.context().decide(outcome);
            request.context().decide(Outcome::Rejected);
            request.head(ok(Some(5)), &());
            request.sent(5);
        });
        assert_eq!(record["outcome"], outcome.as_str());
        assert_eq!(record["outcome.phase"], "handler");
    }
}

#[test]
fn the_route_that_was_taken_replaces_the_one_of_the_arrival() {
    let record = record(|mut request| {
        request.set_route("/users/{name}");
        request.set_route("/users/{other}");
        request.end(Outcome::Completed);
    });
    assert_eq!(record["http.route"], "/users/{name}");
}

#[test]
fn an_error_that_the_handler_added_is_kept() {
    let record = record(|mut request| {
        request.run(|| add_error(&std::io::Error::other("no database")));
        let flat = std::io::Error::other("something failed");
        request.context().add_error_if_none(&flat);
        request.end(Outcome::Completed);
    });
    assert_eq!(record["error"], serde_json::json!(["no database"]));
}

/// What is logged with the filter `info`, and `debug` as the detail of requests.
fn logged_with_detail(program: impl FnOnce()) -> Vec<String> {
    let memory = Memory::new();
    let builder = crate::builder().memory(&memory).filter("info");
    let (layer, guard) = builder.request_detail("debug").build().unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, program);
    guard.flush(Duration::from_secs(10)).unwrap();
    messages(&memory)
}

fn messages(memory: &Memory) -> Vec<String> {
    let message = |line: &String| {
        let line: Json = serde_json::from_str(line).unwrap();
        line["message"].as_str().unwrap().to_owned()
    };
    memory.lines().iter().map(message).collect()
}

fn log_with_detail(request: &mut Request) {
    tracing::debug!("outside");
    request.run(|| {
        tracing::debug!("detail");
        tracing::trace!("too much");
        tracing::info!("wanted");
        log::debug!("detail by log");
    });
}

#[test]
fn the_detail_of_a_request_that_ends_well_is_forgotten() {
    let lines = logged_with_detail(|| {
        let mut request = begin();
        log_with_detail(&mut request);
        request.end(Outcome::Completed);
    });
    assert_eq!(lines, ["wanted", "request"]);
}

#[test]
fn the_detail_of_a_request_that_ends_badly_comes_before_its_record() {
    let lines = logged_with_detail(|| {
        let mut request = begin();
        log_with_detail(&mut request);
        request.end(Outcome::BodyError);
    });
    assert_eq!(lines, ["wanted", "detail", "request"]);
}

#[test]
fn detail_has_the_time_at_which_it_was_logged_and_the_ids_of_its_request() {
    let memory = Memory::new();
    let builder = crate::builder().memory(&memory).filter("info");
    let (layer, guard) = builder.request_detail("debug").build().unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        let mut request = begin();
        request.run(|| {
            tracing::info!("before");
            tracing::debug!("detail");
            std::thread::sleep(Duration::from_millis(5));
            tracing::info!("after");
        });
        request.context().keep();
        request.end(Outcome::Completed);
    });
    guard.flush(Duration::from_secs(10)).unwrap();
    let lines = memory.lines();
    let lines: Vec<Json> = { lines.iter() }
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let time = |place: usize| lines[place]["timestamp"].as_str().unwrap();
    assert_eq!(lines[2]["message"], "detail");
    assert!(time(0) <= time(2) && time(2) < time(1), "{lines:?}");
    assert_eq!(lines[2]["request_id"], lines[3]["request_id"]);
}

#[test]
fn detail_takes_no_more_than_it_may_and_the_newest_is_kept() {
    let lines = logged_with_detail(|| {
        let log = RequestLog::new(Options::new().detail_bytes(2_000));
        let mut request = log.begin(arrival(), &());
        request.run(|| {
            for number in 0..100 {
                tracing::debug!("detail {number}");
            }
        });
        request.end(Outcome::Panic);
    });
    let kept = lines.len() - 1;
    assert!((5..20).contains(&kept), "{kept}");
    assert_eq!(lines[kept - 1], "detail 99");
}

#[test]
fn a_request_that_the_sampling_leaves_out_is_written_whole_or_not_at_all() {
    let log = RequestLog::new(Options::new().sample(0.0));
    let good = logged_with_detail(|| {
        let mut request = log.begin(arrival(), &());
        request.run(|| tracing::info!("left out"));
        request.end(Outcome::Completed);
    });
    assert!(good.is_empty(), "{good:?}");
    let bad = logged_with_detail(|| {
        let mut request = log.begin(arrival(), &());
        request.run(|| tracing::info!("kept"));
        request.end(Outcome::ServiceError);
    });
    assert_eq!(bad, ["kept", "request"]);
    let warned = logged_with_detail(|| {
        let mut request = log.begin(arrival(), &());
        request.run(|| {
            tracing::info!("first");
            tracing::warn!("second");
            tracing::info!("third");
        });
        request.end(Outcome::Completed);
    });
    assert_eq!(warned, ["first", "second", "third", "request"]);
}

#[test]
fn a_panic_that_was_answered_is_a_panic_with_a_status() {
    let record = record(|mut request| {
        request.context().decide(Outcome::Panic);
        request.context().decide(Outcome::Timeout);
        let head = ResponseHead {
            status: 500,
            is_body_ended: true,
            ..ResponseHead::default()
        };
        request.head(head, &());
    });
    assert_eq!(record["outcome"], "panic");
    assert_eq!(record["http.response.status_code"], 500);
}

#[test]
fn a_connection_says_once_how_it_ended() {
    let peer = "192.0.2.7:52123".parse().unwrap();
    let lines = logged(|| {
        let connection = Connection::new(Some(peer));
        connection.add_received(10);
        connection.close_by_client();
        connection.end();
        connection.end();
    });
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["level"], "DEBUG");
    assert_eq!(lines[0]["event.name"], "http.server.connection");
    assert_eq!(lines[0]["network.peer.address"], "192.0.2.7");
    assert_eq!(lines[0]["connection.end"], "client_close");
    assert_eq!(lines[0]["connection.received.size"], 10);
}

#[test]
fn a_malformed_request_is_a_warning_of_its_connection() {
    let lines = logged(|| {
        let connection = Connection::new(None);
        connection.refuse(431);
        connection.end();
    });
    assert_eq!(lines[0]["level"], "WARN");
    assert_eq!(lines[0]["connection.end"], "malformed_request");
    assert_eq!(lines[0]["http.response.status_code"], 431);
    assert_eq!(lines[0].get("network.peer.address"), None);
}

struct List<'a>(&'a [(&'a str, &'a [u8])]);

impl Headers for List<'_> {
    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        let named = self.0.iter().filter(move |(other, _)| *other == name);
        named.map(|(_, value)| *value)
    }
}

#[test]
fn what_a_client_sends_is_in_the_record_as_far_as_it_is_asked_for() {
    let headers = List(&[
        ("user-agent", b"curl/8 \xff\n\x1b[31m"),
        ("host", b"example.org"),
        ("accept-language", b"de"),
        ("accept-language", b"en"),
        ("authorization", b"Bearer secret"),
        ("x-forwarded-for", b"203.0.113.9, 192.0.2.1"),
        ("content-length", b"10"),
    ]);
    let proxies = TrustedProxies::new(ForwardingHeader::XForwardedFor, ["10.0.0.0/8", "192.0.2.1"]);
    let options = Options::new()
        .query(QueryPolicy::values_of(["page"]))
        .request_header("Accept-Language")
        .request_header("authorization")
        .trusted_proxies(proxies.unwrap());
    let lines = logged(|| {
        let arrival = Arrival {
            path: &"/long".repeat(1000),
            query: Some("page=2&token=abc"),
            peer: Some("10.1.2.3:4567".parse().unwrap()),
            ..arrival()
        };
        drop(RequestLog::new(options).begin(arrival, &headers));
    });
    let record = &lines[0];
    assert_eq!(record["url.query"], "page=2&token=REDACTED");
    assert_eq!(record["user_agent.original"], "curl/8 \\xff\n\u{1b}[31m");
    assert_eq!(record["server.address"], "example.org");
    assert_eq!(record["http.request.header.accept-language"], "de, en");
    assert_eq!(record.get("http.request.header.authorization"), None);
    assert_eq!(record["client.address"], "203.0.113.9");
    assert_eq!(record["network.peer.address"], "10.1.2.3");
    assert_eq!(record["network.peer.port"], 4567);
    let path = record["url.path"].as_str().unwrap();
    assert!(
        path.starts_with("/long/long") && path.ends_with("…(+3976)"),
        "{path}"
    );
}

#[test]
fn an_access_log_has_one_line_for_each_request_and_nothing_forges_one() {
    let (common, combined) = (Memory::new(), Memory::new());
    let sinks = [
        crate::Sink::memory(&common).common_log(),
        crate::Sink::memory(&combined).combined_log(),
    ];
    let builder = sinks
        .into_iter()
        .fold(crate::builder(), crate::Builder::sink);
    let (layer, guard) = builder.build().unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!("no request");
        let headers = List(&[
            ("user-agent", b"\" 200 0 \"-\" \"forged\n\xff\xc3\xa9"),
            ("referer", b"https://example.org/"),
        ]);
        let options = Options::new().request_header("referer");
        let arrival = Arrival {
            peer: Some("[2001:db8::1]:80".parse().unwrap()),
            ..arrival()
        };
        let mut request = RequestLog::new(options).begin(arrival, &headers);
        request.head(ok(Some(5)), &());
        request.sent(5);
        drop(begin());
        log_in_flight();
    });
    guard.flush(Duration::from_secs(10)).unwrap();
    let lines = common.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let (client, rest) = lines[0].split_once(" - - [").unwrap();
    assert_eq!(client, "2001:db8::1");
    let (time, rest) = rest.split_once("] ").unwrap();
    assert!(chrono::DateTime::parse_from_str(time, "%d/%b/%Y:%H:%M:%S %z").is_ok());
    assert_eq!(rest, r#""GET /users/42 HTTP/1.1" 200 5"#);
    assert!(lines[1].ends_with(r#""GET /users/42 HTTP/1.1" 499 -"#));
    let referrer = r#""https://example.org/""#;
    let agent = r#""\x22 200 0 \x22-\x22 \x22forged\x0A\x5Cxffé""#;
    let lines = combined.lines();
    let expected = format!(r#"200 5 {referrer} {agent}"#);
    assert!(lines[0].ends_with(&expected), "{}", lines[0]);
}

#[test]
fn a_request_that_is_dropped_while_its_handler_waits_for_the_upload_says_so() {
    let waiting = record(|request| {
        request.context().received(3);
        request.context().upload_waits();
    });
    assert_eq!(waiting["outcome.phase"], "upload");
    let working = record(|request| {
        request.context().upload_waits();
        request.context().received(3);
    });
    assert_eq!(working["outcome.phase"], "handler");
}
