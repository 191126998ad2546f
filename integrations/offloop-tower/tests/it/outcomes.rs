//! Each way in which a request can end leaves exactly one record, which says so. (What fails stands in
//! `failures.rs`.)

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::response::IntoResponse;
use axum::response::sse::{Event, Sse};
use axum::{Router, routing};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use offloop_tower::RequestLayer;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use crate::client::Client;
use crate::server::{Waiting, app, chunks, http2, serve, serve_blindly};
use crate::{Test, log, table};

/// A body that begins and never goes on.
fn endless() -> Body {
    let begin = tokio_stream::once(io::Result::Ok("begin"));
    Body::from_stream(begin.chain(tokio_stream::pending()))
}

fn uri(server: SocketAddr, path: &str) -> String {
    format!("http://{server}{path}")
}

#[tokio::test]
async fn completed() -> Test {
    let server = serve(app("/completed/{id}", routing::any(|| async { "ada" }))).await?;
    let mut client = Client::connect(server).await?;
    client
        .send("GET", "/completed/7?token=secret", "user-agent: test/1\r\n")
        .await?;
    let answer = client.receive().await?;
    let record = log::record_of("/completed/7").await;
    let expected = json!({"level": "INFO", "event.name": "http.server.request",
        "outcome": "completed", "outcome.phase": null, "error.type": null,
        "http.request.method": "GET", "http.route": "/completed/{id}", "url.query": null,
        "http.response.status_code": 200, "http.response.body.size": 3,
        "http.request.body.size": 0, "network.protocol.version": "1.1",
        "server.address": "test", "user_agent.original": "test/1",
        "client.address": "127.0.0.1", "network.peer.address": "127.0.0.1",
        "network.peer.port": client.port()?, "request_id": answer.request_id()});
    table::check("completed", &record, &expected);
    assert!(record["duration_ms"].as_f64() >= record["ttfb_ms"].as_f64());
    assert!(!record.to_string().contains("secret"), "{record}");
    let traceresponse = answer.header("traceresponse").unwrap_or_default();
    assert!(traceresponse.contains(record["trace_id"].as_str().unwrap_or("none")));
    assert!(traceresponse.contains(record["span_id"].as_str().unwrap_or("none")));
    Ok(())
}

#[tokio::test]
async fn an_answer_without_a_body_is_no_early_drop() -> Test {
    let route = routing::get(async |uri: http::Uri| match uri.path() {
        "/bodyless/204" => StatusCode::NO_CONTENT.into_response(),
        "/bodyless/304" => StatusCode::NOT_MODIFIED.into_response(),
        _ => "hello".into_response(),
    });
    let server = serve(app("/bodyless/{which}", route)).await?;
    let mut client = Client::connect(server).await?;
    client.send("HEAD", "/bodyless/head", "").await?;
    let answer = client.receive_head().await?;
    assert_eq!(answer.header("content-length"), Some("5"));
    client.get("/bodyless/204").await?;
    client.get("/bodyless/304").await?;
    for (path, status) in [
        ("/bodyless/head", 200),
        ("/bodyless/204", 204),
        ("/bodyless/304", 304),
    ] {
        let record = log::record_of(path).await;
        let expected = json!({"level": "INFO", "outcome": "completed", "error.type": null,
            "http.response.status_code": status, "http.response.body.size": 0});
        table::check("completed (HEAD, 204, 304)", &record, &expected);
    }
    Ok(())
}

#[tokio::test]
async fn a_body_that_reaches_its_declared_length_is_complete() -> Test {
    let route = routing::get(async || {
        let length = [(header::CONTENT_LENGTH, "10")];
        (length, chunks(&["01234", "56789"])).into_response()
    });
    let server = serve(app("/declared", route)).await?;
    let answer = Client::connect(server).await?.get("/declared").await?;
    assert_eq!(answer.body, "0123456789");
    let expected = json!({"level": "INFO", "outcome": "completed", "http.response.body.size": 10});
    let record = log::record_of("/declared").await;
    table::check("completed (declared length)", &record, &expected);
    Ok(())
}

