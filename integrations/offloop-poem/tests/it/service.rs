//! The service that the tests ask: the routes of the shared tests, in poem's words.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use offloop::request::{Outcome, RequestContext};
use offloop_poem::RequestMiddleware;
use poem::http::{HeaderMap, StatusCode};
use poem::listener::{Acceptor, Listener, RustlsCertificate, RustlsConfig, TcpListener};
use poem::web::{Data, Path};
use poem::{Body, Endpoint, EndpointExt, Request, Response, Route, Server, get, handler, post};
use rcgen::{CertifiedKey, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use crate::server::{context, log};

/// Serves all routes, seen by the middleware.
pub(crate) async fn serve() -> SocketAddr {
    serve_with(RequestMiddleware::new()).await
}

/// As [`serve`], with this middleware.
pub(crate) async fn serve_with(requests: RequestMiddleware) -> SocketAddr {
    let listener = requests.listener(TcpListener::bind("127.0.0.1:0"));
    run(listener, requests).await
}

/// As [`serve`], encrypted.
pub(crate) async fn serve_tls(certified: &CertifiedKey<KeyPair>) -> SocketAddr {
    let requests = RequestMiddleware::new();
    let certificate = RustlsCertificate::new()
        .cert(certified.cert.pem())
        .key(certified.signing_key.serialize_pem());
    let encrypted = RustlsConfig::new().fallback(certificate);
    let listener = TcpListener::bind("127.0.0.1:0").rustls(encrypted);
    run(requests.listener(listener), requests).await
}

/// As [`serve`], with connections that the middleware does not see.
pub(crate) async fn serve_unseen() -> SocketAddr {
    run(TcpListener::bind("127.0.0.1:0"), RequestMiddleware::new()).await
}

async fn run<L: Listener + 'static>(listener: L, requests: RequestMiddleware) -> SocketAddr {
    log::start();
    let acceptor = listener.into_acceptor().await.unwrap();
    let address = *acceptor.local_addr()[0].as_socket_addr().unwrap();
    tokio::spawn(Server::new_with_acceptor(acceptor).run(routes().with(requests)));
    address
}

fn routes() -> Route {
    let timed = poem::endpoint::make(|_| std::future::pending::<()>()).around(with_time_limit);
    let inner = Route::new().at("/:id", get(user));
    Route::new()
        .nest("/users", inner)
        .at("/nothing", get(nothing))
        .at("/stream", get(streamed))
        .at("/declared", get(declared))
        .at("/declared-nothing", get(declared_nothing))
        .at("/waits", get(waits))
        .at("/patient", get(patient))
        .at("/endless", get(endless))
        .at("/upload", post(upload))
        .at("/fails", get(fails))
        .at("/panics", get(panics))
        .at("/panics-late", get(panics_late))
        .at("/fails-late", get(fails_late))
        .at("/short", get(short))
        .at("/times-out", timed)
        .at("/busy", get(busy))
        .at("/events", get(events))
        .at("/upgrade", get(upgrade))
        .at("/echo.Echo/Say", post(say))
        .at("/echo.Echo/Forget", post(forget))
        .at("/calls/:number", get(calls))
}

#[handler]
fn user(Path(id): Path<String>) -> &'static str {
    tracing::info!(id, "asked for");
    offloop::request::add("user.id", id.as_str());
    "ada"
}

#[handler]
fn nothing() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// A body of these parts, without a declared length.
fn body_of(parts: &'static [&'static str]) -> Body {
    Body::from_bytes_stream(words(parts))
}

fn words(parts: &'static [&'static str]) -> impl Stream<Item = io::Result<Bytes>> {
    stream::iter(parts).map(|part| Ok(Bytes::from_static(part.as_bytes())))
}

#[handler]
fn streamed() -> Body {
    body_of(&["one", "two", "three"])
}

#[handler]
fn declared() -> Response {
    let response = Response::builder().header("content-length", 11);
    response.body(body_of(&["one", "two", "three"]))
}

#[handler]
fn declared_nothing() -> Response {
    let response = Response::builder().header("content-length", 0);
    response.body(body_of(&[]))
}

#[handler]
async fn waits() {
    let _witness = Witness("handler dropped");
    std::future::pending::<()>().await;
}

