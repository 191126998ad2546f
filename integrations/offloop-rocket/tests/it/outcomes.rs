//! Each way in which a request can end.

use std::net::SocketAddr;

use hyper::Method;
use serde_json::json;

use crate::server::client::{self, Goes, RawClient};
use crate::server::mixture::{self, Way};
use crate::server::{log, outcomes, shutdown, table};
use crate::service::{PATIENCE, serve, serve_outside};

#[tokio::test]
async fn a_response_is_complete_when_its_body_is() {
    let seen = outcomes::get(serve().await, "/users/7", "complete").await;
    assert!(seen.answer.ends_with("ada"), "{}", seen.answer);
    let expected = json!({"outcome": "completed", "level": "INFO", "http.route": "/users/<id>",
        "url.path": "/users/7", "http.response.status_code": 200, "http.response.body.size": 3,
        "user.id": "7", "outcome.phase": null, "error.type": null,
        "network.protocol.version": null, "network.peer.address": "127.0.0.1"});
    table::check("completed", &seen.record, &expected);
}

#[tokio::test]
async fn an_answer_that_has_no_body_by_its_nature_is_complete() {
    let server = serve().await;
    let head = outcomes::send(server, "HEAD /declared", "complete-head").await;
    let expected = json!({"outcome": "completed", "http.response.status_code": 200,
        "http.request.method": "HEAD", "http.response.body.size": 0, "level": "INFO"});
    log::assert_contains(&head.record, &expected);
    let nothing = outcomes::get(server, "/nothing", "complete-204").await;
    let expected = json!({"outcome": "completed", "http.response.status_code": 204});
    table::check("completed (HEAD, 204, 304)", &nothing.record, &expected);
}

#[tokio::test]
async fn a_stream_that_declares_its_length_is_complete_when_that_is_sent() {
    let seen = outcomes::get(serve().await, "/declared", "complete-declared").await;
    assert!(seen.answer.ends_with("onetwothree"), "{}", seen.answer);
    let expected = json!({"outcome": "completed", "http.response.body.size": 11});
    table::check("completed (declared length)", &seen.record, &expected);
}

#[tokio::test]
async fn a_stream_that_declares_no_bytes_at_all_is_complete_with_its_head() {
    let server = serve().await;
    let seen = outcomes::get(server, "/declared-nothing", "complete-zero").await;
    assert!(seen.answer.ends_with("\r\n\r\n"), "{}", seen.answer);
    let expected = json!({"outcome": "completed", "outcome.phase": null, "level": "INFO",
        "http.response.body.size": 0, "http.response.status_code": 200});
    table::check("completed (declared length of 0)", &seen.record, &expected);
}

#[tokio::test]
async fn a_stream_is_complete_when_it_ends() {
    let seen = outcomes::get(serve().await, "/stream", "complete-stream").await;
    assert!(seen.answer.contains("three"), "{}", seen.answer);
    let expected = json!({"outcome": "completed", "http.response.body.size": 11});
    table::check("completed (stream)", &seen.record, &expected);
}

/// The client goes away, and the handler ends its work after that.
async fn gone_before_the_head(server: SocketAddr, id: &str) {
    let mut client = RawClient::connect(server).await;
    client.send_head("GET /patient", id, "").await;
    log::until_in_flight(id).await;
    client.go(Goes::ByFin);
}

#[tokio::test]
async fn a_handler_goes_on_without_its_client_and_its_answer_is_dropped() {
    let server = serve().await;
    gone_before_the_head(server, "gone-head").await;
    let mut h2 = client::http2(server).await;
    let answer = h2.send_request(client::request(
        Method::GET,
        server,
        "/patient",
        "reset-head",
    ));
    tokio::select! {
        answer = answer => panic!("it waits: {answer:?}"),
        () = log::until_in_flight("reset-head") => {}
    }
    PATIENCE.add_permits(2);
    let expected = json!({"outcome": "cancelled", "outcome.phase": "body",
        "http.route": "/patient"});
    let gone = log::record_of("gone-head").await;
    let remark = "once the handler, which goes on, has its answer dropped";
    table::check_with("client gone before the head", &gone, &expected, remark);
    let reset = log::record_of("reset-head").await;
    table::check_with("HTTP/2 reset before the head", &reset, &expected, remark);
}

