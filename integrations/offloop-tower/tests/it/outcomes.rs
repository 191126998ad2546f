//! Each way in which a request can end leaves exactly one record, which says so.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::IntoResponse;
use axum::response::sse::{Event, Sse};
use axum::{Router, routing};
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use offloop::request::Outcome;
use offloop_tower::{DecideLayer, RequestLayer};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tower::service_fn;

use crate::client::Client;
use crate::server::{Waiting, http2, serve, serve_blindly, serve_hyper};
use crate::{Test, log, table};

/// One route with the layer around it.
fn app(path: &str, route: routing::MethodRouter) -> Router {
    app_with(path, route, RequestLayer::new())
}

fn app_with(path: &str, route: routing::MethodRouter, layer: RequestLayer) -> Router {
    Router::new().route(path, route).layer(layer)
}

/// A body of these chunks, without a declared length.
fn chunks(chunks: &'static [&'static str]) -> Body {
    let chunks = chunks.iter().map(|chunk| io::Result::Ok(*chunk));
    Body::from_stream(tokio_stream::iter(chunks))
}

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
        let expected = json!({"level": "INFO", "outcome": "client_disconnect",
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
    let expected = json!({"level": "INFO", "outcome": "client_disconnect",
        "outcome.phase": "upload", "http.request.body.size": 9});
    table::check("client gone in the upload", &record, &expected);
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
    table::contains(&record, &expected);
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
    let expected = json!({"level": "INFO", "outcome": "stream_reset", "outcome.phase": "handler",
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
    table::contains(&record, &json!({"outcome": "completed"}));
    Ok(())
}

#[tokio::test]
async fn a_server_error_is_an_error_with_what_the_handler_says_of_it() -> Test {
    let route = routing::get(async || {
        offloop::request::add_error(&io::Error::other("no database"));
        offloop::request::add("user.id", 42);
        StatusCode::INTERNAL_SERVER_ERROR
    });
    let server = serve(app("/fails", route)).await?;
    let answer = Client::connect(server).await?.get("/fails").await?;
    assert_eq!(answer.status, 500);
    let expected = json!({"level": "ERROR", "outcome": "completed", "error.type": "500",
        "error": ["no database"], "user.id": 42, "http.response.status_code": 500});
    table::check(
        "handler error (5xx)",
        &log::record_of("/fails").await,
        &expected,
    );
    Ok(())
}

#[tokio::test]
async fn a_service_that_gives_an_error_leaves_it_in_the_record() -> Test {
    let service = service_fn(async |_| {
        Err::<Response<String>, _>(io::Error::new(io::ErrorKind::NotConnected, "no upstream"))
    });
    let server = serve_hyper(service).await?;
    let answer = Client::connect(server).await?.get("/service/error").await;
    assert!(answer.is_err(), "the error closes the connection");
    let expected = json!({"level": "ERROR", "outcome": "service_error",
        "error.type": "service_error", "error": ["no upstream"], "http.route": null,
        "http.response.status_code": null});
    let record = log::record_of("/service/error").await;
    table::check("service error", &record, &expected);
    Ok(())
}

#[tokio::test]
async fn a_panic_is_answered_where_that_is_wanted() -> Test {
    let panics = routing::get(async || {
        if true {
            panic!("on purpose: {}", 7);
        }
    });
    let layer = RequestLayer::new().catch_panic(true);
    let server = serve(app_with("/panic/caught", panics, layer)).await?;
    let mut client = Client::connect(server).await?;
    let answer = client.get("/panic/caught").await?;
    assert_eq!(answer.status, 500);
    let record = log::record_of("/panic/caught").await;
    let expected = json!({"level": "ERROR", "outcome": "panic", "error.type": "panic",
        "error": ["on purpose: 7"], "http.response.status_code": 500,
        "request_id": answer.request_id()});
    table::check("panic caught (answered 500)", &record, &expected);
    assert_eq!(client.get("/panic/other").await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn a_panic_goes_on_by_default_and_is_in_the_record() -> Test {
    let panics = routing::get(async || {
        if true {
            panic!("on purpose");
        }
    });
    let server = serve(app("/panic/uncaught", panics)).await?;
    let answer = Client::connect(server).await?.get("/panic/uncaught").await;
    assert!(answer.is_err(), "the panic closes the connection");
    let expected = json!({"level": "ERROR", "outcome": "panic", "outcome.phase": "handler",
        "error": ["on purpose"], "http.response.status_code": null});
    let record = log::record_of("/panic/uncaught").await;
    table::check("panic uncaught", &record, &expected);
    Ok(())
}

#[tokio::test]
async fn a_panic_of_the_body_is_in_the_record() -> Test {
    let route = routing::get(async || {
        let begin = tokio_stream::iter(["begin", "panic"]);
        Body::from_stream(begin.map(|chunk| {
            assert_ne!(chunk, "panic", "on purpose");
            io::Result::Ok(chunk)
        }))
    });
    let server = serve(app("/panic/body", route)).await?;
    let mut client = Client::connect(server).await?;
    client.send("GET", "/panic/body", "").await?;
    drop(client.receive_all().await);
    let record = log::record_of("/panic/body").await;
    let expected = json!({"level": "ERROR", "outcome": "panic", "outcome.phase": "body",
        "http.response.status_code": 200, "http.response.body.size": 5});
    table::check("panic in the body", &record, &expected);
    Ok(())
}

#[tokio::test]
async fn a_timeout_of_the_layer_itself_ends_the_handler() -> Test {
    let waiting = Waiting::default();
    let layer = RequestLayer::new().timeout(Duration::from_millis(1), StatusCode::GATEWAY_TIMEOUT);
    let route = routing::get(move || waiting.handle());
    let server = serve(app_with("/timeout/own", route, layer)).await?;
    let answer = Client::connect(server).await?.get("/timeout/own").await?;
    assert_eq!(answer.status, 504);
    let expected = json!({"level": "ERROR", "outcome": "timeout", "error.type": "timeout",
        "http.response.status_code": 504, "request_id": answer.request_id()});
    table::check(
        "timeout layer fired",
        &log::record_of("/timeout/own").await,
        &expected,
    );
    Ok(())
}

#[tokio::test]
async fn a_timeout_of_another_layer_is_one_where_the_layer_is_told() -> Test {
    let waiting = Waiting::default();
    let status = StatusCode::REQUEST_TIMEOUT;
    let timeout = tower_http::timeout::TimeoutLayer::with_status_code;
    let app = Router::new()
        .route("/timeout/other", routing::get(move || waiting.handle()))
        .layer(timeout(status, Duration::from_millis(1)))
        .layer(DecideLayer::new(status, Outcome::Timeout))
        .layer(RequestLayer::new());
    let answer = Client::connect(serve(app).await?)
        .await?
        .get("/timeout/other")
        .await?;
    assert_eq!(answer.status, 408);
    let expected = json!({"level": "WARN", "outcome": "timeout",
        "http.response.status_code": 408});
    table::check(
        "timeout layer fired",
        &log::record_of("/timeout/other").await,
        &expected,
    );
    Ok(())
}

/// An app whose limits give errors, of which `HandleErrorLayer` makes responses.
fn limited(path: &str, route: routing::MethodRouter, permits: usize, time: Duration) -> Router {
    let answer = async |error: axum::BoxError| {
        offloop_tower::decide_by_error(&*error);
        StatusCode::SERVICE_UNAVAILABLE
    };
    let limits = tower::ServiceBuilder::new()
        .layer(axum::error_handling::HandleErrorLayer::new(answer))
        .load_shed()
        .concurrency_limit(permits)
        .timeout(time);
    Router::new()
        .route(path, route)
        .layer(limits)
        .layer(RequestLayer::new())
}

#[tokio::test]
async fn towers_own_time_out_is_recognised() -> Test {
    let waiting = Waiting::default();
    let route = routing::get(move || waiting.handle());
    let app = limited("/timeout/tower", route, 1, Duration::from_millis(1));
    let answer = Client::connect(serve(app).await?)
        .await?
        .get("/timeout/tower")
        .await?;
    assert_eq!(answer.status, 503);
    let expected = json!({"level": "ERROR", "outcome": "timeout",
        "error": ["request timed out"], "http.response.status_code": 503});
    table::contains(&log::record_of("/timeout/tower").await, &expected);
    Ok(())
}

#[tokio::test]
async fn what_back_pressure_refuses_is_rejected() -> Test {
    let waiting = Waiting::default();
    let handler = waiting.clone();
    let route = routing::get(move || handler.handle());
    let app = limited("/refused/{number}", route, 1, Duration::from_secs(600));
    let server = serve(app).await?;
    let mut first = Client::connect(server).await?;
    first.send("GET", "/refused/1", "").await?;
    waiting.begun().await;
    let answer = Client::connect(server).await?.get("/refused/2").await?;
    assert_eq!(answer.status, 503);
    let expected = json!({"level": "ERROR", "outcome": "rejected", "error.type": "rejected",
        "error": ["service overloaded"], "http.response.status_code": 503});
    let record = log::record_of("/refused/2").await;
    table::check("refused by back-pressure", &record, &expected);
    Ok(())
}

#[tokio::test]
async fn a_body_that_fails_is_an_error_with_its_sources() -> Test {
    let route = routing::get(async || {
        let items = [Ok("begin"), Err(io::Error::other("disk gone"))];
        Body::from_stream(tokio_stream::iter(items))
    });
    let server = serve(app("/body/fails", route)).await?;
    let mut client = Client::connect(server).await?;
    client.send("GET", "/body/fails", "").await?;
    drop(client.receive_all().await);
    let record = log::record_of("/body/fails").await;
    let expected = json!({"level": "ERROR", "outcome": "body_error", "outcome.phase": "body",
        "error.type": "body_error", "http.response.status_code": 200,
        "http.response.body.size": 5});
    table::check("response body failed", &record, &expected);
    assert!(
        record["error"].to_string().contains("disk gone"),
        "{record}"
    );
    Ok(())
}

#[tokio::test]
async fn a_body_that_ends_before_its_declared_length_is_truncated() -> Test {
    let route = routing::get(async || {
        let length = [(header::CONTENT_LENGTH, "10")];
        (length, chunks(&["01234"])).into_response()
    });
    let server = serve(app("/truncated", route)).await?;
    let mut client = Client::connect(server).await?;
    client.send("GET", "/truncated", "").await?;
    drop(client.receive_all().await);
    let record = log::record_of("/truncated").await;
    let expected = json!({"level": "ERROR", "outcome": "truncated", "error.type": "truncated",
        "http.response.status_code": 200, "http.response.body.size": 5});
    table::check("response truncated", &record, &expected);
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

#[tokio::test]
async fn destructors_of_a_handler_log_within_its_request_and_before_its_end() -> Test {
    struct Witness;
    impl Drop for Witness {
        fn drop(&mut self) {
            tracing::info!("handler dropped");
        }
    }
    let waiting = Waiting::default();
    let handler = waiting.clone();
    let route = routing::get(async move || {
        let _witness = Witness;
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
    table::contains(
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
    table::contains(&log::record_of("/file").await, &expected);
    Ok(())
}