#[tokio::test]
async fn a_stream_that_declares_no_bytes_at_all_is_complete_with_its_head() -> Test {
    let route = routing::get(async || {
        let length = [(header::CONTENT_LENGTH, "0")];
        (length, chunks(&[])).into_response()
    });
    let server = serve(app("/declared/nothing", route)).await?;
    let answer = Client::connect(server)
        .await?
        .get("/declared/nothing")
        .await?;
    assert_eq!(answer.header("content-length"), Some("0"));
    let expected = json!({"level": "INFO", "outcome": "completed", "outcome.phase": null,
        "http.response.status_code": 200, "http.response.body.size": 0});
    let record = log::record_of("/declared/nothing").await;
    table::check("completed (declared length of 0)", &record, &expected);
    Ok(())
}

#[tokio::test]
async fn a_stream_is_complete_at_its_end() -> Test {
    let route = routing::get(async || chunks(&["01234", "56789", "x"]));
    let server = serve(app("/stream", route)).await?;
    let mut client = Client::connect(server).await?;
    client
        .send("GET", "/stream", "connection: close\r\n")
        .await?;
    client.receive_all().await?;
    let expected = json!({"level": "INFO", "outcome": "completed", "http.response.body.size": 11});
    let record = log::record_of("/stream").await;
    table::check("completed (stream)", &record, &expected);
    Ok(())
}

