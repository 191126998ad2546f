//! What becomes of connections that were to be encrypted, by the framework's own listener.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::server::client::{Goes, RawClient};
use crate::server::log;
use crate::service::serve_tls;
use crate::tls_clients as tls;

/// More than are warnings, however slow the machine is.
const FLOOD: usize = 200;

#[tokio::test]
async fn handshakes_that_fail_are_warnings_that_say_why_until_they_are_too_many() {
    let server = serve_tls(&tls::certificate()).await;
    let expected = json!({"level": "WARN", "event.name": "http.server.tls_error",
        "message": "TLS handshake failed", "connection.end": "tls_error",
        "connection.requests": 0, "network.peer.address": "127.0.0.1"});
    for (bytes, error) in tls::refused() {
        let mut client = RawClient::connect(server).await;
        let port = client.port();
        client.send(&bytes).await;
        client.read_all().await;
        let record = log::tls_error_of(port).await;
        log::assert_contains(&record, &expected);
        let said = record["error"][0].as_str().unwrap_or_default();
        assert!(said.starts_with(error), "{record}");
    }
    let (port, refused) = tls::connect(server, tls::client(None)).await;
    refused.unwrap_err();
    let record = log::tls_error_of(port).await;
    log::assert_contains(&record, &expected);
    let said = record["error"][0].as_str().unwrap_or_default();
    assert!(said.contains("UnknownCA"), "{record}");

    let before = offloop::request::figures().failed_handshakes;
    let mut warnings = 0;
    for _ in 0..FLOOD {
        let mut client = RawClient::connect(server).await;
        let port = client.port();
        client.send(b"\x80nonsense").await;
        client.read_all().await;
        let record = log::tls_error_of(port).await;
        warnings += usize::from(record["level"] == "WARN");
    }
    assert!((1..FLOOD / 2).contains(&warnings), "{warnings}");
    let counted = offloop::request::figures().failed_handshakes - before;
    assert_eq!(counted, FLOOD as u64);
}

#[tokio::test]
async fn a_client_that_merely_goes_away_is_no_failure_of_tls() {
    let server = serve_tls(&tls::certificate()).await;
    let hello = tls::hello_of_tls_1_0();
    for (bytes, goes, end) in [
        (&hello[..0], Goes::ByFin, "client_close"),
        (&hello[..20], Goes::ByFin, "client_close"),
        (&hello[..20], Goes::ByReset, "error"),
    ] {
        let mut client = RawClient::connect(server).await;
        let port = client.port();
        client.send(bytes).await;
        client.go(goes);
        let record = log::connection_of(port).await;
        log::assert_contains(&record, &json!({"level": "DEBUG", "connection.end": end}));
        assert!(record["connection.error"].is_string(), "{record}");
    }
}

#[tokio::test]
async fn a_connection_that_is_encrypted_is_as_any_other() {
    let certificate = tls::certificate();
    let server = serve_tls(&certificate).await;
    let (port, stream) = tls::connect(server, tls::client(Some(&certificate))).await;
    let mut stream = stream.unwrap();
    let request = "GET /users/7 HTTP/1.1\r\nhost: test\r\nx-request-id: encrypted\r\n\
        connection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("ada"), "{answer}");
    log::assert_contains(
        &log::record_of("encrypted").await,
        &json!({"url.scheme": "https"}),
    );
    let record = log::connection_of(port).await;
    log::assert_contains(
        &record,
        &json!({"level": "DEBUG", "connection.requests": 1}),
    );
    assert_eq!(record["connection.received.size"], request.len());
}
