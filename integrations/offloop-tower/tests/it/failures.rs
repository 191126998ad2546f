//! What fails says so in its one record: errors, panics, time-outs, bodies that break off.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::{Router, routing};
use http::{Response, StatusCode, header};
use offloop::request::Outcome;
use offloop_tower::{DecideLayer, RequestLayer};
use serde_json::json;
use tokio_stream::StreamExt;
use tower::service_fn;

use crate::client::Client;
use crate::server::{Waiting, app, app_with, chunks, serve, serve_hyper};
use crate::{Test, log, table};

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
    log::assert_contains(&log::record_of("/timeout/other").await, &expected);
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
    log::assert_contains(&log::record_of("/timeout/tower").await, &expected);
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
        (length, chunks(&["01234"]))
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