#[tokio::test]
async fn a_client_that_goes_away_before_the_head_is_a_disconnect() -> Test {
    let waiting = Waiting::default();
    let handler = waiting.clone();
    let route = routing::get(move || handler.handle());
    let server = serve(app("/gone/{how}", route)).await?;
    for (path, is_reset) in [("/gone/fin", false), ("/gone/rst", true)] {
        let mut client = Client::connect(server).await?;
        client.send("GET", path, "").await?;
        waiting.begun().await;
        if is_reset {
            client.reset()?;
        } else {
            drop(client);
        }
        let record = log::record_of(path).await;
        let expected = json!({"outcome": "client_disconnect",
            "outcome.phase": "handler", "error.type": "client_disconnect",
            "http.response.status_code": null, "http.route": "/gone/{how}"});
        table::check("client gone before the head", &record, &expected);
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_goes_away_while_it_sends_is_a_disconnect_whatever_was_answered() -> Test {
    let route = routing::post(async |body: Bytes| body.len().to_string());
    let server = serve(app("/upload", route)).await?;
    let mut client = Client::connect(server).await?;
    client
        .send("POST", "/upload", "content-length: 100\r\n")
        .await?;
    client.send_bytes("only this").await?;
    drop(client);
    let record = log::record_of("/upload").await;
    let expected = json!({"outcome": "client_disconnect",
        "outcome.phase": "upload", "http.request.body.size": 9});
    table::check("client gone in the upload", &record, &expected);
    Ok(())
}

#[tokio::test]
async fn an_upload_that_is_no_http_is_complete_when_that_is_answered() -> Test {
    let route = || routing::post(async |body: Bytes| body.len().to_string());
    let seen = serve(app("/malformed/seen", route())).await?;
    let unseen = serve_blindly(app("/malformed/unseen", route())).await?;
    for (server, path) in [(seen, "/malformed/seen"), (unseen, "/malformed/unseen")] {
        let mut client = Client::connect(server).await?;
        let headers = "transfer-encoding: chunked\r\n";
        client.send("POST", path, headers).await?;
        client.send_bytes("3\r\none\r\nno number\r\n").await?;
        assert_eq!(client.receive_head().await?.status, 400);
    }
    let expected = json!({"outcome": "completed", "outcome.phase": null,
        "http.response.status_code": 400, "http.request.body.size": 3});
    let record = log::record_of("/malformed/seen").await;
    table::check("malformed upload (answered 4xx)", &record, &expected);
    // Without a look at the connection nobody can say that the client is there.
    let expected = json!({"outcome": "client_disconnect", "outcome.phase": "upload"});
    log::assert_contains(&log::record_of("/malformed/unseen").await, &expected);
    Ok(())
}

#[tokio::test]
async fn a_client_that_goes_away_in_the_body_is_a_disconnect() -> Test {
    let server = serve(app("/leaves/{how}", routing::get(async || endless()))).await?;
    for (path, is_reset) in [("/leaves/fin", false), ("/leaves/rst", true)] {
        let mut client = Client::connect(server).await?;
        client.send("GET", path, "").await?;
        client.receive_head().await?;
        client.receive_bytes(5).await?;
        if is_reset {
            client.reset()?;
        } else {
            drop(client);
        }
        let record = log::record_of(path).await;
        let expected = json!({"outcome": "client_disconnect", "outcome.phase": "body",
            "http.response.status_code": 200, "http.response.body.size": 5});
        table::check("client gone in the body", &record, &expected);
    }
    Ok(())
}

#[tokio::test]
async fn without_a_look_at_the_connection_a_request_that_is_dropped_is_cancelled() -> Test {
    let waiting = Waiting::default();
    let handler = waiting.clone();
    let route = routing::get(move || handler.handle());
    let server = serve_blindly(app("/blind", route)).await?;
    let mut client = Client::connect(server).await?;
    client.send("GET", "/blind", "").await?;
    waiting.begun().await;
    drop(client);
    let record = log::record_of("/blind").await;
    let expected = json!({"outcome": "cancelled", "outcome.phase": "handler",
        "network.peer.address": null});
    log::assert_contains(&record, &expected);
    Ok(())
}

#[tokio::test]
async fn a_reset_of_http2_is_told_from_a_disconnect() -> Test {
    let waiting = Waiting::default();
    let handler = waiting.clone();
    let app = Router::new()
        .route("/h2/waits", routing::get(move || handler.handle()))
        .route("/h2/endless", routing::get(async || endless()))
        .route("/h2/after", routing::get(async || "still there"))
        .layer(RequestLayer::new());
    let server = serve(app).await?;
    let mut client = http2(server).await?;
    let get = |path| Request::get(uri(server, path)).body(String::new());

    let mut response = Box::pin(client.send_request(get("/h2/waits")?));
    tokio::select! {
        _ = &mut response => unreachable!("it never answers"),
        () = waiting.begun() => {}
    }
    drop(response);
    let record = log::record_of("/h2/waits").await;
    let expected = json!({"outcome": "stream_reset", "outcome.phase": "handler",
        "http.response.status_code": null, "network.protocol.version": "2",
        "url.scheme": "http", "server.address": "127.0.0.1"});
    table::check("HTTP/2 reset before the head", &record, &expected);

    let mut response = client.send_request(get("/h2/endless")?).await?;
    response.frame().await;
    drop(response);
    let record = log::record_of("/h2/endless").await;
    let expected = json!({"outcome": "stream_reset", "outcome.phase": "body",
        "http.response.status_code": 200, "http.response.body.size": 5});
    table::check("HTTP/2 reset in the body", &record, &expected);

    let response = client.send_request(get("/h2/after")?).await?;
    assert_eq!(response.collect().await?.to_bytes(), "still there");
    let record = log::record_of("/h2/after").await;
    log::assert_contains(&record, &json!({"outcome": "completed"}));
    Ok(())
}

#[tokio::test]
async fn the_end_of_server_sent_events_is_the_end_of_the_request() -> Test {
    let (sender, receiver) = mpsc::channel::<Result<Event, Infallible>>(1);
    let receiver = Arc::new(Mutex::new(Some(receiver)));
    let route = routing::get(async move || {
        let receiver = receiver
            .lock()
            .ok()
            .and_then(|mut receiver| receiver.take());
        receiver
            .map(|receiver| Sse::new(ReceiverStream::new(receiver)))
            .ok_or(StatusCode::GONE)
    });
    let server = serve(app("/events", route)).await?;
    let mut client = Client::connect(server).await?;
    client
        .send("GET", "/events", "connection: close\r\n")
        .await?;
    client.receive_head().await?;
    sender.send(Ok(Event::default().data("first"))).await?;
    client.receive_bytes("d\r\ndata: first\n\n".len()).await?;
    assert!(
        log::records_of("/events").is_empty(),
        "it is still under way"
    );
    drop(sender);
    client.receive_all().await?;
    let expected = json!({"level": "INFO", "outcome": "completed",
        "http.response.status_code": 200, "http.response.body.size": 13});
    table::check(
        "server-sent events",
        &log::record_of("/events").await,
        &expected,
    );
    Ok(())
}

/// Says where it is dropped.
struct Witness(&'static str);

impl Drop for Witness {
    fn drop(&mut self) {
        tracing::info!("{}", self.0);
    }
}

#[tokio::test]
async fn destructors_of_a_handler_log_within_its_request_and_before_its_end() -> Test {
    let waiting = Waiting::default();
    let handler = waiting.clone();
    let route = routing::get(async move || {
        let _witness = Witness("handler dropped");
        handler.handle().await;
    });
    let server = serve(app("/destructors", route)).await?;
    let mut client = Client::connect(server).await?;
    client
        .send("GET", "/destructors", "x-request-id: destructors\r\n")
        .await?;
    waiting.begun().await;
    drop(client);
    log::record_of("/destructors").await;
    let records = log::of_request("destructors");
    let messages: Vec<_> = records.iter().map(|record| &record["message"]).collect();
    assert_eq!(messages, ["handler dropped", "request"]);
    Ok(())
}

#[tokio::test]
async fn a_bodys_destructor_logs_within_its_request_and_before_its_end() -> Test {
    let route = routing::get(async || {
        let witness = Witness("body dropped");
        let begin = tokio_stream::once(io::Result::Ok("begin"));
        let words = begin.chain(tokio_stream::pending());
        Body::from_stream(words.map(move |word| {
            let _ = &witness;
            word
        }))
    });
    let server = serve(app("/body/dropped", route)).await?;
    let mut client = Client::connect(server).await?;
    let id = "x-request-id: body-dropped\r\n";
    client.send("GET", "/body/dropped", id).await?;
    client.receive_head().await?;
    client.reset()?;
    log::record_of("/body/dropped").await;
    let records = log::of_request("body-dropped");
    let messages: Vec<_> = records.iter().map(|record| &record["message"]).collect();
    assert_eq!(messages, ["body dropped", "request"]);
    Ok(())
}

#[tokio::test]
async fn a_layer_within_another_adds_no_record_but_the_route() -> Test {
    let inner = Router::new()
        .route("/twice/{id}", routing::get(|| async { "once" }))
        .layer(RequestLayer::new());
    let outer = Router::new()
        .fallback_service(inner)
        .layer(RequestLayer::new());
    let server = serve(outer).await?;
    Client::connect(server).await?.get("/twice/1").await?;
    let record = log::record_of("/twice/1").await;
    log::assert_contains(
        &record,
        &json!({"http.route": "/twice/{id}", "outcome": "completed"}),
    );
    Ok(())
}

#[tokio::test]
async fn files_are_no_early_drops() -> Test {
    let directory = tempfile::tempdir()?;
    std::fs::write(directory.path().join("file"), vec![b'x'; 100_000])?;
    let app = Router::new()
        .fallback_service(tower_http::services::ServeDir::new(directory.path()))
        .layer(RequestLayer::new());
    let answer = Client::connect(serve(app).await?)
        .await?
        .get("/file")
        .await?;
    assert_eq!(answer.body.len(), 100_000);
    let expected = json!({"level": "INFO", "outcome": "completed",
        "http.response.body.size": 100_000});
    log::assert_contains(&log::record_of("/file").await, &expected);
    Ok(())
}
