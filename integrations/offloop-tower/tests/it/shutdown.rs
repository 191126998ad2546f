//! What has not ended when the time for an orderly end is over.

use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

use axum::body::Bytes;
use axum::{Router, routing};
use offloop_tower::RequestLayer;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::client::Client;
use crate::server::Waiting;
use crate::{Test, table};

const LOG: &str = "OFFLOOP_TEST_LOG";

/// It ends all requests of its process, so it has one of its own: this same program, which runs the
/// test below.
#[test]
fn requests_that_are_still_running_or_uploading_at_shutdowns_deadline_say_so() -> Test {
    let directory = tempfile::tempdir()?;
    let log = directory.path().join("app.jsonl");
    let child = Command::new(std::env::current_exe()?)
        .args(["shutdown::child", "--exact", "--ignored"])
        .env(LOG, &log)
        .env_remove("RUST_LOG")
        .stdout(Stdio::null())
        .status()?;
    assert!(child.success());
    let lines = std::fs::read_to_string(&log)?;
    let records = lines.lines().map(serde_json::from_str);
    let records: Vec<Value> = records.collect::<Result<_, _>>()?;
    let of_request = |record: &&Value| record["event.name"] == "http.server.request";
    let of_requests: Vec<_> = records.iter().filter(of_request).collect();
    let of_path = |path| of_requests.iter().find(|record| record["url.path"] == path);
    let running = of_path("/waits").ok_or("no record")?;
    let expected = json!({"level": "WARN", "outcome": "server_shutdown",
        "outcome.phase": "handler", "http.response.status_code": null});
    table::check("still running at shutdown's deadline", running, &expected);
    let uploading = of_path("/upload").ok_or("no record")?;
    let expected = json!({"level": "WARN", "outcome": "server_shutdown",
        "outcome.phase": "upload", "http.request.body.size": 5});
    table::check(
        "still uploading at shutdown's deadline",
        uploading,
        &expected,
    );
    assert_eq!(of_requests.len(), 2, "{of_requests:?}");
    Ok(())
}

#[test]
#[ignore = "the child of the test above"]
fn child() -> Test {
    let Some(log) = std::env::var_os(LOG) else {
        return Ok(());
    };
    let guard = offloop::builder().file(log).init()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let waiting = Waiting::default();
        let handler = waiting.clone();
        let app = Router::new()
            .route("/waits", routing::get(move || handler.handle()))
            .route("/upload", routing::post(async |_: Bytes| {}))
            .layer(RequestLayer::new());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, app).await });
        let mut client = Client::connect(address).await?;
        client.send("GET", "/waits", "").await?;
        waiting.begun().await;
        let mut uploading = Client::connect(address).await?;
        // In one piece, so that none of it comes later than its head.
        let upload = "POST /upload HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\n12345";
        uploading.send_bytes(upload).await?;
        // One thread serves and looks: what can be seen in flight has been polled.
        while offloop::request::in_flight().len() < 2 {
            tokio::task::yield_now().await;
        }
        let report = guard.shutdown_async(Duration::from_secs(60)).await;
        assert!(report.is_complete(), "{report:?}");
        io::Result::Ok(())
    })?;
    Ok(())
}
