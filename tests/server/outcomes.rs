//! The ways in which a request can end, each brought about by a client over a connection of its own.
//!
//! | route | what it does |
//! |---|---|
//! | `/users/{id}` | answers `ada` |
//! | `/nothing` | answers 204 |
//! | `/stream` | sends `one`, `two`, `three` without a declared length |
//! | `/declared` | sends the same as a stream that declares its length |
//! | `/declared-nothing` | declares a length of 0, for a stream that sends nothing |
//! | `/waits` | never answers |
//! | `/endless` | sends `one`, and nothing after it, without an end; logs `body dropped` when it is dropped |
//! | `/upload` (POST) | reads its body and answers with its size, or 400 |
//! | `/fails` | fails with an error, `no answer` because of `no database`: 500 |
//! | `/panics` | panics with `on purpose` |
//! | `/panics-late` | sends `one`, then panics |
//! | `/fails-late` | sends `one`, then its body fails with `lost` |
//! | `/short` | declares 10 bytes, and sends `one` |
//! | `/times-out` | never answers, within a time limit that answers 504 |
//! | `/busy` | is turned away with 503 |
//! | `/events` | server-sent events: `data: one`, `data: two` |
//! | `/upgrade` | switches to a protocol that echoes |
//! | `/echo.Echo/Say` (POST) | a gRPC call that ends with status 5 in its trailers |
//! | `/echo.Echo/Forget` (POST) | a gRPC call that ends without a status |

use std::net::SocketAddr;

use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::Value;

use super::client::{self, Goes, RawClient};
use super::log;

/// What a client sees, and the record of its request.
pub(crate) struct Seen {
    pub(crate) answer: String,
    pub(crate) record: Value,
}

/// One request on a connection of HTTP/1.1, which closes after it.
pub(crate) async fn get(server: SocketAddr, path: &str, id: &str) -> Seen {
    send(server, &format!("GET {path}"), id).await
}

/// As [`get`], with another method.
pub(crate) async fn send(server: SocketAddr, request: &str, id: &str) -> Seen {
    let mut client = RawClient::connect(server).await;
    client.send_head(request, id, "connection: close\r\n").await;
    Seen {
        answer: client.read_all().await,
        record: log::record_of(id).await,
    }
}

/// The client closes its connection while the handler works.
pub(crate) async fn gone_before_the_head(server: SocketAddr, id: &str, goes: Goes) -> Value {
    let mut client = RawClient::connect(server).await;
    client.send_head("GET /waits", id, "").await;
    log::until_in_flight(id).await;
    client.go(goes);
    log::record_of(id).await
}

/// The client closes its connection when it has sent 20 of 100 bytes.
pub(crate) async fn gone_in_the_upload(server: SocketAddr, id: &str) -> Value {
    let mut client = RawClient::connect(server).await;
    client
        .send_head("POST /upload", id, "content-length: 100\r\n")
        .await;
    client.send(b"01234567890123456789").await;
    log::until_in_flight(id).await;
    drop(client);
    log::record_of(id).await
}

/// The client says that it sends chunks, sends one, and then what is none. It reads what is answered.
pub(crate) async fn malformed_upload(server: SocketAddr, id: &str) -> Seen {
    let mut client = RawClient::connect(server).await;
    let headers = "transfer-encoding: chunked\r\n";
    client.send_head("POST /upload", id, headers).await;
    client.send(b"3\r\none\r\nno number\r\n").await;
    Seen {
        answer: client.read_until("\r\n\r\n").await,
        record: log::record_of(id).await,
    }
}

/// The client closes its connection when it has got the first part of the body.
pub(crate) async fn gone_in_the_body(server: SocketAddr, id: &str, goes: Goes) -> Value {
    let mut client = RawClient::connect(server).await;
    client.send_head("GET /endless", id, "").await;
    // All of the chunk: a connection with bytes that nobody reads is closed by an RST.
    client.read_until("one\r\n").await;
    client.go(goes);
    log::record_of(id).await
}

/// The client of HTTP/2 gives up the request, and keeps the connection.
pub(crate) async fn stream_reset_before_the_head(server: SocketAddr, id: &str) -> Value {
    let mut client = client::http2(server).await;
    let answer = client.send_request(client::request(Method::GET, server, "/waits", id));
    tokio::select! {
        answer = answer => panic!("it never answers: {answer:?}"),
        () = log::until_in_flight(id) => {}
    }
    let record = log::record_of(id).await;
    assert!(!client.is_closed());
    record
}

/// The client of HTTP/2 gives up the body, and keeps the connection.
pub(crate) async fn stream_reset_in_the_body(server: SocketAddr, id: &str) -> Value {
    let mut client = client::http2(server).await;
    let request = client::request(Method::GET, server, "/endless", id);
    let mut answer = client.send_request(request).await.unwrap();
    let first = answer.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "one");
    drop(answer);
    let record = log::record_of(id).await;
    assert!(!client.is_closed());
    record
}

/// The client switches protocols, has one word echoed, and closes the connection. What is in flight
/// before that is given, too.
pub(crate) async fn upgrade(server: SocketAddr, id: &str) -> (Value, bool) {
    let mut client = RawClient::connect(server).await;
    let headers = "connection: upgrade\r\nupgrade: echo\r\n";
    client.send_head("GET /upgrade", id, headers).await;
    let head = client.read_until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    client.send(b"word").await;
    client.read_until("word").await;
    let lasts = log::of(id).is_empty();
    drop(client);
    (log::record_of(id).await, lasts)
}

/// A gRPC call over HTTP/2, with its trailers.
pub(crate) async fn call(server: SocketAddr, path: &str, id: &str) -> (Value, bool) {
    let mut client = client::http2(server).await;
    let mut request = client::request(Method::POST, server, path, id);
    let content_type = HeaderValue::from_static("application/grpc");
    request.headers_mut().insert(CONTENT_TYPE, content_type);
    let answer = client.send_request(request).await.unwrap();
    let has_status = trailers(answer).await;
    (log::record_of(id).await, has_status)
}

async fn trailers(answer: hyper::Response<Incoming>) -> bool {
    let body = answer.into_body().collect().await.unwrap();
    let trailers = body.trailers();
    trailers.is_some_and(|trailers| trailers.contains_key("grpc-status"))
}
