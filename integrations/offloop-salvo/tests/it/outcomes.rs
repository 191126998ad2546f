//! Each way in which a request can end.

use offloop_salvo::RequestHoop;
use serde_json::json;

use crate::server::client::{Goes, RawClient};
use crate::server::mixture::{self, Way};
use crate::server::{log, outcomes, shutdown, table};
use crate::service::{serve, serve_text_only, serve_unseen, serve_with};

#[tokio::test]
async fn a_response_is_complete_when_its_body_is() {
    let seen = outcomes::get(serve().await, "/users/7", "complete").await;
    assert!(seen.answer.ends_with("ada"), "{}", seen.answer);
    let expected = json!({"outcome": "completed", "level": "INFO", "http.route": "/users/{id}",
        "url.path": "/users/7", "http.response.status_code": 200, "http.response.body.size": 3,
        "user.id": "7", "outcome.phase": null, "error.type": null});
    table::check("completed", &seen.record, &expected);
}

#[tokio::test]
async fn an_answer_that_has_no_body_by_its_nature_is_complete() {
    let server = serve().await;
    let head = outcomes::send(server, "HEAD /declared", "complete-head").await;
    let expected = json!({"outcome": "completed", "http.response.status_code": 200,
        "http.response.body.size": 0, "level": "INFO"});
    log::assert_contains(&head.record, &expected);
    let nothing = outcomes::get(server, "/nothing", "complete-204").await;
    let expected = json!({"outcome": "completed", "http.response.status_code": 204});
    table::check("completed (HEAD, 204, 304)", &nothing.record, &expected);
}

