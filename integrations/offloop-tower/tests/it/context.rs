//! Ids and traces, as they come in, go back, and reach what the handler logs.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::{Router, routing};
use http::HeaderMap;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::TokioExecutor;
use offloop::request::{InRequest, Incoming, Options, RequestContext, carry};
use offloop_tower::{CurrentRequest, PropagateLayer, RequestLayer, RouteProbe};
use serde_json::json;
use tokio::sync::Barrier;
use tower::{Layer, Service, ServiceExt};
use tracing::info;

use crate::client::Client;
use crate::server::{serve, serve_blindly};
use crate::{Test, log};

#[expect(clippy::unwrap_used, reason = "the table is part of the test")]
#[path = "../../../../tests/trace_context/mod.rs"]
mod cases;

use cases::{Headers, check_all};

/// What reached the other service, call by call.
type Heard = Arc<Mutex<Vec<Headers>>>;

async fn hear(State(heard): State<Heard>, headers: HeaderMap) {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = headers.iter();
    let headers = headers.map(|(name, value)| (name.to_string(), text(value)));
    if let Ok(mut heard) = heard.lock() {
        heard.push(headers.collect());
    }
}

#[test]
fn all_cases_of_the_conformance_harness_hold_over_http() -> Test {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let heard = Heard::default();
    let other = Router::new().fallback(hear).with_state(Arc::clone(&heard));
    let other = runtime.block_on(serve_blindly(other))?;
    let call = async move |Path(calls): Path<usize>| {
        let client = HyperClient::builder(TokioExecutor::new()).build_http::<String>();
        let mut client = PropagateLayer::to(["127.0.0.1"]).layer(client);
        for _ in 0..calls {
            let request = http::Request::post(format!("http://{other}/"));
            let request = request
                .body(String::new())
                .map_err(|error| error.to_string())?;
            let client = client.ready().await.map_err(|error| error.to_string())?;
            client
                .call(request)
                .await
                .map_err(|error| error.to_string())?;
        }
        Ok::<_, String>(())
    };
    let app = Router::new()
        .route("/test/{calls}", routing::post(call))
        .layer(RequestLayer::new());
    let server = runtime.block_on(serve(app))?;
    check_all(|headers, calls| {
        let headers = headers.iter();
        let headers = headers.map(|(name, value)| format!("{name}: {value}\r\n"));
        let headers: String = headers
            .chain(["content-length: 0\r\n".to_owned()])
            .collect();
        let path = format!("/test/{calls}");
        let answer = runtime.block_on(async {
            let mut client = Client::connect(server).await?;
            client.send("POST", &path, headers).await?;
            client.receive().await
        });
        assert_eq!(answer.map(|answer| answer.status).ok(), Some(200));
        heard
            .lock()
            .map(|mut heard| std::mem::take(&mut *heard))
            .unwrap_or_default()
    });
    Ok(())
}

#[tokio::test]
async fn a_made_id_is_the_same_for_client_and_handler_and_record() -> Test {
    let handler = async |request: CurrentRequest| {
        let current = RequestContext::current();
        assert_eq!(
            current.map(|current| current.id().clone()).as_ref(),
            Some(request.id())
        );
        request.add("plan", "gold");
        request.id().to_string()
    };
    let app = Router::new()
        .route("/id/made", routing::get(handler))
        .layer(RequestLayer::new());
    let answer = Client::connect(serve(app).await?)
        .await?
        .get("/id/made")
        .await?;
    assert_eq!(answer.request_id(), answer.body);
    assert_eq!(uuid::Uuid::parse_str(&answer.body)?.get_version_num(), 7);
    let expected = json!({"request_id": answer.body, "plan": "gold"});
    log::assert_contains(&log::record_of("/id/made").await, &expected);
    Ok(())
}

#[tokio::test]
async fn an_id_of_the_client_is_kept_if_it_is_harmless() -> Test {
    let echo = async |request: CurrentRequest| request.id().to_string();
    let app = |layer| Router::new().fallback(echo).layer(layer);
    let server = serve(app(RequestLayer::new())).await?;
    let ignoring = RequestLayer::with(Options::new().incoming_ids(Incoming::Ignore));
    let ignoring = serve(app(ignoring)).await?;
    let long = "x".repeat(128);
    let too_long = "x".repeat(129);
    let ids: [(&str, bool); 9] = [
        ("a", true),
        ("01890a5d-ac96-774b-bcce-b302099a8057", true),
        (&long, true),
        (&too_long, false),
        ("two words", false),
        ("a\tb", false),
        ("\",\"level\":\"ERROR", false),
        ("\u{202e}gnp", false),
        ("one\r\nx-request-id: two", false),
    ];
    for (id, is_kept) in ids {
        for (server, may_keep) in [(server, true), (ignoring, false)] {
            let mut client = Client::connect(server).await?;
            let header = format!("x-request-id: {id}\r\n");
            client.send("GET", "/id", header).await?;
            let answer = client.receive().await?;
            assert_eq!(answer.body == id, is_kept && may_keep, "{id:?}");
            assert_eq!(answer.body, answer.request_id());
        }
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_sent_back_where_that_is_not_wanted() -> Test {
    let layer = RequestLayer::with(Options::new().send_back(false));
    let app = Router::new().fallback(|| async {}).layer(layer);
    let answer = Client::connect(serve(app).await?)
        .await?
        .get("/id/silent")
        .await?;
    assert_eq!(answer.header("x-request-id"), None);
    assert_eq!(answer.header("traceresponse"), None);
    Ok(())
}

#[tokio::test]
async fn around_the_whole_router_the_route_comes_from_a_probe() -> Test {
    let router = Router::new()
        .route("/probe/{id}", routing::get(|| async { "found" }))
        .layer(RouteProbe);
    let app = RequestLayer::new().layer(router);
    let app = Router::new().fallback_service(app);
    Client::connect(serve(app).await?)
        .await?
        .get("/probe/1")
        .await?;
    let expected = json!({"http.route": "/probe/{id}"});
    log::assert_contains(&log::record_of("/probe/1").await, &expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn records_of_concurrent_requests_carry_the_ids_of_their_own() -> Test {
    const REQUESTS: usize = 32;
    let handler = async |Path(number): Path<usize>, State(all_here): State<Arc<Barrier>>| {
        info!(number, "before");
        // Every request is under way before any of them goes on.
        all_here.wait().await;
        let task = async move { info!(number, "task") };
        let thread = move || info!(number, "thread");
        _ = tokio::spawn(task.in_request()).await;
        _ = tokio::task::spawn_blocking(carry(thread)).await;
        info!(number, "after");
    };
    let app = Router::new()
        .route("/concurrent/{number}", routing::get(handler))
        .layer(RequestLayer::new())
        .with_state(Arc::new(Barrier::new(REQUESTS)));
    let server = serve(app).await?;
    let clients = (0..REQUESTS).map(|number| {
        tokio::spawn(async move {
            let mut client = Client::connect(server).await?;
            client.get(&format!("/concurrent/{number}")).await
        })
    });
    for (number, client) in clients.collect::<Vec<_>>().into_iter().enumerate() {
        let answer = client.await??;
        let records = log::of_request(answer.request_id());
        let messages: Vec<_> = records.iter().map(|record| &record["message"]).collect();
        assert_eq!(messages, ["before", "task", "thread", "after", "request"]);
        for record in &records[..4] {
            assert_eq!(record["number"], number, "{record}");
            assert_eq!(record["trace_id"], records[4]["trace_id"]);
        }
    }
    Ok(())
}
