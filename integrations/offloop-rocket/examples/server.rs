//! A small Rocket service that logs through offloop.
//!
//! `cargo run -p offloop-rocket --example rocket-server -- --listen 127.0.0.1:8080`, then
//! `curl -i http://127.0.0.1:8080/hello/ada`. People read its standard output, machines read
//! `logs/app.jsonl`. Ctrl-C or SIGTERM ends it: no new connections, the requests under way have
//! one second to get their answers, and the last record is written.
//!
//! The lines to copy are marked with `// (copy)`.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use offloop::Sink; // (copy)
use offloop_rocket::{RequestFairing, logged}; // (copy)
use rocket::config::{LogLevel, Shutdown};
use rocket::fairing::AdHoc;
use rocket::futures::{Stream, StreamExt, stream};
use rocket::http::Status;
use rocket::response::stream::TextStream;
use rocket::{Config, get, routes};
use tracing::info;

#[rocket::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let log = Sink::file("logs/app.jsonl"); // (copy)
    let log_for_people = Sink::stdout().text(); // (copy)
    let guard = offloop::builder().sink(log).sink(log_for_people).init()?; // (copy)

    let routes = logged(routes![hello, fail, wait]); // (copy)
    let rocket = rocket::custom(config()?)
        .mount("/", routes)
        .attach(announce())
        .attach(RequestFairing::new()); // (copy)
    // Rocket calls it a failure when requests are under way at its deadline.
    let launched = rocket.launch().await;

    let report = guard.shutdown_async(Duration::from_secs(5)).await; // (copy)
    if !report.is_complete() {
        return Err(format!("the log is not complete: {report:?}").into());
    }
    match launched {
        Err(error) if !matches!(error.kind(), rocket::error::ErrorKind::Shutdown(..)) => {
            Err(error.into())
        }
        _ => Ok(()),
    }
}

#[get("/hello/<name>")]
fn hello(name: &str) -> String {
    offloop::request::add("visitor", name);
    info!(name, "greeting");
    format!("Hello, {name}!\n")
}

#[get("/fail")]
fn fail() -> Status {
    Status::InternalServerError
}

/// Begins an answer, and never ends it.
#[get("/wait")]
fn wait() -> TextStream<impl Stream<Item = &'static str>> {
    TextStream(stream::iter(["waiting\n"]).chain(stream::pending()))
}

fn config() -> Result<Config, Box<dyn Error>> {
    let address: SocketAddr = address()?.parse()?;
    Ok(Config {
        address: address.ip(),
        port: address.port(),
        // What Rocket prints of each request stands in the records, too.
        log_level: LogLevel::Off,
        shutdown: Shutdown {
            grace: 1,
            mercy: 0,
            ..Shutdown::default()
        },
        ..Config::release_default()
    })
}

/// The address after `--listen`.
fn address() -> Result<String, &'static str> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => Ok("127.0.0.1:8080".to_owned()),
        (Some("--listen"), Some(address)) => Ok(address),
        _ => Err("usage: rocket-server [--listen ADDRESS]"),
    }
}

/// Says where the server listens; with port 0 nobody else knows.
#[expect(
    clippy::print_stderr,
    reason = "it is meant for the one who started the program"
)]
fn announce() -> AdHoc {
    AdHoc::on_liftoff("announcement", |rocket| {
        let config = rocket.config();
        eprintln!("listening on http://{}:{}", config.address, config.port);
        Box::pin(async {})
    })
}