#[tokio::test]
async fn a_stream_that_declares_its_length_is_complete_when_that_is_sent() {
    let seen = outcomes::get(serve().await, "/declared", "complete-declared").await;
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

#[tokio::test]
async fn a_client_that_goes_away_while_the_handler_works_is_told() {
    let server = serve().await;
    let expected = json!({"outcome": "client_disconnect", "outcome.phase": "handler",
        "http.route": "/waits", "http.response.status_code": null,
        "error.type": "client_disconnect"});
    let reset = outcomes::gone_before_the_head(server, "gone-reset", Goes::ByReset).await;
    log::assert_contains(&reset, &expected);
    let gone = outcomes::gone_before_the_head(server, "gone-head", Goes::ByFin).await;
    table::check("client gone before the head", &gone, &expected);
    let records = log::of("gone-head");
    let messages: Vec<_> = records.iter().map(|record| &record["message"]).collect();
    assert_eq!(messages, ["handler dropped", "request"]);
}

#[tokio::test]
async fn without_a_look_at_the_connection_nothing_tells_why_a_request_was_dropped() {
    let id = "gone-unseen";
    let record = outcomes::gone_before_the_head(serve_unseen().await, id, Goes::ByFin).await;
    let expected = json!({"outcome": "cancelled", "outcome.phase": "handler"});
    log::assert_contains(&record, &expected);
}

#[tokio::test]
async fn a_client_that_goes_away_in_its_upload_is_told_whatever_the_handler_answers() {
    let record = outcomes::gone_in_the_upload(serve().await, "gone-upload").await;
    let expected = json!({"outcome": "client_disconnect", "outcome.phase": "upload",
        "http.request.body.size": 20});
    table::check("client gone in the upload", &record, &expected);
}

#[tokio::test]
async fn an_upload_that_is_no_http_is_complete_when_that_is_answered() {
    let seen = outcomes::malformed_upload(serve().await, "malformed-upload").await;
    assert!(seen.answer.starts_with("HTTP/1.1 400"), "{}", seen.answer);
    let expected = json!({"outcome": "completed", "outcome.phase": null,
        "http.response.status_code": 400, "http.request.body.size": 3});
    table::check("malformed upload (answered 4xx)", &seen.record, &expected);
}

#[tokio::test]
async fn without_a_look_at_the_connection_a_malformed_upload_is_one_that_broke_off() {
    let seen = outcomes::malformed_upload(serve_unseen().await, "malformed-unseen").await;
    let expected = json!({"outcome": "client_disconnect", "outcome.phase": "upload"});
    log::assert_contains(&seen.record, &expected);
}

#[test]
fn a_request_that_is_still_uploading_at_shutdowns_deadline_says_so() {
    let expected = json!({"level": "WARN", "outcome": "server_shutdown",
        "outcome.phase": "upload", "http.request.body.size": 20});
    let record = shutdown::record_of_child();
    table::check("still uploading at shutdown's deadline", &record, &expected);
}

#[tokio::test]
#[ignore = "the child of the test above"]
async fn child_that_ends_while_a_client_uploads() {
    if shutdown::is_child() {
        shutdown::end_uploading(serve().await).await;
    }
}

#[tokio::test]
async fn a_client_that_goes_away_in_the_body_is_told() {
    let record = outcomes::gone_in_the_body(serve().await, "gone-body", Goes::ByFin).await;
    let expected = json!({"outcome": "client_disconnect", "outcome.phase": "body",
        "http.response.status_code": 200, "http.response.body.size": 3});
    table::check("client gone in the body", &record, &expected);
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
async fn a_stream_that_is_reset_is_told_from_a_connection_that_is_closed() {
    let server = serve().await;
    let before = outcomes::stream_reset_before_the_head(server, "reset-head").await;
    let expected = json!({"outcome": "stream_reset", "outcome.phase": "handler",
        "network.protocol.version": "2"});
    table::check("HTTP/2 reset before the head", &before, &expected);
    let within = outcomes::stream_reset_in_the_body(server, "reset-body").await;
    let expected = json!({"outcome": "stream_reset", "outcome.phase": "body",
        "http.response.status_code": 200, "http.response.body.size": 3});
    table::check("HTTP/2 reset in the body", &within, &expected);
}

#[tokio::test]
async fn a_handler_that_fails_says_why() {
    let seen = outcomes::get(serve().await, "/fails", "fails").await;
    let expected = json!({"outcome": "completed", "level": "ERROR", "http.route": "/fails",
        "http.response.status_code": 500, "error.type": "500",
        "error": ["no answer", "no database"]});
    table::check("handler error (5xx)", &seen.record, &expected);
    table::cannot_see("service error", "a handler's error is its answer in salvo");
}

#[tokio::test]
async fn a_panic_that_is_caught_is_answered_and_says_what_it_said() {
    let server = serve_with(RequestHoop::new().catch_panics()).await;
    let seen = outcomes::get(server, "/panics", "panics-caught").await;
    assert!(seen.answer.starts_with("HTTP/1.1 500"), "{}", seen.answer);
    assert!(
        seen.answer.contains("x-request-id: panics-caught"),
        "{}",
        seen.answer
    );
    let expected = json!({"outcome": "panic", "level": "ERROR", "error.type": "panic",
        "http.response.status_code": 500, "error": ["on purpose"]});
    table::check("panic caught (answered 500)", &seen.record, &expected);
}

#[tokio::test]
async fn a_panic_that_nobody_catches_is_told() {
    let server = serve().await;
    let seen = outcomes::get(server, "/panics", "panics").await;
    assert_eq!(seen.answer, "");
    let expected = json!({"outcome": "panic", "outcome.phase": "handler", "level": "ERROR",
        "http.response.status_code": null});
    table::check("panic uncaught", &seen.record, &expected);
    let seen = outcomes::get(server, "/panics-late", "panics-late").await;
    let expected = json!({"outcome": "panic", "outcome.phase": "body", "level": "ERROR",
        "http.response.status_code": 200, "http.response.body.size": 3});
    table::check("panic in the body", &seen.record, &expected);
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
    let (record, lasts) = outcomes::upgrade(serve_unseen().await, "upgrade-unseen").await;
    assert!(!lasts);
    log::assert_contains(&record, &json!({"outcome": "upgraded"}));
}

#[tokio::test]
async fn server_sent_events_last_until_their_stream_ends() {
    let seen = outcomes::get(serve().await, "/events", "events").await;
    assert!(seen.answer.contains("data: two"), "{}", seen.answer);
    let expected = json!({"outcome": "completed", "http.response.body.size": 22});
    table::check("server-sent events", &seen.record, &expected);
}

#[tokio::test]
async fn a_grpc_call_has_its_status_from_the_trailers() {
    let server = serve().await;
    let (record, has_status) = outcomes::call(server, "/echo.Echo/Say", "grpc").await;
    assert!(has_status);
    let expected = json!({"outcome": "completed", "rpc.system.name": "grpc",
        "rpc.method": "echo.Echo/Say", "rpc.response.status_code": "NOT_FOUND", "level": "INFO"});
    table::check("gRPC status in trailers", &record, &expected);
    let (record, has_status) = outcomes::call(server, "/echo.Echo/Forget", "grpc-forgets").await;
    assert!(!has_status);
    let expected = json!({"error.type": "grpc_status_missing", "level": "ERROR"});
    table::check("gRPC status missing", &record, &expected);
}

#[tokio::test]
async fn a_page_that_a_catcher_writes_is_a_part_of_the_request() {
    let server = serve().await;
    let seen = outcomes::get(server, "/nowhere", "caught").await;
    let (_, page) = seen.answer.split_once("\r\n\r\n").unwrap();
    let expected = json!({"outcome": "completed", "http.response.status_code": 404,
        "http.response.body.size": page.len(), "http.route": null, "level": "INFO"});
    log::assert_contains(&seen.record, &expected);
    assert_ne!(page, "");
}

#[tokio::test]
async fn a_body_whose_type_is_not_allowed_gives_way_to_the_page_of_an_error() {
    let seen = outcomes::get(serve_text_only().await, "/events", "replaced").await;
    let (_, page) = seen.answer.split_once("\r\n\r\n").unwrap();
    let expected = json!({"outcome": "completed", "http.response.status_code": 415,
        "http.response.body.size": page.len()});
    log::assert_contains(&seen.record, &expected);
}

#[tokio::test]
async fn a_connection_says_how_it_ended_after_its_requests() {
    let server = serve().await;
    let mut client = RawClient::connect(server).await;
    let peer = client.port();
    for id in ["first-of-two", "second-of-two"] {
        client.send_head("GET /users/7", id, "").await;
        client.read_until("\r\n\r\nada").await;
    }
    client.go(Goes::ByFin);
    let record = log::connection_of(peer).await;
    let expected = json!({"connection.requests": 2, "connection.end": "client_close",
        "level": "DEBUG"});
    log::assert_contains(&record, &expected);
    assert_ne!(record["connection.sent.size"], 0);
    let records = log::lines();
    let position = |part: &str| records.iter().position(|line| line.contains(part)).unwrap();
    let of_peer = format!("\"network.peer.port\":{peer},\"connection.end\"");
    assert!(position("\"second-of-two\"") < position(&of_peer));
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
        Way::Resets("GET /waits"),
        Way::Resets("GET /endless"),
        Way::TakesHead("/endless"),
        Way::TakesHead("/stream"),
        Way::GivesUp("/waits"),
    ];
    mixture::check(serve().await, &ways).await;
}
