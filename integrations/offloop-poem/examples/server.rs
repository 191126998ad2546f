//! A small poem service that logs through offloop.
//!
//! `cargo run -p offloop-poem --example poem-server -- --listen 127.0.0.1:8080`, then
//! `curl -i http://127.0.0.1:8080/hello/ada`. People read its standard output, machines read
//! `logs/app.jsonl`. Ctrl-C or SIGTERM ends it: no new connections, the requests under way have
//! one second to get their answers, and the last record is written.
//!
//! The lines to copy are marked with `// (copy)`.

use std::error::Error;
use std::time::Duration;

use offloop::Sink; // (copy)
use offloop_poem::RequestMiddleware; // (copy)
use poem::http::StatusCode;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::Path;
use poem::{Body, EndpointExt, Route, Server, get, handler};
use tracing::info;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let log = Sink::file("logs/app.jsonl"); // (copy)
    let log_for_people = Sink::stdout().text(); // (copy)
    let guard = offloop::builder().sink(log).sink(log_for_people).init()?; // (copy)

    let requests = RequestMiddleware::new().catch_panics(); // (copy)
    let listener = requests.listener(TcpListener::bind(address()?)); // (copy)
    let app = Route::new()
        .at("/hello/:name", get(hello))
        .at("/fail", get(fail))
        .at("/wait", get(wait))
        .with(requests); // (copy)

    let acceptor = listener.into_acceptor().await?;
    announce(&acceptor)?;
    let shutdown = offloop::shutdown_signal(); // (copy)
    let server =
        Server::new_with_acceptor(acceptor).run_with_graceful_shutdown(app, shutdown, None);
    tokio::select! {
        served = server => served?,
        () = deadline() => {} // (copy)
    }

    let report = guard.shutdown_async(Duration::from_secs(5)).await; // (copy)
    if !report.is_complete() {
        return Err(format!("the log is not complete: {report:?}").into());
    }
    Ok(())
}

/// One second after the signal, whatever is still under way is given up.
async fn deadline() {
    offloop::shutdown_signal().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    offloop::request::begin_shutdown(); // (copy)
}

#[handler]
fn hello(Path(name): Path<String>) -> String {
    offloop::request::add("visitor", name.as_str());
    info!(name, "greeting");
    format!("Hello, {name}!\n")
}

#[handler]
fn fail() -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

/// Begins an answer, and never ends it.
#[handler]
fn wait() -> Body {
    let (reader, writer) = tokio::io::duplex(64);
    tokio::spawn(async move {
        let mut writer = writer;
        let written = tokio::io::AsyncWriteExt::write_all(&mut writer, b"waiting\n").await;
        std::future::pending::<()>().await;
        written
    });
    Body::from_async_read(reader)
}

/// The address after `--listen`.
fn address() -> Result<String, &'static str> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => Ok("127.0.0.1:8080".to_owned()),
        (Some("--listen"), Some(address)) => Ok(address),
        _ => Err("usage: poem-server [--listen ADDRESS]"),
    }
}

/// Says where the server listens; with port 0 nobody else knows.
#[expect(
    clippy::print_stderr,
    reason = "it is meant for the one who started the program"
)]
fn announce(acceptor: &impl Acceptor) -> Result<(), &'static str> {
    let address = acceptor.local_addr().into_iter().next();
    let address = address.ok_or("no address to listen on")?;
    let address = address.as_socket_addr().ok_or("no address of a socket")?;
    eprintln!("listening on http://{address}");
    Ok(())
}
