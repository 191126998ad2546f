//! A small axum service that logs through offloop.
//!
//! `cargo run -p offloop-tower --example server -- --listen 127.0.0.1:8080`, then
//! `curl -i http://127.0.0.1:8080/hello/ada`. People read its standard output, machines read
//! `logs/app.jsonl`. Ctrl-C or SIGTERM ends it in order: no new connections, the requests under
//! way get their answers, the last record is written.
//!
//! The lines to copy are marked with `// (copy)`.

use std::error::Error;
use std::time::Duration;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::{Router, routing};
use offloop::Sink; // (copy)
use offloop_tower::RequestLayer; // (copy)
use tokio::net::TcpListener;
use tracing::info;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let log = Sink::file("logs/app.jsonl"); // (copy)
    let log_for_people = Sink::stdout().text(); // (copy)
    let guard = offloop::builder().sink(log).sink(log_for_people).init()?; // (copy)

    let app = Router::new()
        .route("/hello/{name}", routing::get(hello))
        .route("/fail", routing::get(fail))
        .layer(RequestLayer::new()); // (copy)

    let listener = TcpListener::bind(address()?).await?;
    announce(&listener)?;
    axum::serve(listener, app)
        .with_graceful_shutdown(offloop::shutdown_signal()) // (copy)
        .await?;

    let report = guard.shutdown_async(Duration::from_secs(5)).await; // (copy)
    if !report.is_complete() {
        return Err(format!("the log is not complete: {report:?}").into());
    }
    Ok(())
}

async fn hello(Path(name): Path<String>) -> String {
    info!(name, "greeting");
    format!("Hello, {name}!\n")
}

async fn fail() -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

/// The address after `--listen`.
fn address() -> Result<String, &'static str> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => Ok("127.0.0.1:8080".to_owned()),
        (Some("--listen"), Some(address)) => Ok(address),
        _ => Err("usage: server [--listen ADDRESS]"),
    }
}

/// Says where the server listens; with port 0 nobody else knows.
#[expect(
    clippy::print_stderr,
    reason = "it is meant for the one who started the program"
)]
fn announce(listener: &TcpListener) -> std::io::Result<()> {
    eprintln!("listening on http://{}", listener.local_addr()?);
    Ok(())
}
