//! How requests over HTTP/1.1 end.

use serde_json::json;

use crate::client::Client;
use crate::server::{Server, Setup, usual};
use crate::service::gate;
use crate::{log, table};

#[test]
fn a_request_that_goes_well_has_its_record_with_all_that_is_known() {
    let mut client = Client::connect(usual());
    let target = "/users/ada/orders/well?page=2";
    client.ask("GET", target, "user-agent: curl/8\r\n");
    assert_eq!(client.answer().text(), "orders");
    let expected = json!({
        "outcome": "completed",
        "outcome.phase": null,
        "level": "INFO",
        "error.type": null,
        "http.request.method": "GET",
        "http.route": "/users/{user}/orders/{test}",
        "http.response.status_code": 200,
        "http.response.body.size": 6,
        "url.scheme": "http",
        "server.address": "test",
        "network.protocol.version": "1.1",
        "network.peer.address": "127.0.0.1",
        "client.address": "127.0.0.1",
        "user_agent.original": "curl/8",
    });
    let record = log::record_of("/users/ada/orders/well");
    table::check("completed", &record, &expected);
}

#[test]
fn a_path_that_no_route_matches_has_no_route_in_its_record() {
    let answer = Client::connect(usual()).get("/nowhere/default");
    assert_eq!(answer.status, 404);
    let expected =
        json!({"outcome": "completed", "http.response.status_code": 404, "http.route": null});
    log::assert_contains(&log::record_of("/nowhere/default"), &expected);
}

#[test]
fn guards_choose_the_route_of_the_record() {
    let mut client = Client::connect(usual());
    client.ask("GET", "/choice/guarded", "x-choice: 1\r\n");
    assert_eq!(client.answer().text(), "chosen");
    let record = log::record_of("/choice/guarded");
    assert_eq!(record["http.route"], "/choice/{chosen}");
    client.get("/choice/unguarded");
    let record = log::record_of("/choice/unguarded");
    assert_eq!(record["http.route"], "/{any:choice}/{other}");
}

#[test]
fn answers_without_a_body_are_complete_with_their_head() {
    let mut client = Client::connect(usual());
    client.ask("HEAD", "/fixed/head", "");
    assert_eq!(client.head().unwrap().status, 200);
    for (path, status) in [("/empty/204/bodyless", 204), ("/empty/304/bodyless", 304)] {
        assert_eq!(client.get(path).status, status);
        let expected = json!({"outcome": "completed", "http.response.status_code": status});
        log::assert_contains(&log::record_of(path), &expected);
    }
    let record = log::record_of("/fixed/head");
    let expected = json!({"outcome": "completed", "http.request.method": "HEAD", "level": "INFO"});
    table::check("completed (HEAD, 204, 304)", &record, &expected);
}

#[test]
fn a_body_is_complete_at_its_declared_length() {
    for path in ["/declared/length", "/promised/length"] {
        let answer = Client::connect(usual()).get(path);
        let size = answer.body.len();
        let expected = json!({"outcome": "completed", "http.response.body.size": size});
        table::check(
            "completed (declared length)",
            &log::record_of(path),
            &expected,
        );
    }
}

#[test]
fn a_stream_that_declares_no_bytes_at_all_is_complete_with_its_head() {
    let answer = Client::connect(usual()).get("/promised-nothing/length");
    assert_eq!(answer.header("content-length"), Some("0"));
    let expected = json!({"outcome": "completed", "outcome.phase": null,
        "http.response.body.size": 0});
    let record = log::record_of("/promised-nothing/length");
    table::check("completed (declared length of 0)", &record, &expected);
}

#[test]
fn a_stream_is_complete_at_its_end() {
    let mut client = Client::connect(usual());
    client.ask("GET", "/stream/whole", "");
    assert_eq!(client.head().unwrap().status, 200);
    client.read_until("\r\n0\r\n\r\n");
    let expected = json!({"outcome": "completed", "http.response.body.size": 11});
    table::check(
        "completed (stream)",
        &log::record_of("/stream/whole"),
        &expected,
    );
}

