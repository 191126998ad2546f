use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::{Router, routing};
use http::{Request, Response, StatusCode};
use offloop_tower::RequestLayer;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Barrier, mpsc};
use tower::{Layer, ServiceExt, service_fn};
use tracing::info;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::client::Client;
use crate::log;

async fn serve(app: Router) -> std::io::Result<SocketAddr> {
    log::start();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

#[tokio::test]
async fn each_request_leaves_one_record_that_says_what_it_was_and_how_it_ended()
-> std::io::Result<()> {
    let app = Router::new()
        .route("/users/{id}", routing::any(|| async { "ada" }))
        .route(
            "/fails",
            routing::get(|| async { StatusCode::INTERNAL_SERVER_ERROR }),
        )
        .layer(RequestLayer::new());
    let mut client = Client::connect(serve(app).await?).await?;
    for (method, target, expected) in [
        (
            "GET",
            "/users/7?token=secret",
            json!({"level": "INFO", "message": "request", "outcome": "completed",
                "http.request.method": "GET", "http.request.method_original": null,
                "http.route": "/users/{id}", "url.path": "/users/7",
                "http.response.status_code": 200, "error.type": null}),
        ),
        (
            "BREW",
            "/users/8",
            json!({"http.request.method": "_OTHER", "http.request.method_original": "BREW",
                "http.route": "/users/{id}", "http.response.status_code": 200}),
        ),
        (
            "GET",
            "/nowhere",
            json!({"level": "INFO", "outcome": "completed", "http.route": null,
                "http.response.status_code": 404, "error.type": null}),
        ),
        (
            "GET",
            "/fails",
            json!({"level": "ERROR", "outcome": "completed", "http.route": "/fails",
                "http.response.status_code": 500, "error.type": "500"}),
        ),
    ] {
        client.send(method, target, b"").await?;
        let answer = client.receive().await?;
        let path = target.split('?').next().unwrap_or_default();
        let record = log::record_of(path);
        assert_contains(&record, &expected);
        assert_eq!(record["request_id"], answer.request_id());
        assert!(
            record["duration_ms"].as_f64().is_some_and(|ms| ms > 0.0),
            "{record}"
        );
        assert!(!record.to_string().contains("secret"), "{record}");
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_a_record_after_the_handlers_destructors()
-> std::io::Result<()> {
    /// Tells when the handler has begun, and when it is dropped; logs the latter.
    struct Witness(mpsc::UnboundedSender<&'static str>);
    impl Drop for Witness {
        fn drop(&mut self) {
            info!("handler dropped");
            _ = self.0.send("dropped");
        }
    }
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let handler = async move |State(sender): State<mpsc::UnboundedSender<_>>| {
        let witness = Witness(sender);
        _ = witness.0.send("begun");
        std::future::pending::<()>().await;
    };
    let app = Router::new()
        .route("/waits", routing::get(handler))
        .layer(RequestLayer::new())
        .with_state(sender);
    let mut client = Client::connect(serve(app).await?).await?;
    client.send("GET", "/waits", b"").await?;
    assert_eq!(receiver.recv().await, Some("begun"));
    drop(client);
    // This runtime has one thread: the record is written in the same go as the destructor runs.
    assert_eq!(receiver.recv().await, Some("dropped"));

    let record = log::record_of("/waits");
    assert_contains(
        &record,
        &json!({"level": "INFO", "outcome": "cancelled", "http.route": "/waits",
            "http.response.status_code": null, "error.type": null}),
    );
    let messages: Vec<_> = log::of_path("/waits")
        .into_iter()
        .map(|record| record["message"].clone())
        .collect();
    assert_eq!(messages, ["handler dropped", "request"]);
    Ok(())
}

#[tokio::test]
async fn a_handler_that_panics_leaves_a_record() -> std::io::Result<()> {
    let panics = async || -> &'static str { panic!("on purpose") };
    let app = Router::new()
        .route("/panics", routing::get(panics))
        .layer(RequestLayer::new());
    let mut client = Client::connect(serve(app).await?).await?;
    assert!(
        client.get("/panics").await.is_err(),
        "the panic closes the connection"
    );
    assert_contains(
        &log::record_of("/panics"),
        &json!({"level": "ERROR", "outcome": "panic", "error.type": "panic",
            "http.response.status_code": null}),
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_of_concurrent_requests_carry_the_fields_of_their_own_request() -> std::io::Result<()>
{
    const REQUESTS: usize = 32;
    let handler = async |Path(number): Path<usize>, State(all_here): State<Arc<Barrier>>| {
        info!(number, "before");
        // Every request is under way before any of them goes on.
        all_here.wait().await;
        info!(number, "between");
        tokio::task::yield_now().await;
        info!(number, "after");
    };
    let app = Router::new()
        .route("/concurrent/{number}", routing::get(handler))
        .layer(RequestLayer::new())
        .with_state(Arc::new(Barrier::new(REQUESTS)));
    let address = serve(app).await?;
    let clients = (0..REQUESTS).map(|number| {
        tokio::spawn(async move {
            let mut client = Client::connect(address).await?;
            client.get(&format!("/concurrent/{number}")).await
        })
    });
    for (number, client) in clients.collect::<Vec<_>>().into_iter().enumerate() {
        let answer = client.await??;
        let records = log::of_path(&format!("/concurrent/{number}"));
        let messages: Vec<_> = records.iter().map(|record| &record["message"]).collect();
        assert_eq!(messages, ["before", "between", "after", "request"]);
        for record in &records {
            assert_eq!(record["request_id"], answer.request_id());
            assert!(
                record["message"] == "request" || record["number"] == number,
                "{record}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_record_is_whole_where_a_filter_has_disabled_the_span()
-> Result<(), Box<dyn std::error::Error>> {
    let memory = offloop::Memory::new();
    let (layer, guard) = offloop::builder().memory(&memory).filter("warn").build()?;
    let _subscriber = tracing_subscriber::registry().with(layer).set_default();
    let answer = async |_| Response::builder().status(503).body(());
    let service = RequestLayer::new().layer(service_fn(answer));
    let request = Request::get("/quiet")
        .header("x-request-id", "mine")
        .body(())?;
    service.oneshot(request).await?;

    guard.flush(Duration::from_secs(20))?;
    let lines = memory.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_contains(
        &serde_json::from_str(&lines[0])?,
        &json!({"level": "ERROR", "request_id": "mine", "http.request.method": "GET",
            "url.path": "/quiet", "http.response.status_code": 503, "spans": null}),
    );
    Ok(())
}

/// An expected `null` stands for a field that must not be there.
fn assert_contains(record: &Value, expected: &Value) {
    for (name, value) in expected.as_object().into_iter().flatten() {
        assert_eq!(&record[name], value, "{name} in {record}");
    }
}
