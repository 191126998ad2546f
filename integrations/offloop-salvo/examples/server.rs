//! A small salvo service that logs through offloop.
//!
//! `cargo run -p offloop-salvo --example salvo-server -- --listen 127.0.0.1:8080`, then
//! `curl -i http://127.0.0.1:8080/hello/ada`. People read its standard output, machines read
//! `logs/app.jsonl`. Ctrl-C or SIGTERM ends it: no new connections, the requests under way have
//! one second to get their answers, and the last record is written.
//!
//! The lines to copy are marked with `// (copy)`.

use std::error::Error;
use std::time::Duration;

use offloop::Sink; // (copy)
use offloop_salvo::RequestHoop; // (copy)
use salvo_core::conn::Acceptor;
use salvo_core::http::ResBody;
use salvo_core::prelude::*;
use tracing::info;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let log = Sink::file("logs/app.jsonl"); // (copy)
    let log_for_people = Sink::stdout().text(); // (copy)
    let guard = offloop::builder().sink(log).sink(log_for_people).init()?; // (copy)

    let requests = RequestHoop::new().catch_panics(); // (copy)
    let listener = requests.listener(TcpListener::new(address()?)); // (copy)
    let router = Router::new()
        .push(Router::with_path("hello/{name}").get(hello))
        .push(Router::with_path("fail").get(fail))
        .push(Router::with_path("wait").get(wait));
    let service = Service::new(router).hoop(requests); // (copy)

    let acceptor = listener.try_bind().await?;
    announce(&acceptor)?;
    let server = Server::new(acceptor);
    let handle = server.handle();
    tokio::spawn(async move {
        offloop::shutdown_signal().await; // (copy)
        handle.stop_graceful(None); // (copy)
    });
    tokio::select! {
        served = server.try_serve(service) => served?,
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
async fn hello(http: &mut Request) -> String {
    let name: String = http.param("name").unwrap_or_default();
    offloop::request::add("visitor", name.as_str());
    info!(name, "greeting");
    format!("Hello, {name}!\n")
}

#[handler]
async fn fail() -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

/// Begins an answer, and never ends it.
#[handler]
async fn wait(response: &mut Response) {
    let (mut sender, body) = ResBody::channel();
    response.body(body);
    tokio::spawn(async move {
        let sent = sender.send_data("waiting\n").await;
        std::future::pending::<()>().await;
        sent
    });
}

/// The address after `--listen`.
fn address() -> Result<String, &'static str> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => Ok("127.0.0.1:8080".to_owned()),
        (Some("--listen"), Some(address)) => Ok(address),
        _ => Err("usage: salvo-server [--listen ADDRESS]"),
    }
}

/// Says where the server listens; with port 0 nobody else knows.
#[expect(
    clippy::print_stderr,
    reason = "it is meant for the one who started the program"
)]
fn announce(acceptor: &impl Acceptor) -> Result<(), &'static str> {
    let holding = acceptor.holdings().first();
    let address = holding.and_then(|holding| holding.local_addr.clone().into_std());
    let address = address.ok_or("no address to listen on")?;
    eprintln!("listening on http://{address}");
    Ok(())
}