#[test]
fn events_that_a_server_sends_are_one_request_which_ends_with_the_last_one() {
    let mut client = Client::connect(usual());
    client.ask("GET", "/events/whole", "last-event-id: 0\r\n");
    let head = client.head().unwrap();
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    let events = client.read_until("\r\n0\r\n\r\n");
    let first = "id: 1\ndata: news\n\n";
    assert!(
        events.contains(first) && events.contains("id: 2\n"),
        "{events}"
    );
    let record = log::record_of("/events/whole");
    let expected = json!({"outcome": "completed", "http.response.status_code": 200});
    table::check("server-sent events", &record, &expected);
    let all = log::records();
    let same = all
        .iter()
        .filter(|other| other["request_id"] == record["request_id"]);
    let messages: Vec<_> = same.map(|record| record["message"].as_str()).collect();
    assert_eq!(messages, [Some("event"), Some("event"), Some("request")]);
}

#[test]
fn a_client_that_leaves_during_the_body_is_told_from_a_body_that_ends() {
    let ways = [
        ("/endless/closed", false),
        ("/endless/reset", true),
        ("/stalled/reset", true),
    ];
    for (path, does_reset) in ways {
        let mut client = Client::connect(usual());
        client.ask("GET", path, "");
        assert_eq!(client.head().unwrap().status, 200);
        client.read(5);
        if does_reset {
            client.reset();
        } else {
            drop(client);
        }
        let record = log::record_of(path);
        let expected = json!({
            "outcome": "client_disconnect",
            "outcome.phase": "body",
            "http.response.status_code": 200,
        });
        table::check("client gone in the body", &record, &expected);
        assert!(
            5 <= record["http.response.body.size"].as_u64().unwrap(),
            "{record}"
        );
    }
}

#[test]
fn a_bodys_destructor_logs_within_its_request_and_before_its_end() {
    let mut client = Client::connect(usual());
    client.ask("GET", "/stalled/dropped", "");
    client.read_until("begun");
    client.reset();
    let record = log::record_of("/stalled/dropped");
    let mut records = log::records();
    records.retain(|other| other["request_id"] == record["request_id"]);
    let messages: Vec<_> = records.iter().map(|record| &record["message"]).collect();
    assert_eq!(messages, ["body dropped", "request"]);
}

#[test]
fn a_client_that_resets_the_connection_before_the_head_is_seen() {
    let mut client = Client::connect(usual());
    client.ask("GET", "/held/reset", "");
    log::wait_for_arrival("/held/reset");
    client.reset();
    let expected = json!({
        "outcome": "client_disconnect",
        "outcome.phase": "handler",
        "http.route": "/held/{test}",
        "http.response.status_code": null,
    });
    log::assert_contains(&log::record_of("/held/reset"), &expected);
}

#[test]
fn a_client_that_closes_before_the_head_is_waited_upon_by_default() {
    let mut client = Client::connect(usual());
    client.ask("GET", "/held/half-closed", "");
    log::wait_for_arrival("/held/half-closed");
    client.finish();
    gate("half-closed").add_permits(1);
    assert_eq!(client.answer().text(), "at last");
    assert_eq!(log::record_of("/held/half-closed")["outcome"], "completed");
}

#[test]
fn a_client_that_closes_before_the_head_is_seen_where_half_closed_connections_are_not_allowed() {
    let server = Server::start(Setup {
        answers_half_closed: false,
        ..Setup::default()
    });
    let mut client = Client::connect(server.address);
    client.ask("GET", "/held/closed", "");
    log::wait_for_arrival("/held/closed");
    client.finish();
    let expected = json!({
        "outcome": "client_disconnect",
        "outcome.phase": "handler",
        "http.response.status_code": null,
    });
    let record = log::record_of("/held/closed");
    let remark = "a reset always, a close with `h1_allow_half_closed(false)`";
    table::check_with("client gone before the head", &record, &expected, remark);
    drop(client);
    server.stop();
}

#[test]
fn without_on_connect_a_request_that_is_dropped_is_only_cancelled() {
    let server = Server::start(Setup {
        notes_connections: false,
        ..Setup::default()
    });
    let mut client = Client::connect(server.address);
    client.ask("GET", "/endless/unnoted", "");
    client.head().unwrap();
    client.reset();
    let expected = json!({"outcome": "cancelled", "outcome.phase": "body"});
    log::assert_contains(&log::record_of("/endless/unnoted"), &expected);
    server.stop();
}

#[test]
fn a_task_that_keeps_the_request_hides_that_the_client_left() {
    let mut client = Client::connect(usual());
    client.ask("GET", "/kept/hidden", "");
    client.read_until("begun");
    client.reset();
    let record = log::record_of("/kept/hidden");
    assert_eq!(record["outcome"], "cancelled");
    gate("hidden").add_permits(1);
}

