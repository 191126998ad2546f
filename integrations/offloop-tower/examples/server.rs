//! A small axum service that logs through offloop.
//!
//! `cargo run -p offloop-tower --example server -- --listen 127.0.0.1:8080`, then
//! `curl -i http://127.0.0.1:8080/hello/ada`. People read its standard output, machines read
//! `logs/app.jsonl`. Ctrl-C or SIGTERM ends it in order: no new connections, the requests under
//! way get their answers, the last record is written.
//!
//! A request leaves one record, however it ends; one that has not ended 10 seconds after the signal
//! is ended by the shutdown, and its record says so.
//!
//! The lines to copy are marked with `// (copy)`.

use std::error::Error;
use std::time::Duration;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::{Router, routing};
use offloop::Sink; // (copy)
use offloop::request::Options; // (copy)
use offloop_tower::{LoggedConnection, LoggedListener, RequestLayer}; // (copy)
use tokio::net::TcpListener;
use tracing::info;

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let log = Sink::file("logs/app.jsonl"); // (copy)
    let log_for_people = Sink::stdout().text(); // (copy)
    let guard = offloop::builder().sink(log).sink(log_for_people).init()?; // (copy)

    let app = Router::new()
        .route("/hello/{name}", routing::get(hello))
        .route("/fail", routing::get(fail))
        .route("/wait", routing::get(wait))
        .route("/health", routing::get(|| async {}))
        .layer(RequestLayer::with(Options::new().quiet("/health")?)) // (copy)
        .into_make_service_with_connect_info::<LoggedConnection>(); // (copy)

    let listener = TcpListener::bind(address()?).await?;
    announce(&listener)?;
    let server = axum::serve(LoggedListener::new(listener), app) // (copy)
        .with_graceful_shutdown(offloop::shutdown_signal()); // (copy)
    tokio::select! { // (copy)
        result = server => result?, // (copy)
        () = patience_after_signal() => {} // (copy)
    }

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

/// A request that shutdown may have to end.
async fn wait() {
    std::future::pending().await
}

/// For how long requests may go on once the program has been asked to end.
async fn patience_after_signal() {
    offloop::shutdown_signal().await;
    tokio::time::sleep(PATIENCE).await;
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
