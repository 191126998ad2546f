//! The service that the tests ask: the routes of the shared tests, in Rocket's words.

use std::fmt;
use std::future::pending;
use std::io::{self, Cursor};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use offloop::request::Outcome;
use offloop_rocket::{CurrentRequest, RequestFairing, logged};
use rocket::config::{LogLevel, Shutdown};
use rocket::data::{Data, IoHandler, IoStream, ToByteUnit};
use rocket::fairing::AdHoc;
use rocket::futures::{Stream, StreamExt, stream};
use rocket::http::Status;
use rocket::response::stream::{ByteStream, Event, EventStream};
use rocket::response::{Responder, Response};
use rocket::{Config, Request, Route, async_trait, get, post, response, routes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::sync::{Semaphore, oneshot};

use crate::server::{context, log};

/// Serves all routes, seen by the fairing.
pub(crate) async fn serve() -> SocketAddr {
    run(logged(routes())).await
}

/// As [`serve`], with handlers that do not work within their requests.
pub(crate) async fn serve_outside() -> SocketAddr {
    run(routes()).await
}

async fn run(routes: Vec<Route>) -> SocketAddr {
    log::start();
    let config = Config {
        address: [127, 0, 0, 1].into(),
        port: 0,
        log_level: LogLevel::Off,
        shutdown: Shutdown {
            ctrlc: false,
            ..Shutdown::default()
        },
        ..Config::debug_default()
    };
    let (sender, port) = oneshot::channel();
    let sender = Mutex::new(Some(sender));
    let tell = AdHoc::on_liftoff("tells its port", move |rocket| {
        let sender = sender.lock().unwrap().take().unwrap();
        sender.send(rocket.config().port).unwrap();
        Box::pin(async {})
    });
    let rocket = rocket::custom(config).mount("/", routes).attach(tell);
    tokio::spawn(rocket.attach(RequestFairing::new()).launch());
    ([127, 0, 0, 1], port.await.unwrap()).into()
}

fn routes() -> Vec<Route> {
    routes![
        user,
        nothing,
        streamed,
        declared,
        declared_nothing,
        waits,
        patient,
        endless,
        upload,
        fails,
        panics,
        panics_late,
        fails_late,
        short,
        times_out,
        busy,
        events,
        upgrade,
        calls
    ]
}

#[get("/users/<id>")]
fn user(id: &str) -> &'static str {
    tracing::info!(id, "asked for");
    offloop::request::add("user.id", id);
    "ada"
}

#[get("/nothing")]
fn nothing() -> Status {
    Status::NoContent
}

#[get("/stream")]
fn streamed() -> ByteStream<impl Stream<Item = &'static str>> {
    ByteStream(stream::iter(["one", "two", "three"]))
}

/// A body that declares a length.
struct Declared<R> {
    length: &'static str,
    body: R,
}

impl<'r, 'o: 'r, R: AsyncRead + Send + 'o> Responder<'r, 'o> for Declared<R> {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'o> {
        let response = Response::build()
            .raw_header("content-length", self.length)
            .finalize();
        let mut response = response;
        response.set_streamed_body(self.body);
        Ok(response)
    }
}

/// A body that declares none.
struct Streamed<R>(R);

impl<'r, 'o: 'r, R: AsyncRead + Send + 'o> Responder<'r, 'o> for Streamed<R> {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'o> {
        Ok(Response::build().streamed_body(self.0).finalize())
    }
}

#[get("/declared")]
fn declared() -> Declared<Cursor<&'static str>> {
    Declared {
        length: "11",
        body: Cursor::new("onetwothree"),
    }
}

#[get("/declared-nothing")]
fn declared_nothing() -> Declared<tokio::io::Empty> {
    Declared {
        length: "0",
        body: tokio::io::empty(),
    }
}

#[get("/short")]
fn short() -> Declared<Cursor<&'static str>> {
    Declared {
        length: "10",
        body: Cursor::new("one"),
    }
}

#[get("/waits")]
async fn waits() {
    pending::<()>().await;
}

/// For this the handler of `/patient` waits.
pub(crate) static PATIENCE: Semaphore = Semaphore::const_new(0);

#[get("/patient")]
async fn patient() -> ByteStream<impl Stream<Item = &'static str>> {
    PATIENCE.acquire().await.unwrap().forget();
    ByteStream(again_and_again())
}

/// Says where it is dropped.
struct Witness;

impl Drop for Witness {
    fn drop(&mut self) {
        tracing::info!("body dropped");
    }
}

#[get("/endless")]
fn endless() -> ByteStream<impl Stream<Item = &'static str>> {
    let witness = Witness;
    ByteStream(again_and_again().inspect(move |_| _ = &witness))
}

fn again_and_again() -> impl Stream<Item = &'static str> {
    stream::repeat("one").then(|word| async move {
        tokio::time::sleep(Duration::from_millis(1)).await;
        word
    })
}

#[post("/upload", data = "<data>")]
async fn upload(data: Data<'_>) -> Result<String, Status> {
    match data.open(1.mebibytes()).into_bytes().await {
        Ok(bytes) => Ok(bytes.len().to_string()),
        Err(_) => Err(Status::BadRequest),
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

#[get("/fails")]
fn fails() -> Status {
    offloop::request::add_error(&NoAnswer(io::Error::other("no database")));
    Status::InternalServerError
}

#[get("/panics")]
fn panics() -> &'static str {
    panic!("on purpose");
}

/// A reader that panics.
struct Panics;

impl AsyncRead for Panics {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        panic!("on purpose, later");
    }
}

#[get("/panics-late")]
fn panics_late() -> Streamed<impl AsyncRead + Send> {
    Streamed(Cursor::new("one").chain(Panics))
}

/// A reader that fails.
struct Fails;

impl AsyncRead for Fails {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::other("lost")))
    }
}

#[get("/fails-late")]
fn fails_late() -> Streamed<impl AsyncRead + Send> {
    Streamed(Cursor::new("one").chain(Fails))
}

#[get("/times-out")]
async fn times_out(request: CurrentRequest) -> Status {
    let answer = tokio::time::timeout(Duration::from_millis(1), pending::<Status>());
    answer.await.unwrap_or_else(|_| {
        request.decide(Outcome::Timeout);
        Status::GatewayTimeout
    })
}

#[get("/busy")]
fn busy(request: CurrentRequest) -> Status {
    request.decide(Outcome::Rejected);
    Status::ServiceUnavailable
}

#[get("/events")]
fn events() -> EventStream<impl Stream<Item = Event>> {
    EventStream::from(stream::iter(["one", "two"]).map(Event::data))
}

/// A protocol that echoes one word.
struct Echo;

#[async_trait]
impl IoHandler for Echo {
    async fn io(self: Pin<Box<Self>>, mut io: IoStream) -> io::Result<()> {
        let mut word = [0; 4];
        io.read_exact(&mut word).await?;
        io.write_all(&word).await?;
        // The client closes the connection.
        assert_eq!(io.read(&mut word).await?, 0);
        Ok(())
    }
}

struct Upgrade;

impl<'r> Responder<'r, 'r> for Upgrade {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'r> {
        Ok(Response::build().upgrade("echo", Echo).finalize())
    }
}

#[get("/upgrade")]
fn upgrade() -> Upgrade {
    Upgrade
}

#[get("/calls/<number>")]
fn calls(number: usize, request: CurrentRequest) -> String {
    context::told(request.trace(), number)
}