#[test]
fn what_is_asked_for_behind_a_request_has_a_record_of_its_own() {
    let mut client = Client::connect(usual());
    let ask = |path| format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n");
    let paths = ["/fixed/first", "/fail/second", "/fixed/third"];
    client.send(paths.map(ask).concat());
    for (path, status) in paths.into_iter().zip([200, 500, 200]) {
        assert_eq!(client.answer().status, status);
        assert_eq!(log::record_of(path)["http.response.status_code"], status);
    }
}

#[test]
fn the_error_of_a_handler_is_in_the_record() {
    assert_eq!(Client::connect(usual()).get("/fail/error").status, 500);
    let expected = json!({
        "outcome": "completed",
        "level": "ERROR",
        "error.type": "500",
        "error": ["the database is gone"],
    });
    table::check(
        "handler error (5xx)",
        &log::record_of("/fail/error"),
        &expected,
    );
}

#[test]
fn what_a_handler_says_of_its_error_is_kept() {
    assert_eq!(Client::connect(usual()).get("/explained/error").status, 500);
    let record = log::record_of("/explained/error");
    assert_eq!(record["error"], json!(["the pool has no connection"]));
}

#[test]
fn an_error_instead_of_a_response_is_followed_to_the_end_of_what_is_answered() {
    let answer = Client::connect(usual()).get("/overloaded/error");
    assert_eq!((answer.status, answer.text()), (503, "no room"));
    assert_eq!(answer.headers("x-request-id").count(), 1);
    let expected = json!({
        "outcome": "service_error",
        "outcome.phase": "handler",
        "level": "ERROR",
        "error.type": "service_error",
        "error": ["no room"],
        "http.response.status_code": 503,
        "http.response.body.size": 7,
        "request_id": answer.header("x-request-id"),
    });
    table::check(
        "service error",
        &log::record_of("/overloaded/error"),
        &expected,
    );
}

#[test]
fn an_error_that_blames_the_client_is_an_answer_like_others() {
    assert_eq!(Client::connect(usual()).get("/refused/error").status, 401);
    let expected = json!({"outcome": "completed", "level": "INFO", "error": ["no ticket"]});
    log::assert_contains(&log::record_of("/refused/error"), &expected);
}

#[test]
fn an_error_that_a_middleware_outside_answers_ends_the_request() {
    let answer = Client::connect(usual()).get("/replaced/error");
    assert_eq!((answer.status, answer.text()), (200, "all is well"));
    let expected = json!({"outcome": "service_error", "error": ["no room"]});
    log::assert_contains(&log::record_of("/replaced/error"), &expected);
}

#[test]
fn a_time_out_says_that_it_was_one() {
    assert_eq!(Client::connect(usual()).get("/timeout/fired").status, 504);
    let expected = json!({
        "outcome": "timeout",
        "outcome.phase": "handler",
        "level": "ERROR",
        "http.response.status_code": 504,
    });
    table::check(
        "timeout layer fired",
        &log::record_of("/timeout/fired"),
        &expected,
    );
}

#[test]
fn a_limit_says_that_it_turned_the_request_away() {
    assert_eq!(Client::connect(usual()).get("/limited/away").status, 503);
    let expected = json!({"outcome": "rejected", "http.response.status_code": 503});
    table::check(
        "refused by back-pressure",
        &log::record_of("/limited/away"),
        &expected,
    );
}

#[test]
fn a_body_that_fails_is_told_from_one_that_ends() {
    let mut client = Client::connect(usual());
    client.ask("GET", "/broken/body", "");
    assert_eq!(client.head().unwrap().status, 200);
    client.read_to_end();
    let expected = json!({
        "outcome": "body_error",
        "outcome.phase": "body",
        "level": "ERROR",
        "http.response.body.size": 4,
    });
    let record = log::record_of("/broken/body");
    table::check("response body failed", &record, &expected);
    assert!(
        record["error"].to_string().contains("the disk is gone"),
        "{record}"
    );
}

#[test]
fn a_body_that_ends_before_its_declared_length_is_truncated() {
    let mut client = Client::connect(usual());
    client.ask("GET", "/short/body", "");
    assert_eq!(client.head().unwrap().header("content-length"), Some("10"));
    assert_eq!(client.read_to_end(), b"xxxx");
    let expected = json!({"outcome": "truncated", "level": "ERROR", "http.response.body.size": 4});
    table::check(
        "response truncated",
        &log::record_of("/short/body"),
        &expected,
    );
}