/// For this the handler of `/patient` waits.
pub(crate) static PATIENCE: Notify = Notify::const_new();

#[handler]
async fn patient() -> &'static str {
    PATIENCE.notified().await;
    "at last"
}

/// Says where it is dropped.
struct Witness(&'static str);

impl Drop for Witness {
    fn drop(&mut self) {
        tracing::info!("{}", self.0);
    }
}

/// Words that never end, with a witness.
fn endless_words() -> impl Stream<Item = io::Result<Bytes>> {
    let witness = Witness("body dropped");
    let words = words(&["one"]).chain(stream::pending());
    words.inspect(move |_| _ = &witness)
}

#[handler]
fn endless() -> Body {
    Body::from_bytes_stream(endless_words())
}

#[handler]
async fn upload(body: Body) -> poem::Result<String> {
    let bytes = body.into_bytes().await?;
    Ok(bytes.len().to_string())
}

/// An error with a cause.
#[derive(Debug)]
struct NoAnswer(io::Error);

impl fmt::Display for NoAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("no answer")
    }
}

impl std::error::Error for NoAnswer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[handler]
fn fails() -> poem::Result<()> {
    let cause = io::Error::other("no database");
    Err(poem::error::InternalServerError(NoAnswer(cause)))
}

#[handler]
fn panics() -> &'static str {
    panic!("on purpose");
}

/// A stream that panics when it is asked.
struct Panics;

impl Stream for Panics {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        panic!("on purpose, later");
    }
}

#[handler]
fn panics_late() -> Body {
    Body::from_bytes_stream(words(&["one"]).chain(Panics))
}

#[handler]
fn fails_late() -> Body {
    let failure = stream::iter([Err(io::Error::other("lost"))]);
    Body::from_bytes_stream(words(&["one"]).chain(failure))
}

#[handler]
fn short() -> Response {
    let response = Response::builder().header("content-length", 10);
    response.body(body_of(&["one"]))
}

/// A time limit, as an application writes it around an endpoint.
async fn with_time_limit(
    endpoint: std::sync::Arc<impl Endpoint<Output = ()>>,
    request: Request,
) -> poem::Result<()> {
    let answer = tokio::time::timeout(Duration::from_millis(1), endpoint.call(request));
    match answer.await {
        Ok(answer) => answer,
        Err(_) => {
            if let Some(request) = RequestContext::current() {
                request.decide(Outcome::Timeout);
            }
            Err(StatusCode::GATEWAY_TIMEOUT.into())
        }
    }
}

#[handler]
fn busy(request: Data<&RequestContext>) -> StatusCode {
    request.decide(Outcome::Rejected);
    StatusCode::SERVICE_UNAVAILABLE
}

#[handler]
fn events() -> Response {
    let response = Response::builder().content_type("text/event-stream");
    response.body(body_of(&["data: one\n\n", "data: two\n\n"]))
}

#[handler]
fn upgrade(request: &Request) -> poem::Result<Response> {
    let upgrade = request.take_upgrade()?;
    tokio::spawn(async move {
        let mut io = upgrade.await.unwrap();
        let mut word = [0; 4];
        io.read_exact(&mut word).await.unwrap();
        io.write_all(&word).await.unwrap();
        // The client closes the connection.
        assert_eq!(io.read(&mut word).await.unwrap(), 0);
    });
    let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    let response = response
        .header("connection", "upgrade")
        .header("upgrade", "echo");
    Ok(response.finish())
}

fn grpc(frames: Vec<Frame<Bytes>>) -> Response {
    let body = StreamBody::new(stream::iter(frames.into_iter().map(io::Result::Ok)));
    let response = Response::builder().content_type("application/grpc");
    response.body(BodyExt::boxed(body))
}

#[handler]
fn say() -> Response {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", 5.into());
    grpc(vec![Frame::data("reply".into()), Frame::trailers(trailers)])
}

#[handler]
fn forget() -> Response {
    grpc(vec![Frame::data("reply".into())])
}

#[handler]
fn calls(Path(number): Path<usize>, request: Data<&RequestContext>) -> String {
    context::told(request.trace(), number)
}
