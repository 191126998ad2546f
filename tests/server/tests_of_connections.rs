//! What never becomes a request, and what a connection's record says of how it ended.

use serde_json::json;

use crate::server::client::{Goes, RawClient};
use crate::server::log;
use crate::server::malformed::malformed;
use crate::service::serve;

#[tokio::test]
async fn a_malformed_request_is_a_warning_although_it_never_became_one() {
    let server = serve().await;
    for (bytes, status) in malformed() {
        let mut client = RawClient::connect(server).await;
        let port = client.port();
        client.send(&bytes).await;
        client.read_all().await;
        let expected = json!({"level": "WARN", "connection.end": "malformed_request",
            "connection.requests": 0, "http.response.status_code": status});
        log::assert_contains(&log::connection_of(port).await, &expected);
    }
}

#[tokio::test]
async fn a_malformed_request_behind_a_good_one_is_a_warning_too() {
    let mut client = RawClient::connect(serve().await).await;
    let port = client.port();
    client
        .send_head("GET /users/7", "before-malformed", "")
        .await;
    client.read_until("\r\n\r\nada").await;
    client.send(b"nonsense\r\n\r\n").await;
    client.read_all().await;
    let expected = json!({"level": "WARN", "connection.end": "malformed_request",
        "connection.requests": 1, "http.response.status_code": 400});
    log::assert_contains(&log::connection_of(port).await, &expected);
}

#[tokio::test]
async fn a_connection_that_fails_says_by_what() {
    let mut client = RawClient::connect(serve().await).await;
    let port = client.port();
    client.send_head("GET /waits", "connection-fails", "").await;
    log::until_in_flight("connection-fails").await;
    client.go(Goes::ByReset);
    let record = log::connection_of(port).await;
    let expected = json!({"level": "DEBUG", "connection.end": "error", "connection.requests": 1});
    log::assert_contains(&record, &expected);
    let error = record["connection.error"].as_str().unwrap_or_default();
    assert!(error.starts_with("Connection reset by peer"), "{record}");
}

#[tokio::test]
async fn a_trace_that_cannot_be_read_is_begun_anew() {
    let server = serve().await;
    let valid = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
    let unreadable = [
        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7\r\n".to_owned(),
        valid.to_uppercase(),
        valid.replace("00f067aa0ba902b7", "0000000000000000"),
        [valid, valid].concat(),
        "traceparent: \u{e9}\r\n".to_owned(),
    ];
    for (number, header) in unreadable.iter().enumerate() {
        let id = format!("trace-unreadable-{number}");
        let mut client = RawClient::connect(server).await;
        client.send_head("GET /users/7", &id, header).await;
        client.read_until("\r\n\r\nada").await;
        let record = log::record_of(&id).await;
        log::assert_contains(&record, &json!({"parent_span_id": null, "level": "INFO"}));
        assert_ne!(record["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    }
}
