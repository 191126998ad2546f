//! A handler's own requests carry the ids of the one that it handles.

use std::net::SocketAddr;

use axum::{Router, routing};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::TokioExecutor;
use offloop::request::{Options, Propagation};
use offloop_tower::{CurrentRequest, PropagateLayer, RequestLayer, outgoing_headers};
use serde_json::json;
use tower::{Layer, ServiceExt};

use crate::client::Client;
use crate::server::serve;
use crate::{Test, log};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A service that others call.
async fn other() -> std::io::Result<SocketAddr> {
    let app = Router::new()
        .fallback(|| async { "other" })
        .layer(RequestLayer::new());
    serve(app).await
}

async fn ask_by_hyper(url: String, layer: PropagateLayer) -> Result<bytes::Bytes, Failure> {
    let client = HyperClient::builder(TokioExecutor::new()).build_http::<String>();
    let request = Request::get(url).body(String::new())?;
    let response = layer.layer(client).oneshot(request).await?;
    Ok(response.into_body().collect().await?.to_bytes())
}

async fn ask_by_reqwest(url: String) -> Result<bytes::Bytes, Failure> {
    let request = reqwest::Client::new().get(url).headers(outgoing_headers());
    Ok(request.send().await?.bytes().await?)
}

#[tokio::test]
async fn the_record_of_a_called_service_joins_that_of_its_caller() -> Test {
    let other = other().await?;
    let text = |error: Failure| error.to_string();
    let hyper = async move || {
        let url = format!("http://{other}/out/called/by/hyper");
        ask_by_hyper(url, PropagateLayer::to(["127.0.0.1"]))
            .await
            .map_err(text)
    };
    let reqwest = async move || {
        let url = format!("http://{other}/out/called/by/reqwest");
        ask_by_reqwest(url).await.map_err(text)
    };
    let app = Router::new()
        .route("/out/caller/by/hyper", routing::get(hyper))
        .route("/out/caller/by/reqwest", routing::get(reqwest))
        .layer(RequestLayer::new());
    let mut client = Client::connect(serve(app).await?).await?;
    for by in ["hyper", "reqwest"] {
        let path = format!("/out/caller/by/{by}");
        let headers = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\
            tracestate: congo=t61\r\n";
        client.send("GET", &path, headers).await?;
        let answer = client.receive().await?;
        assert_eq!(answer.body, "other");
        let caller = log::record_of(&path).await;
        let called = log::record_of(&path.replace("caller", "called")).await;
        let expected = json!({"request_id": caller["request_id"],
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"});
        log::assert_contains(&called, &expected);
        assert_eq!(caller["parent_span_id"], "00f067aa0ba902b7");
        // Each call has a span of its own, which is not the server's.
        assert_ne!(called["parent_span_id"], caller["span_id"]);
        assert_ne!(called["parent_span_id"], caller["parent_span_id"]);
    }
    Ok(())
}

#[tokio::test]
async fn by_choice_the_trace_goes_on_in_the_header_of_b3() -> Test {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let sent = async || {
        let headers = outgoing_headers();
        let value = |name| headers.get(name)?.to_str().ok();
        format!("{:?} {:?}", value("b3"), value("traceparent"))
    };
    let layer = RequestLayer::with(Options::new().propagation(Propagation::B3));
    let app = Router::new()
        .route("/out/b3", routing::get(sent))
        .layer(layer);
    let mut client = Client::connect(serve(app).await?).await?;
    let headers = format!("b3: {trace}-00f067aa0ba902b7-0\r\n");
    client.send("GET", "/out/b3", headers).await?;
    let answer = client.receive().await?;
    assert!(
        answer.body.starts_with(&format!("Some(\"{trace}-")),
        "{}",
        answer.body
    );
    assert!(answer.body.contains("-0\") Some(\"00-"), "{}", answer.body);
    let record = log::record_of("/out/b3").await;
    let expected = json!({"trace_id": trace, "parent_span_id": "00f067aa0ba902b7"});
    log::assert_contains(&record, &expected);
    Ok(())
}

#[tokio::test]
async fn strangers_learn_nothing() -> Test {
    let other = other().await?;
    let handler = async move |_: CurrentRequest| {
        let url = format!("http://{other}/out/stranger");
        let layer = PropagateLayer::to(["billing.internal"]);
        ask_by_hyper(url, layer)
            .await
            .map_err(|error| error.to_string())
    };
    let app = Router::new()
        .route("/out/careful", routing::get(handler))
        .layer(RequestLayer::new());
    let answer = Client::connect(serve(app).await?)
        .await?
        .get("/out/careful")
        .await?;
    assert_eq!(answer.body, "other");
    let caller = log::record_of("/out/careful").await;
    let called = log::record_of("/out/stranger").await;
    assert_ne!(called["request_id"], caller["request_id"]);
    assert_ne!(called["trace_id"], caller["trace_id"]);
    assert_eq!(called.get("parent_span_id"), None);
    Ok(())
}

#[test]
fn outside_of_a_request_nothing_is_sent_on() {
    assert_eq!(outgoing_headers(), HeaderMap::new());
}
