//! How requests over HTTP/1.1 end.

use crate::client::Client;
use crate::log;
use crate::server::{Server, Setup, usual};
use crate::service::gate;
use crate::table::Row;

fn status(record: &serde_json::Value) -> Option<u64> {
    record["http.response.status_code"].as_u64()
}

#[test]
fn a_request_that_goes_well_has_its_record_with_all_that_is_known() {
    let mut client = Client::connect(usual());
    client.ask(
        "GET",
        "/users/ada/orders/well?page=2",
        "user-agent: curl/8\r\n",
    );
    assert_eq!(client.answer().text(), "orders");
    let record = log::record_of("/users/ada/orders/well");
    assert_eq!(record["outcome"], "completed");
    assert_eq!(record["level"], "INFO");
    assert_eq!(record["http.request.method"], "GET");
    assert_eq!(record["http.route"], "/users/{user}/orders/{test}");
    assert_eq!(record["url.scheme"], "http");
    assert_eq!(record["server.address"], "test");
    assert_eq!(record["network.protocol.version"], "1.1");
    assert_eq!(record["network.peer.address"], "127.0.0.1");
    assert_eq!(record["client.address"], "127.0.0.1");
    assert_eq!(record["user_agent.original"], "curl/8");
    assert_eq!(record["http.response.body.size"], 6);
    assert_eq!(status(&record), Some(200));
    assert!(record.get("error.type").is_none() && record.get("outcome.phase").is_none());
    Row::Completed.seen();
}

#[test]
fn a_path_that_no_route_matches_has_no_route_in_its_record() {
    let answer = Client::connect(usual()).get("/nowhere/default");
    assert_eq!(answer.status, 404);
    let record = log::record_of("/nowhere/default");
    assert_eq!(status(&record), Some(404));
    assert_eq!(record["outcome"], "completed");
    assert!(record.get("http.route").is_none());
}

#[test]
fn guards_choose_the_route_of_the_record() {
    let mut client = Client::connect(usual());
    client.ask("GET", "/users/orders/guarded", "x-choice: 1\r\n");
    assert_eq!(client.answer().status, 500);
    assert_eq!(
        log::record_of("/users/orders/guarded")["http.route"],
        "/users/{other}/{test}"
    );
}

#[test]
fn answers_without_a_body_are_complete_with_their_head() {
    let mut client = Client::connect(usual());
    client.ask("HEAD", "/fixed/head", "");
    assert_eq!(client.head().unwrap().status, 200);
    for (path, expected) in [("/empty/204/bodyless", 204), ("/empty/304/bodyless", 304)] {
        assert_eq!(client.get(path).status, expected);
        let record = log::record_of(path);
        assert_eq!(
            (status(&record), &record["outcome"]),
            (Some(expected.into()), &"completed".into())
        );
    }
    let record = log::record_of("/fixed/head");
    assert_eq!(record["outcome"], "completed");
    assert_eq!(record["http.request.method"], "HEAD");
    Row::Bodyless.seen();
}

#[test]
fn a_body_is_complete_at_its_declared_length() {
    for path in ["/declared/length", "/promised/length"] {
        let answer = Client::connect(usual()).get(path);
        let record = log::record_of(path);
        assert_eq!(record["outcome"], "completed", "{path}");
        assert_eq!(
            record["http.response.body.size"],
            answer.body.len(),
            "{path}"
        );
    }
    Row::Declared.seen();
}

#[test]
fn a_stream_is_complete_at_its_end() {
    let mut client = Client::connect(usual());
    client.ask("GET", "/stream/whole", "");
    assert_eq!(client.head().unwrap().status, 200);
    client.read_until("0\r\n\r\n");
    let record = log::record_of("/stream/whole");
    assert_eq!(record["outcome"], "completed");
    assert_eq!(record["http.response.body.size"], 11);
    Row::Stream.seen();
}

