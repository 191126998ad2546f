//! However requests end, at random: there is exactly one record for each that reached the service.

use std::cell::RefCell;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use offloop_tower::{LoggedConnection, LoggedListener, RequestLayer};
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_stream::StreamExt;
use tower::ServiceExt;
use tracing::Dispatch;
use tracing::dispatcher::{DefaultGuard, set_default};
use tracing_subscriber::layer::SubscriberExt;

use crate::Test;

const CLIENTS: u64 = 32;

/// How many requests the clients send together; a million in the long proof.
fn requests() -> u64 {
    match std::env::var_os("OFFLOOP_LONG") {
        Some(_) => 1_000_000,
        None => 4_000,
    }
}

#[test]
fn each_request_that_reaches_the_service_leaves_exactly_one_record() -> Test {
    let directory = tempfile::tempdir()?;
    let log = directory.path().join("app.jsonl");
    let (layer, guard) = offloop::builder().file(&log).build()?;
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    let runtime = runtime_logging_to(dispatch)?;
    let arrived = Arc::new(AtomicU64::new(0));
    let server = runtime.block_on(serve(Arc::clone(&arrived)))?;
    let clients = (0..CLIENTS).map(|seed| {
        runtime.spawn(async move {
            let mut client = RandomClient::new(server, seed);
            for _ in 0..requests() / CLIENTS {
                client.send_one().await;
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        runtime.block_on(client)?;
    }
    // What is still under way is dropped with its runtime, and that is an end, too.
    drop(runtime);
    let report = guard.shutdown(Duration::from_secs(60));
    assert!(report.is_complete(), "{report:?}");
    let (records, kinds) = count(&log)?;
    assert_eq!(records, arrived.load(Ordering::Relaxed));
    assert!(requests() / 2 < records, "most requests arrive: {records}");
    assert!(6 <= kinds, "they end in many ways: {kinds}");
    Ok(())
}

/// Records of requests, and the number of different outcomes. All ids differ.
fn count(log: &Path) -> io::Result<(u64, usize)> {
    #[derive(Deserialize)]
    struct Record {
        #[serde(rename = "event.name")]
        event: Option<String>,
        outcome: Option<String>,
        request_id: Option<String>,
    }
    let (mut ids, mut outcomes) = (Vec::new(), Vec::new());
    for line in BufReader::new(std::fs::File::open(log)?).lines() {
        let record: Record = serde_json::from_str(&line?)?;
        if record.event.as_deref() == Some("http.server.request") {
            ids.extend(record.request_id);
            outcomes.extend(record.outcome.filter(|outcome| !outcomes.contains(outcome)));
        }
    }
    let records = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), records, "a request has two records");
    Ok((records as u64, outcomes.len()))
}

/// A log of its own: what other tests do at the same time is not counted.
fn runtime_logging_to(dispatch: Dispatch) -> io::Result<Runtime> {
    thread_local!(static GUARD: RefCell<Option<DefaultGuard>> = const { RefCell::new(None) });
    let (started, stopped) = (dispatch, || GUARD.set(None));
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .on_thread_start(move || GUARD.set(Some(set_default(&started))))
        .on_thread_stop(stopped)
        .build()
}

async fn serve(arrived: Arc<AtomicU64>) -> io::Result<SocketAddr> {
    let count = move |request: Request| {
        arrived.fetch_add(1, Ordering::Relaxed);
        request
    };
    let short = Duration::from_millis(3);
    let layer = |catches| {
        RequestLayer::new()
            .catch_panic(catches)
            .timeout(short, StatusCode::GATEWAY_TIMEOUT)
    };
    let caught = Router::new()
        .route("/caught/{number}", routing::any(end_somehow))
        .layer(layer(true));
    let app = Router::new()
        .route("/uncaught/{number}", routing::any(end_somehow))
        .layer(layer(false))
        .merge(caught)
        .map_request(count);
    let app = Router::new().fallback_service(app);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = app.into_make_service_with_connect_info::<LoggedConnection>();
    tokio::spawn(async move { axum::serve(LoggedListener::new(listener), app).await });
    Ok(address)
}

/// Ends as its number says.
async fn end_somehow(
    axum::extract::Path(number): axum::extract::Path<u64>,
    body: Body,
) -> Response {
    tracing::info!(number, "within the handler");
    match number % 10 {
        0 => "whole".into_response(),
        1 => StatusCode::NO_CONTENT.into_response(),
        2 => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        3 => panic_quietly(),
        4 => std::future::pending().await,
        5 => stream(number, None),
        6 => stream(number, Some("fails")),
        7 => stream(number, Some("panics")),
        8 => stream(number, Some("waits")),
        _ => match body.collect().await {
            Ok(body) => body.to_bytes().len().to_string().into_response(),
            Err(_) => StatusCode::BAD_REQUEST.into_response(),
        },
    }
}

/// Without the words of the panic hook, which would be many.
fn panic_quietly() -> ! {
    std::panic::resume_unwind(Box::new("on purpose"))
}

fn stream(number: u64, end: Option<&'static str>) -> Response {
    let chunks = (0..number % 7).map(|_| "chunk").chain(end);
    let chunks = tokio_stream::iter(chunks).map(|chunk| match chunk {
        "fails" => Err(io::Error::other("on purpose")),
        "panics" => panic_quietly(),
        chunk => Ok(Bytes::from_static(chunk.as_bytes())),
    });
    match end {
        Some("waits") => Body::from_stream(chunks.chain(tokio_stream::pending())),
        _ => Body::from_stream(chunks),
    }
    .into_response()
}

/// A client that gives up now and then, over HTTP/1.1 and HTTP/2.
struct RandomClient {
    server: SocketAddr,
    random: u64,
    connection: Option<Connection>,
}

enum Connection {
    Http1(http1::SendRequest<String>),
    Http2(http2::SendRequest<String>),
}

impl RandomClient {
    fn new(server: SocketAddr, seed: u64) -> Self {
        Self {
            server,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            connection: None,
        }
    }

    /// Marsaglia's xorshift.
    fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 16) % below
    }

    async fn send_one(&mut self) {
        let patience = match self.random(4) {
            0 => Duration::from_micros(self.random(2_000)),
            _ => Duration::from_millis(20),
        };
        let frames = self.random(10);
        // Giving up drops whatever is under way: the response's future, or its body.
        let exchange = tokio::time::timeout(patience, self.exchange(frames)).await;
        if !matches!(exchange, Ok(Ok(()))) {
            self.forget_http1();
        }
    }

    /// Sends a request, and reads at most so many frames of the answer.
    async fn exchange(
        &mut self,
        frames: u64,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let kind = ["caught", "uncaught"][self.random(2) as usize];
        let number = self.random(1_000);
        let uri = format!("http://{}/{kind}/{number}", self.server);
        let body = "upload".repeat(self.random(3) as usize);
        let request = http::Request::post(uri).body(body)?;
        let answer = match self.connection().await? {
            Connection::Http1(connection) => {
                connection.ready().await?;
                connection.send_request(request).await
            }
            Connection::Http2(connection) => {
                connection.ready().await?;
                connection.send_request(request).await
            }
        };
        let mut body = match answer {
            Ok(answer) => answer.into_body(),
            Err(error) => {
                self.connection = None;
                return Err(error.into());
            }
        };
        for _ in 0..frames {
            if body.frame().await.transpose()?.is_none() {
                return Ok(());
            }
        }
        Err("enough".into())
    }

    async fn connection(
        &mut self,
    ) -> Result<&mut Connection, Box<dyn std::error::Error + Send + Sync>> {
        let is_http2 = self.random(2) == 0;
        let connection = match self.connection.take() {
            Some(connection) if !connection.is_closed() => connection,
            _ => {
                // By any port: the long proof takes more connections than there are.
                let stream = TokioIo::new(TcpStream::connect(self.server).await?);
                if is_http2 {
                    let (sender, connection) =
                        http2::handshake(TokioExecutor::new(), stream).await?;
                    tokio::spawn(connection);
                    Connection::Http2(sender)
                } else {
                    let (sender, connection) = http1::handshake(stream).await?;
                    tokio::spawn(connection);
                    Connection::Http1(sender)
                }
            }
        };
        Ok(self.connection.insert(connection))
    }

    /// A connection of HTTP/1 cannot go on where an answer was not read to its end.
    fn forget_http1(&mut self) {
        self.connection
            .take_if(|connection| matches!(connection, Connection::Http1(_)));
    }
}

impl Connection {
    fn is_closed(&self) -> bool {
        match self {
            Connection::Http1(sender) => sender.is_closed(),
            Connection::Http2(sender) => sender.is_closed(),
        }
    }
}
