//! The service that the tests ask: the routes of the shared tests, in salvo's words.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http_body::Frame;
use offloop::request::{Outcome, RequestContext};
use offloop_salvo::RequestHoop;
use rcgen::{CertifiedKey, KeyPair};
use salvo_core::conn::Acceptor;
use salvo_core::conn::rustls::{Keycert, RustlsConfig};
use salvo_core::http::body::BytesFrame;
use salvo_core::http::mime::TEXT_PLAIN;
use salvo_core::http::{HeaderMap, HeaderValue, ResBody};
use salvo_core::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::server::{context, log};

/// Serves all routes, seen by the hoop.
pub(crate) async fn serve() -> SocketAddr {
    serve_with(RequestHoop::new()).await
}

/// As [`serve`], with this hoop.
pub(crate) async fn serve_with(requests: RequestHoop) -> SocketAddr {
    let listener = requests.listener(TcpListener::new("127.0.0.1:0"));
    run(listener, Service::new(routes()).hoop(requests)).await
}

/// As [`serve`], encrypted.
pub(crate) async fn serve_tls(certified: &CertifiedKey<KeyPair>) -> SocketAddr {
    let requests = RequestHoop::new();
    let certificate = Keycert::new()
        .cert(certified.cert.pem())
        .key(certified.signing_key.serialize_pem());
    let encrypted = TcpListener::new("127.0.0.1:0").rustls(RustlsConfig::new(certificate));
    let listener = requests.listener(encrypted);
    run(listener, Service::new(routes()).hoop(requests)).await
}

/// As [`serve`], with connections that the hoop does not see.
pub(crate) async fn serve_unseen() -> SocketAddr {
    let service = Service::new(routes()).hoop(RequestHoop::new());
    run(TcpListener::new("127.0.0.1:0"), service).await
}

/// As [`serve`], where a response must be plain text.
pub(crate) async fn serve_text_only() -> SocketAddr {
    let service = Service::new(routes()).hoop(RequestHoop::new());
    let service = service.allowed_media_types(vec![TEXT_PLAIN]);
    run(TcpListener::new("127.0.0.1:0"), service).await
}

async fn run<L>(listener: L, service: Service) -> SocketAddr
where
    L: Listener<Acceptor: Acceptor + 'static> + 'static,
{
    log::start();
    let acceptor = listener.bind().await;
    let address = acceptor.holdings()[0].local_addr.clone();
    tokio::spawn(Server::new(acceptor).serve(service));
    address.into_std().unwrap()
}

fn routes() -> Router {
    let users = Router::with_path("users").push(Router::with_path("{id}").goal(user));
    let timed = Router::with_path("times-out").hoop(time_limit).get(waits);
    Router::new()
        .push(users)
        .push(Router::with_path("nothing").get(nothing))
        .push(Router::with_path("stream").get(streamed))
        .push(Router::with_path("declared").goal(declared))
        .push(Router::with_path("declared-nothing").get(declared_nothing))
        .push(Router::with_path("waits").get(waits))
        .push(Router::with_path("endless").get(endless))
        .push(Router::with_path("upload").post(upload))
        .push(Router::with_path("fails").get(fails))
        .push(Router::with_path("panics").get(panics))
        .push(Router::with_path("panics-late").get(panics_late))
        .push(Router::with_path("fails-late").get(fails_late))
        .push(Router::with_path("short").get(short))
        .push(timed)
        .push(Router::with_path("busy").get(busy))
        .push(Router::with_path("events").get(events))
        .push(Router::with_path("upgrade").get(upgrade))
        .push(Router::with_path("echo.Echo/Say").post(say))
        .push(Router::with_path("echo.Echo/Forget").post(forget))
        .push(Router::with_path("calls/{number}").get(calls))
}

#[handler]
async fn user(http: &mut Request) -> &'static str {
    let id: String = http.param("id").unwrap();
    tracing::info!(id, "asked for");
    offloop::request::add("user.id", id.as_str());
    "ada"
}

#[handler]
async fn nothing() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// A body of these parts, without a declared length.
fn body_of(parts: &'static [&'static str]) -> ResBody {
    ResBody::stream(words(parts))
}

fn words(parts: &'static [&'static str]) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::iter(parts).map(|part| Ok(Bytes::from_static(part.as_bytes())))
}

#[handler]
async fn streamed(response: &mut Response) {
    response.body(body_of(&["one", "two", "three"]));
}

fn declare(response: &mut Response, name: &'static str, value: &'static str) {
    let value = HeaderValue::from_static(value);
    response.headers_mut().insert(name, value);
}

