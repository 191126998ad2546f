//! HTTP/2, without TLS: actix-web speaks it to clients that know it beforehand.

use actix_web::web::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream};
use http::Request;
use serde_json::json;
use tokio::net::TcpStream;

use crate::server::usual;
use crate::service::gate;
use crate::{log, table};

/// A connection that lives as long as the test.
async fn connect() -> SendRequest<Bytes> {
    let stream = TcpStream::connect(usual()).await.unwrap();
    let (send, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    send
}

async fn ask(client: &SendRequest<Bytes>, path: &str) -> (ResponseFuture, h2::SendStream<Bytes>) {
    let request = Request::get(format!("http://host.test{path}"));
    let mut client = client.clone().ready().await.unwrap();
    client
        .send_request(request.body(()).unwrap(), true)
        .unwrap()
}

async fn get(client: &SendRequest<Bytes>, path: &str) -> (u16, RecvStream) {
    let (head, body) = ask(client, path).await.0.await.unwrap().into_parts();
    (head.status.as_u16(), body)
}

async fn read_to_end(mut body: RecvStream) -> Result<usize, h2::Error> {
    let mut read = 0;
    while let Some(chunk) = body.data().await {
        read += chunk?.len();
    }
    Ok(read)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn requests_over_http_2_end_as_others_do() {
    let client = connect().await;
    for (path, status, outcome, size) in [
        ("/fixed/h2", 200, "completed", 5),
        ("/stream/h2", 200, "completed", 11),
        ("/fail/h2", 500, "completed", 20),
        ("/overloaded/h2", 503, "service_error", 7),
        ("/broken/h2", 200, "body_error", 4),
        ("/body-panic/h2", 200, "panic", 4),
    ] {
        let (answered, body) = get(&client, path).await;
        assert_eq!(answered, status, "{path}");
        let _ = read_to_end(body).await;
        let record = log::record_of(path);
        assert_eq!(record["outcome"], outcome, "{path}");
        assert_eq!(record["network.protocol.version"], "2", "{path}");
        assert_eq!(record["server.address"], "host.test", "{path}");
        assert_eq!(record["http.response.body.size"], size, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_panic_over_http_2_takes_no_other_request_along() {
    let client = connect().await;
    let (held, _) = ask(&client, "/held/h2-panic").await;
    assert!(ask(&client, "/panic/h2").await.0.await.is_err());
    assert_eq!(log::record_of("/panic/h2")["outcome"], "panic");
    gate("h2-panic").add_permits(1);
    assert_eq!(held.await.unwrap().status(), 200);
    assert_eq!(log::record_of("/held/h2-panic")["outcome"], "completed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_reset_before_the_head_shows_once_the_handler_is_done() {
    let client = connect().await;
    let (_head, mut stream) = ask(&client, "/held/h2-reset").await;
    log::wait_for_arrival("/held/h2-reset");
    stream.send_reset(Reason::CANCEL);
    // The connection's answer to something later: the server has seen the reset.
    assert_eq!(get(&client, "/fixed/h2-after-reset").await.0, 200);
    gate("h2-reset").add_permits(1);
    let expected = json!({"outcome": "stream_reset"});
    let record = log::record_of("/held/h2-reset");
    let remark = "once the handler is done, since actix-web lets it run on";
    table::check_with("HTTP/2 reset before the head", &record, &expected, remark);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_reset_in_the_body_is_told_from_the_end_of_the_connection() {
    let client = connect().await;
    let (head, mut stream) = ask(&client, "/endless/h2-reset").await;
    let mut body = head.await.unwrap().into_body();
    body.data().await.unwrap().unwrap();
    stream.send_reset(Reason::CANCEL);
    let expected = json!({"outcome": "stream_reset", "outcome.phase": "body"});
    let record = log::record_of("/endless/h2-reset");
    table::check("HTTP/2 reset in the body", &record, &expected);
    assert_eq!(get(&client, "/fixed/h2-still-open").await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_connection_that_ends_takes_its_responses_along() {
    let stream = TcpStream::connect(usual()).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let (_, mut body) = get(&client, "/endless/h2-gone").await;
    body.data().await.unwrap().unwrap();
    connection.abort();
    let record = log::record_of("/endless/h2-gone");
    assert_eq!(record["outcome"], "client_disconnect");
    assert_eq!(record["outcome.phase"], "body");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_upload_over_http_2_that_is_reset_is_no_bad_request() {
    let client = connect().await;
    let request = Request::post("http://host.test/upload/h2-reset");
    let mut sending = client.clone().ready().await.unwrap();
    let request = request.header("content-length", "100").body(()).unwrap();
    let (_head, mut stream) = sending.send_request(request, false).unwrap();
    stream
        .send_data(Bytes::from_static(b"12345"), false)
        .unwrap();
    log::wait_for_arrival("/upload/h2-reset");
    stream.send_reset(Reason::CANCEL);
    let record = log::record_of("/upload/h2-reset");
    assert_eq!(record["outcome"], "stream_reset");
    assert_eq!(record["outcome.phase"], "upload");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_status_of_a_grpc_call_is_read_from_its_head_or_missed() {
    let client = connect().await;
    let expected = json!({"error.type": "grpc_status_missing", "level": "ERROR"});
    table::check(
        "gRPC status missing",
        &call(&client, "/fixed/call").await,
        &expected,
    );
    table::cannot_see("gRPC status in trailers", "actix-web sends no trailers");
    let expected = json!({"error.type": "NOT_FOUND", "level": "INFO", "rpc.system.name": "grpc"});
    log::assert_contains(&call(&client, "/refused-call/call").await, &expected);
}

async fn call(client: &SendRequest<Bytes>, path: &str) -> serde_json::Value {
    let request = Request::post(format!("http://host.test{path}"));
    let request = request.header("content-type", "application/grpc");
    let mut client = client.clone().ready().await.unwrap();
    let (head, _) = client
        .send_request(request.body(()).unwrap(), true)
        .unwrap();
    read_to_end(head.await.unwrap().into_body()).await.unwrap();
    log::record_of(path)
}
