//! Each way in which a request may end.

use std::sync::Arc;

use super::*;

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
fn a_panic_says_in_the_record_what_it_said() {
    let by_text = record(|mut request| {
        let work = || -> () { std::panic::resume_unwind(Box::new("no such table")) };
        request.try_run(work).unwrap_err();
        request.head(ok(Some(0)), &());
        request.body_ended();
    });
    assert_eq!(by_text["outcome"], "panic");
    assert_eq!(by_text["outcome.phase"], "handler");
    assert_eq!(by_text["error"], serde_json::json!(["no such table"]));
    let in_body = record(|mut request| {
        request.head(ok(None), &());
        let work = || request.run(|| std::panic::resume_unwind(Box::new(7)));
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_err();
    });
    assert_eq!(in_body["outcome.phase"], "body");
    assert_eq!(
        in_body["error"],
        serde_json::json!(["a panic without a text"])
    );
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
fn a_declared_length_of_nothing_is_reached_with_the_head() {
    let record = record(|mut request| {
        request.head(ok(Some(0)), &());
        assert!(request.has_ended());
    });
    assert_eq!(record["outcome"], "completed");
    let upgraded = logged(|| {
        let mut request = begin();
        let head = ResponseHead {
            status: 101,
            ..ok(Some(0))
        };
        request.head(head, &());
        assert!(!request.has_ended());
        request.end(Outcome::Upgraded);
    });
    assert_eq!(upgraded[0]["outcome"], "upgraded");
}

#[test]
fn a_grpc_call_goes_on_to_its_trailers_whatever_length_it_declares() {
    let lines = logged(|| {
        let arrival = Arrival {
            method: "POST",
            ..arrival()
        };
        let headers = List(&[("content-type", b"application/grpc")]);
        let mut request = RequestLog::default().begin(arrival, &headers);
        request.head(ok(Some(0)), &());
        assert!(!request.has_ended());
        request.trailers(&List(&[("grpc-status", b"5")]));
    });
    assert_eq!(lines[0]["rpc.response.status_code"], "NOT_FOUND");
}

#[test]
fn a_broken_upload_is_complete_where_the_client_is_there_to_read_the_4xx_that_answers_it() {
    let outcome = |protocol, status, connection: Option<Connection>| {
        let lines = logged(|| {
            let arrival = Arrival {
                protocol,
                connection: connection.map(Arc::new),
                ..arrival()
            };
            let mut request = RequestLog::default().begin(arrival, &());
            request.context().upload_failed();
            let head = ResponseHead {
                status,
                ..ok(Some(3))
            };
            request.head(head, &());
            request.sent(3);
        });
        let text = |name: &str| lines[0].get(name).and_then(Json::as_str).map(str::to_owned);
        (text("outcome").unwrap(), text("outcome.phase"))
    };
    let closed = || {
        let connection = Connection::default();
        connection.close_by_client();
        Some(connection)
    };
    let open = || Some(Connection::default());
    let gone = ("client_disconnect".to_owned(), Some("upload".to_owned()));
    assert_eq!(outcome("1.1", 400, open()), ("completed".to_owned(), None));
    assert_eq!(outcome("1.1", 400, closed()), gone);
    // What the handler made of half an upload, or of its own error, is no answer to the break.
    assert_eq!(outcome("1.1", 200, open()), gone);
    assert_eq!(outcome("1.1", 500, open()), gone);
    // Of a stream, or without a look at the connection, nobody can say that its client is there.
    assert_eq!(outcome("2", 400, open()), gone);
    assert_eq!(outcome("1.1", 400, None), gone);
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
fn an_error_that_the_handler_added_is_kept() {
    let record = record(|mut request| {
        request.run(|| add_error(&std::io::Error::other("no database")));
        let flat = std::io::Error::other("something failed");
        request.context().add_error_if_none(&flat);
        request.end(Outcome::Completed);
    });
    assert_eq!(record["error"], serde_json::json!(["no database"]));
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

#[test]
fn a_connection_says_that_a_time_out_ended_it_unless_the_client_had_closed_it() {
    let lines = logged(|| {
        let connection = Connection::default();
        connection.add_received(10);
        connection.time_out();
        connection.end();
        let closed = Connection::default();
        closed.close_by_client();
        closed.time_out();
        closed.end();
    });
    assert_eq!(lines[0]["connection.end"], "timeout");
    assert_eq!(lines[1]["connection.end"], "client_close");
    let idle_ms = lines[0]["connection.idle_ms"].as_f64().unwrap();
    assert!(idle_ms <= lines[0]["duration_ms"].as_f64().unwrap());
}