#[handler]
async fn declared(response: &mut Response) {
    declare(response, "content-length", "11");
    response.body(body_of(&["one", "two", "three"]));
}

#[handler]
async fn declared_nothing(response: &mut Response) {
    declare(response, "content-length", "0");
    response.body(body_of(&[]));
}

#[handler]
async fn waits() {
    let _witness = Witness("handler dropped");
    std::future::pending::<()>().await;
}

/// Says where it is dropped.
struct Witness(&'static str);

impl Drop for Witness {
    fn drop(&mut self) {
        tracing::info!("{}", self.0);
    }
}

/// Words that never end, with a witness.
fn endless_words() -> impl Stream<Item = io::Result<Bytes>> + Send {
    let witness = Witness("body dropped");
    let words = words(&["one"]).chain(stream::pending());
    words.inspect(move |_| _ = &witness)
}

#[handler]
async fn endless(response: &mut Response) {
    response.body(ResBody::stream(endless_words()));
}

#[handler]
async fn upload(http: &mut Request) -> Result<String, StatusError> {
    match http.payload().await {
        Ok(bytes) => Ok(bytes.len().to_string()),
        Err(_) => Err(StatusError::bad_request()),
    }
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
async fn fails() -> Result<(), StatusError> {
    let cause = NoAnswer(io::Error::other("no database"));
    Err(StatusError::internal_server_error().cause(cause))
}

#[handler]
async fn panics() {
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
async fn panics_late(response: &mut Response) {
    response.body(ResBody::stream(words(&["one"]).chain(Panics)));
}

#[handler]
async fn fails_late(response: &mut Response) {
    let failure = stream::iter([Err(io::Error::other("lost"))]);
    response.body(ResBody::stream(words(&["one"]).chain(failure)));
}

#[handler]
async fn short(response: &mut Response) {
    declare(response, "content-length", "10");
    response.body(body_of(&["one"]));
}

/// A time limit, as an application writes it in front of a handler.
#[handler]
async fn time_limit(
    http: &mut Request,
    depot: &mut Depot,
    response: &mut Response,
    flow: &mut FlowCtrl,
) {
    let handled = flow.call_next(http, depot, response);
    let handled = tokio::time::timeout(Duration::from_millis(1), handled).await;
    if handled.is_err() {
        context_of(depot).decide(Outcome::Timeout);
        response.render(StatusError::gateway_timeout());
        flow.skip_rest();
    }
}

fn context_of(depot: &Depot) -> &RequestContext {
    depot.get_typed::<RequestContext>().unwrap()
}

#[handler]
async fn busy(depot: &mut Depot) -> StatusCode {
    context_of(depot).decide(Outcome::Rejected);
    StatusCode::SERVICE_UNAVAILABLE
}

#[handler]
async fn events(response: &mut Response) {
    declare(response, "content-type", "text/event-stream");
    response.body(body_of(&["data: one\n\n", "data: two\n\n"]));
}

#[handler]
async fn upgrade(http: &mut Request, response: &mut Response) {
    let upgraded = http.extensions_mut().remove::<hyper::upgrade::OnUpgrade>();
    tokio::spawn(async move {
        let upgraded = upgraded.unwrap().await.unwrap();
        let mut io = hyper_util::rt::TokioIo::new(upgraded);
        let mut word = [0; 4];
        io.read_exact(&mut word).await.unwrap();
        io.write_all(&word).await.unwrap();
        // The client closes the connection.
        assert_eq!(io.read(&mut word).await.unwrap(), 0);
    });
    response.status_code(StatusCode::SWITCHING_PROTOCOLS);
    declare(response, "connection", "upgrade");
    declare(response, "upgrade", "echo");
}

fn grpc(response: &mut Response, frames: Vec<Frame<Bytes>>) {
    declare(response, "content-type", "application/grpc");
    let frames = frames.into_iter().map(BytesFrame).map(Ok::<_, Infallible>);
    response.body(ResBody::stream(stream::iter(frames)));
}

#[handler]
async fn say(response: &mut Response) {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", 5.into());
    let frames = vec![Frame::data("reply".into()), Frame::trailers(trailers)];
    grpc(response, frames);
}

#[handler]
async fn forget(response: &mut Response) {
    grpc(response, vec![Frame::data("reply".into())]);
}

#[handler]
async fn calls(http: &mut Request, depot: &mut Depot) -> String {
    let number: usize = http.param("number").unwrap();
    context::told(context_of(depot).trace(), number)
}