#[test]
fn events_that_a_server_sends_are_one_request_which_ends_with_the_last_one() {
    let mut client = Client::connect(usual());
    client.ask("GET", "/events/whole", "last-event-id: 0\r\n");
    let head = client.head().unwrap();
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    let events = client.read_until("0\r\n\r\n");
    assert!(
        events.contains("id: 1\ndata: news\n\n") && events.contains("id: 2\n"),
        "{events}"
    );
    let record = log::record_of("/events/whole");
    assert_eq!(record["outcome"], "completed");
    let all = log::records();
    let same = all
        .iter()
        .filter(|other| other["request_id"] == record["request_id"]);
    let messages: Vec<_> = same
        .map(|record| record["message"].as_str().unwrap())
        .collect();
    assert_eq!(messages, ["event", "event", "request"]);
    Row::Events.seen();
}

#[test]
fn a_client_that_leaves_during_the_body_is_told_from_a_body_that_ends() {
    for (path, does_reset) in [
        ("/endless/fin", false),
        ("/endless/rst", true),
        ("/stalled/rst", true),
    ] {
        let mut client = Client::connect(usual());
        client.ask("GET", path, "");
        assert_eq!(client.head().unwrap().status, 200);
        client.read(5);
        if does_reset {
            client.reset();
        } else {
            // With data unread, closing is more than a FIN, and it is what a browser does.
            drop(client);
        }
        let record = log::record_of(path);
        assert_eq!(record["outcome"], "client_disconnect", "{path}");
        assert_eq!(record["outcome.phase"], "body", "{path}");
        assert_eq!(status(&record), Some(200), "{path}");
        assert!(
            5 <= record["http.response.body.size"].as_u64().unwrap(),
            "{path}"
        );
    }
    Row::GoneInBody.seen();
}

#[test]
fn a_client_that_resets_the_connection_before_the_head_is_seen() {
    let mut client = Client::connect(usual());
    client.ask("GET", "/held/reset", "");
    log::wait_for_arrival("/held/reset");
    client.reset();
    let record = log::record_of("/held/reset");
    assert_eq!(record["outcome"], "client_disconnect");
    assert_eq!(record["outcome.phase"], "handler");
    assert_eq!(record["http.route"], "/held/{test}");
    assert_eq!(status(&record), None);
}

#[test]
fn a_client_that_closes_before_the_head_gets_its_answer_unless_the_server_is_told_otherwise() {
    let mut client = Client::connect(usual());
    client.ask("GET", "/held/half-closed", "");
    log::wait_for_arrival("/held/half-closed");
    client.finish();
    gate("half-closed").add_permits(1);
    assert_eq!(client.answer().text(), "at last");
    assert_eq!(log::record_of("/held/half-closed")["outcome"], "completed");

    let server = Server::start(Setup {
        answers_half_closed: false,
        ..Setup::default()
    });
    let mut client = Client::connect(server.address);
    client.ask("GET", "/held/closed", "");
    log::wait_for_arrival("/held/closed");
    client.finish();
    let record = log::record_of("/held/closed");
    assert_eq!(record["outcome"], "client_disconnect");
    assert_eq!(record["outcome.phase"], "handler");
    assert_eq!(record["level"], "INFO");
    assert_eq!(status(&record), None);
    server.stop();
    Row::GoneBeforeHead.seen();
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
    let record = log::record_of("/endless/unnoted");
    assert_eq!(record["outcome"], "cancelled");
    assert_eq!(record["outcome.phase"], "body");
    server.stop();
}

#[test]
fn what_is_asked_for_behind_a_request_has_a_record_of_its_own() {
    let mut client = Client::connect(usual());
    let ask = |path| format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n");
    client.send(ask("/fixed/first") + &ask("/fail/second") + &ask("/fixed/third"));
    let statuses = [(); 3].map(|()| client.answer().status);
    assert_eq!(statuses, [200, 500, 200]);
    for (path, status) in [
        ("/fixed/first", 200),
        ("/fail/second", 500),
        ("/fixed/third", 200),
    ] {
        assert_eq!(log::record_of(path)["http.response.status_code"], status);
    }
}

