//! A small actix-web service that logs through offloop.
//!
//! `cargo run -p offloop-actix-web --example actix-web-server -- --listen 127.0.0.1:8080`, then
//! `curl -i http://127.0.0.1:8080/hello/ada`. People read its standard output, machines read
//! `logs/app.jsonl`. Ctrl-C or SIGTERM ends it: no new connections, the requests under way have
//! one second to get their answers, and the last record is written.
//!
//! The lines to copy are marked with `// (copy)`.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::time::Duration;

use actix_web::web::{Bytes, Path};
use actix_web::{App, HttpResponse, HttpServer, web};
use futures_util::{StreamExt, stream};
use offloop::Sink; // (copy)
use offloop_actix_web::{RequestLog, on_connect}; // (copy)
use tracing::info;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let log = Sink::file("logs/app.jsonl"); // (copy)
    let log_for_people = Sink::stdout().text(); // (copy)
    let guard = offloop::builder().sink(log).sink(log_for_people).init()?; // (copy)

    let requests = RequestLog::new().catch_panics(); // (copy)
    let server = HttpServer::new(move || {
        App::new()
            .route("/hello/{name}", web::get().to(hello))
            .route("/fail", web::get().to(fail))
            .route("/wait", web::get().to(wait))
            .wrap(requests.clone()) // (copy)
    })
    .on_connect(on_connect) // (copy)
    .h1_allow_half_closed(false) // (copy)
    .shutdown_signal(asked_to_end()) // (copy)
    .shutdown_timeout(1)
    .bind(address()?)?;
    announce(&server.addrs());
    server.run().await?;

    let report = guard.shutdown_async(Duration::from_secs(5)).await; // (copy)
    if !report.is_complete() {
        return Err(format!("the log is not complete: {report:?}").into());
    }
    Ok(())
}

/// Waits for Ctrl-C or SIGTERM. A request that is dropped from then on was ended by the shutdown.
async fn asked_to_end() {
    offloop::shutdown_signal().await; // (copy)
    offloop::request::begin_shutdown(); // (copy)
}

async fn hello(name: Path<String>) -> String {
    offloop::request::add("visitor", name.as_str());
    info!(name = name.as_str(), "greeting");
    format!("Hello, {name}!\n")
}

async fn fail() -> Result<HttpResponse, io::Error> {
    Err(io::Error::other("the database is gone"))
}

/// Begins an answer, and never ends it.
async fn wait() -> HttpResponse {
    let begin = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"waiting\n"))]);
    HttpResponse::Ok().streaming(begin.chain(stream::pending()))
}

/// The address after `--listen`.
fn address() -> Result<String, &'static str> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => Ok("127.0.0.1:8080".to_owned()),
        (Some("--listen"), Some(address)) => Ok(address),
        _ => Err("usage: actix-web-server [--listen ADDRESS]"),
    }
}

/// Says where the server listens; with port 0 nobody else knows.
#[expect(
    clippy::print_stderr,
    reason = "it is meant for the one who started the program"
)]
fn announce(addresses: &[std::net::SocketAddr]) {
    for address in addresses {
        eprintln!("listening on http://{address}");
    }
}