#[tokio::test]
async fn a_client_that_goes_away_in_its_upload_is_the_handlers_to_tell() {
    let record = outcomes::gone_in_the_upload(serve().await, "gone-upload").await;
    // What the client has declared; Rocket does not show what has come.
    log::assert_contains(&record, &json!({"http.request.body.size": 100}));
    let reason = "Rocket shows a request's body to its handler alone";
    table::cannot_see("client gone in the upload", reason);
}

#[tokio::test]
async fn an_upload_that_is_no_http_is_the_end_of_the_body_for_the_handler() {
    let seen = outcomes::malformed_upload(serve().await, "malformed-upload").await;
    assert!(seen.answer.starts_with("HTTP/1.1 200"), "{}", seen.answer);
    log::assert_contains(&seen.record, &json!({"outcome": "completed"}));
    let reason = "Rocket tells its handler that the body ends there";
    table::cannot_see("malformed upload (answered 4xx)", reason);
}

#[test]
fn a_request_that_is_still_uploading_at_shutdowns_deadline_has_not_been_answered() {
    let expected = json!({"level": "WARN", "outcome": "server_shutdown",
        "outcome.phase": "handler"});
    let remark = "Rocket shows a request's body to its handler alone";
    let record = shutdown::record_of_child();
    let outcome = "still uploading at shutdown's deadline";
    table::check_with(outcome, &record, &expected, remark);
}

#[tokio::test]
#[ignore = "the child of the test above"]
async fn child_that_ends_while_a_client_uploads() {
    if shutdown::is_child() {
        shutdown::end_uploading(serve().await).await;
    }
}

#[tokio::test]
async fn a_body_is_dropped_when_it_next_sends_without_its_client() {
    let server = serve().await;
    let expected = json!({"outcome": "cancelled", "outcome.phase": "body",
        "http.response.status_code": 200});
    let gone = outcomes::gone_in_the_body(server, "gone-body", Goes::ByFin).await;
    table::check("client gone in the body", &gone, &expected);
    let reset = outcomes::stream_reset_in_the_body(server, "reset-body").await;
    table::check("HTTP/2 reset in the body", &reset, &expected);
}

#[tokio::test]
async fn a_bodys_destructor_logs_within_its_request_and_before_its_end() {
    let id = "body-dropped";
    outcomes::gone_in_the_body(serve().await, id, Goes::ByReset).await;
    let records = log::of(id);
    let messages: Vec<_> = records.iter().map(|record| &record["message"]).collect();
    assert_eq!(messages, ["body dropped", "request"]);
}

#[tokio::test]
async fn a_handler_that_fails_may_say_why() {
    let seen = outcomes::get(serve().await, "/fails", "fails").await;
    let expected = json!({"outcome": "completed", "level": "ERROR", "http.route": "/fails",
        "http.response.status_code": 500, "error.type": "500",
        "error": ["no answer", "no database"]});
    table::check("handler error (5xx)", &seen.record, &expected);
    table::cannot_see("service error", "a handler's error is its answer in Rocket");
}

#[tokio::test]
async fn a_panic_is_answered_by_rocket_and_says_what_it_said() {
    let server = serve().await;
    let seen = outcomes::get(server, "/panics", "panics").await;
    assert!(seen.answer.starts_with("HTTP/1.1 500"), "{}", seen.answer);
    let expected = json!({"outcome": "panic", "level": "ERROR", "error.type": "panic",
        "http.response.status_code": 500, "error": ["on purpose"]});
    table::check("panic caught (answered 500)", &seen.record, &expected);
    table::cannot_see("panic uncaught", "Rocket catches every panic of a handler");
    let seen = outcomes::get(server, "/panics-late", "panics-late").await;
    let expected = json!({"outcome": "panic", "outcome.phase": "body", "level": "ERROR",
        "http.response.status_code": 200, "http.response.body.size": 3});
    table::check("panic in the body", &seen.record, &expected);
}