#[test]
fn the_error_of_a_handler_is_in_the_record() {
    let answer = Client::connect(usual()).get("/fail/error");
    assert_eq!(answer.status, 500);
    let record = log::record_of("/fail/error");
    assert_eq!(record["outcome"], "completed");
    assert_eq!(record["level"], "ERROR");
    assert_eq!(record["error.type"], "500");
    assert_eq!(record["error"], serde_json::json!(["the database is gone"]));
    Client::connect(usual()).get("/explained/error");
    let record = log::record_of("/explained/error");
    assert_eq!(
        record["error"],
        serde_json::json!(["the pool has no connection"])
    );
    Row::HandlerError.seen();
}

#[test]
fn an_error_instead_of_a_response_is_followed_to_the_end_of_what_is_answered() {
    let answer = Client::connect(usual()).get("/overloaded/error");
    assert_eq!((answer.status, answer.text()), (503, "no room"));
    assert_eq!(answer.headers("x-request-id").count(), 1);
    let record = log::record_of("/overloaded/error");
    assert_eq!(record["outcome"], "service_error");
    assert_eq!(record["outcome.phase"], "handler");
    assert_eq!(record["level"], "ERROR");
    assert_eq!(record["error.type"], "service_error");
    assert_eq!(record["error"], serde_json::json!(["no room"]));
    assert_eq!(record["http.response.body.size"], 7);
    assert_eq!(record["request_id"], answer.header("x-request-id").unwrap());
    assert_eq!(status(&record), Some(503));
    Row::ServiceError.seen();
}

#[test]
fn an_error_that_blames_the_client_is_an_answer_like_others() {
    let answer = Client::connect(usual()).get("/refused/error");
    assert_eq!(answer.status, 401);
    let record = log::record_of("/refused/error");
    assert_eq!(record["outcome"], "completed");
    assert_eq!(record["level"], "INFO");
    assert_eq!(record["error"], serde_json::json!(["no ticket"]));
}

#[test]
fn a_time_out_says_that_it_was_one() {
    assert_eq!(Client::connect(usual()).get("/timeout/fired").status, 504);
    let record = log::record_of("/timeout/fired");
    assert_eq!(record["outcome"], "timeout");
    assert_eq!(record["outcome.phase"], "handler");
    assert_eq!(record["level"], "ERROR");
    assert_eq!(status(&record), Some(504));
    Row::Timeout.seen();
}

#[test]
fn a_limit_says_that_it_turned_the_request_away() {
    assert_eq!(Client::connect(usual()).get("/limited/away").status, 503);
    let record = log::record_of("/limited/away");
    assert_eq!(record["outcome"], "rejected");
    assert_eq!(status(&record), Some(503));
    Row::Rejected.seen();
}

#[test]
fn a_body_that_fails_is_told_from_one_that_ends() {
    let mut client = Client::connect(usual());
    client.ask("GET", "/broken/body", "");
    assert_eq!(client.head().unwrap().status, 200);
    client.read_to_end();
    let record = log::record_of("/broken/body");
    assert_eq!(record["outcome"], "body_error");
    assert_eq!(record["outcome.phase"], "body");
    assert_eq!(record["level"], "ERROR");
    assert_eq!(record["http.response.body.size"], 4);
    assert!(
        record["error"].to_string().contains("the disk is gone"),
        "{record}"
    );
    Row::BodyError.seen();
}

#[test]
fn a_body_that_ends_before_its_declared_length_is_truncated() {
    let mut client = Client::connect(usual());
    client.ask("GET", "/short/body", "");
    assert_eq!(client.head().unwrap().header("content-length"), Some("10"));
    assert_eq!(client.read_to_end(), b"xxxx");
    let record = log::record_of("/short/body");
    assert_eq!(record["outcome"], "truncated");
    assert_eq!(record["level"], "ERROR");
    assert_eq!(record["http.response.body.size"], 4);
    Row::Truncated.seen();
}