#[tokio::test]
async fn routes_that_are_not_logged_leave_a_record_without_what_their_handlers_know() {
    let server = serve_outside().await;
    let seen = outcomes::get(server, "/users/7", "outside").await;
    let expected = json!({"outcome": "completed", "http.route": "/users/<id>", "user.id": null});
    log::assert_contains(&seen.record, &expected);
    let seen = outcomes::get(server, "/panics", "outside-panics").await;
    let expected = json!({"outcome": "completed", "http.response.status_code": 500});
    log::assert_contains(&seen.record, &expected);
}

#[tokio::test]
async fn a_time_limit_and_back_pressure_say_what_their_answers_mean() {
    let server = serve().await;
    let seen = outcomes::get(server, "/times-out", "times-out").await;
    let expected = json!({"outcome": "timeout", "level": "ERROR",
        "http.response.status_code": 504, "http.route": "/times-out"});
    table::check("timeout layer fired", &seen.record, &expected);
    let seen = outcomes::get(server, "/busy", "busy").await;
    let expected = json!({"outcome": "rejected", "http.response.status_code": 503});
    table::check("refused by back-pressure", &seen.record, &expected);
}

#[tokio::test]
async fn a_body_that_fails_or_falls_short_is_told() {
    let server = serve().await;
    let seen = outcomes::get(server, "/fails-late", "fails-late").await;
    let expected = json!({"outcome": "body_error", "level": "ERROR", "error": ["lost"],
        "http.response.status_code": 200, "http.response.body.size": 3});
    table::check("response body failed", &seen.record, &expected);
    let seen = outcomes::get(server, "/short", "short").await;
    let expected = json!({"outcome": "truncated", "level": "ERROR",
        "http.response.body.size": 3});
    table::check("response truncated", &seen.record, &expected);
}

#[tokio::test]
async fn an_upgraded_request_lasts_until_its_connection_ends() {
    let (record, lasts) = outcomes::upgrade(serve().await, "upgrade").await;
    assert!(lasts);
    let expected = json!({"outcome": "upgraded", "http.response.status_code": 101,
        "level": "INFO", "error.type": null});
    table::check("upgrade (WebSocket)", &record, &expected);
}

#[tokio::test]
async fn server_sent_events_last_until_their_stream_ends() {
    let seen = outcomes::get(serve().await, "/events", "events").await;
    assert!(seen.answer.contains("data:two"), "{}", seen.answer);
    let expected = json!({"outcome": "completed", "http.response.status_code": 200});
    table::check("server-sent events", &seen.record, &expected);
    for outcome in ["gRPC status in trailers", "gRPC status missing"] {
        table::cannot_see(outcome, "Rocket sends no trailers, and so no gRPC");
    }
}

#[tokio::test]
async fn a_page_of_a_catcher_is_a_part_of_the_request() {
    let seen = outcomes::get(serve().await, "/nowhere", "caught").await;
    let (_, page) = seen.answer.split_once("\r\n\r\n").unwrap();
    let expected = json!({"outcome": "completed", "http.response.status_code": 404,
        "http.response.body.size": page.len(), "http.route": null});
    log::assert_contains(&seen.record, &expected);
    assert_ne!(page, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_has_one_record_however_it_ends() {
    let ways = [
        Way::Ends("GET /users/7"),
        Way::Ends("HEAD /declared"),
        Way::Ends("GET /stream"),
        Way::Ends("GET /panics"),
        Way::Ends("GET /panics-late"),
        Way::Ends("GET /fails-late"),
        Way::Ends("GET /nowhere"),
        Way::Resets("GET /users/7"),
        Way::Resets("GET /endless"),
        Way::TakesHead("/endless"),
        Way::TakesHead("/stream"),
        Way::GivesUp("/endless"),
    ];
    mixture::check(serve().await, &ways).await;
}
