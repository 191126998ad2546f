//! The service that the tests ask: a route for each way in which a request can go.
//!
//! The last segment of each path is the test's own, so that it finds its records.

use std::collections::HashMap;
use std::future::{Ready, pending, poll_fn};
use std::io;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody, SizedStream};
use actix_web::dev::{HttpServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::error::{
    ErrorGatewayTimeout, ErrorServiceUnavailable, ErrorUnauthorized, InternalError,
};
use actix_web::http::StatusCode;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{self, Bytes, Path, ReqData, ServiceConfig};
use actix_web::{Error, HttpRequest, HttpResponse, guard, rt};
use futures_util::stream::{self, Stream, StreamExt};
use offloop::request::{InRequest, Outcome, RequestContext, RequestId, carry};
use offloop_actix_web::CurrentRequest;
use tokio::sync::Semaphore;

pub(crate) fn configure(service: &mut ServiceConfig) {
    service
        .route("/fixed/{test}", web::to(async || "hello"))
        .route("/empty/{status}/{test}", web::to(empty))
        .route("/stream/{test}", web::get().to(streamed))
        .route("/declared/{test}", web::get().to(async || sized(10, 10)))
        .route("/promised/{test}", web::get().to(promised))
        .route("/promised-nothing/{test}", web::get().to(promised_nothing))
        .route("/short/{test}", web::get().to(async || sized(10, 4)))
        .route("/broken/{test}", web::get().to(broken))
        .route("/endless/{test}", web::get().to(endless))
        .route("/stalled/{test}", web::get().to(stalled))
        .route("/events/{test}", web::get().to(events))
        .route("/body-panic/{test}", web::get().to(body_panic))
        .route("/panic/{test}", web::get().to(panicking))
        .route("/fail/{test}", web::get().to(fail))
        .route("/explained/{test}", web::get().to(explained))
        .route("/held/{test}", web::to(held))
        .route("/upload/{test}", web::post().to(upload))
        .route("/upload-watched/{test}", web::post().to(watched_upload))
        .route("/unread/{test}", web::post().to(async || "not asked for"))
        .route("/ws/{test}", web::get().to(echo))
        .route("/added/{test}", web::get().to(added))
        .route("/kept/{test}", web::get().to(kept))
        .route("/refused-call/{test}", web::post().to(refused_call))
        .route("/calls/{count}", web::get().to(calls))
        .service(
            web::scope("/users").route("/{user}/orders/{test}", web::get().to(async || "orders")),
        )
        .route(
            "/choice/{chosen}",
            web::get()
                .guard(guard::Header("x-choice", "1"))
                .to(async || "chosen"),
        )
        .route("/{any:choice}/{other}", web::get().to(async || "other"))
        .service(web::scope("/panic-in-call").wrap_fn(|_, _| panic_in_call()))
        .service(scope("/refused", async |_, _| {
            Err(ErrorUnauthorized("no ticket"))
        }))
        .service(scope("/overloaded", async |_, _| {
            Err(ErrorServiceUnavailable("no room"))
        }))
        .service(scope("/replaced", async |_, _| {
            Err(ErrorServiceUnavailable("no room"))
        }))
        .service(scope("/timeout", time_out))
        .service(scope("/limited", async |request, _| Ok(limit(request))));
}

/// A scope with a middleware, around a handler that never answers.
fn scope<F>(path: &str, middleware: F) -> impl HttpServiceFactory + use<F>
where
    F: AsyncFn(ServiceRequest, Next<BoxBody>) -> Result<ServiceResponse, Error> + Clone + 'static,
{
    web::scope(path)
        .wrap(from_fn(move |request, next| {
            let middleware = middleware.clone();
            async move { middleware(request, next).await }
        }))
        .route("/{test}", web::get().to(pending::<HttpResponse>))
}

/// A middleware outside of all others, which does not take an error for an answer.
pub(crate) async fn replace_errors(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let is_replaced = request.path().starts_with("/replaced");
    let result = next.call(request).await;
    if is_replaced && result.is_err() {
        return Err(InternalError::new("all is well", StatusCode::OK).into());
    }
    result
}

fn panic_in_call() -> Ready<Result<ServiceResponse, Error>> {
    panic!("struck in the handler")
}

async fn time_out(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse, Error> {
    let in_time = tokio::time::timeout(Duration::from_millis(1), next.call(request));
    in_time.await.unwrap_or_else(|late| {
        decide(Outcome::Timeout);
        Err(ErrorGatewayTimeout(late))
    })
}

fn limit(request: ServiceRequest) -> ServiceResponse {
    decide(Outcome::Rejected);
    request.into_response(HttpResponse::ServiceUnavailable().body("come back later"))
}

fn decide(outcome: Outcome) {
    if let Some(request) = RequestContext::current() {
        request.decide(outcome);
    }
}

async fn empty(path: Path<(u16, String)>) -> HttpResponse {
    HttpResponse::build(StatusCode::from_u16(path.0).unwrap()).finish()
}

fn chunks(chunks: &[&'static str]) -> impl Stream<Item = io::Result<Bytes>> + use<> {
    let chunks = chunks
        .iter()
        .map(|chunk| Ok(Bytes::from_static(chunk.as_bytes())));
    stream::iter(chunks.collect::<Vec<_>>())
}

async fn streamed() -> HttpResponse {
    HttpResponse::Ok().streaming(chunks(&["one", "two", "three"]))
}

/// A last item that lets actix-web send what is before it.
fn later<T>(item: impl FnOnce() -> T) -> impl Stream<Item = T> {
    stream::once(async {
        rt::task::yield_now().await;
        item()
    })
}

/// A body of `declared` bytes that ends after `real` ones.
fn sized(declared: u64, real: usize) -> HttpResponse {
    let chunk = Bytes::from(vec![b'x'; real]);
    let empty = later(|| Ok::<_, Error>(Bytes::new()));
    let chunks = stream::iter([Ok(chunk)]).chain(empty);
    HttpResponse::Ok().body(SizedStream::new(declared, chunks))
}

/// A stream whose length the handler promises by a header.
async fn promised() -> HttpResponse {
    HttpResponse::Ok()
        .no_chunking(6)
        .streaming(chunks(&["pro", "mis"]))
}

/// The same of a stream that sends nothing.
async fn promised_nothing() -> HttpResponse {
    HttpResponse::Ok().no_chunking(0).streaming(chunks(&[]))
}

async fn broken() -> HttpResponse {
    let broken = later(|| Err(io::Error::other("the disk is gone")));
    HttpResponse::Ok().streaming(chunks(&["half"]).chain(broken))
}

async fn endless() -> HttpResponse {
    let chunk = Bytes::from(vec![b'x'; 10_000]);
    HttpResponse::Ok().streaming(stream::repeat_with(move || Ok::<_, Error>(chunk.clone())))
}

/// Says where it is dropped.
struct Witness;

impl Drop for Witness {
    fn drop(&mut self) {
        tracing::info!("body dropped");
    }
}

async fn stalled() -> HttpResponse {
    let witness = Witness;
    let words = chunks(&["begun"]).chain(stream::pending());
    HttpResponse::Ok().streaming(words.inspect(move |_| _ = &witness))
}

async fn events(request: HttpRequest) -> HttpResponse {
    let last = request.headers().get("last-event-id");
    let first = last.map_or(0, |last| 1 + last.to_str().unwrap().parse::<u32>().unwrap());
    let events = stream::iter(first..3).map(|id| {
        tracing::info!(id, "event");
        Ok::<_, Error>(Bytes::from(format!("id: {id}\ndata: news\n\n")))
    });
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .streaming(events)
}

async fn body_panic() -> HttpResponse {
    let panicking = later(|| panic!("struck in the body"));
    HttpResponse::Ok().streaming(chunks(&["half"]).chain(panicking))
}

async fn panicking() -> HttpResponse {
    rt::task::yield_now().await;
    panic!("struck in the handler")
}

async fn fail() -> Result<HttpResponse, io::Error> {
    Err(io::Error::other("the database is gone"))
}

/// Fails, and says more of it than the error that actix-web sees.
async fn explained() -> Result<HttpResponse, io::Error> {
    offloop::request::add_error(&io::Error::other("the pool has no connection"));
    fail().await
}

/// Answers once the test opens its gate.
async fn held(test: Path<String>) -> &'static str {
    let _permit = gate(&test).acquire_owned().await.unwrap();
    "at last"
}

pub(crate) fn gate(test: &str) -> Arc<Semaphore> {
    static GATES: OnceLock<Mutex<HashMap<String, Arc<Semaphore>>>> = OnceLock::new();
    let mut gates = GATES.get_or_init(Default::default).lock().unwrap();
    let closed = || Arc::new(Semaphore::new(0));
    Arc::clone(gates.entry(test.to_owned()).or_insert_with(closed))
}

async fn upload(body: Bytes) -> String {
    format!("{} bytes", body.len())
}

/// Opens the gate `upload waits` when it has read a part of its body and has to wait for more.
async fn watched_upload(mut payload: web::Payload) -> &'static str {
    let mut has_part = false;
    poll_fn(|context| {
        loop {
            match payload.poll_next_unpin(context) {
                Poll::Ready(Some(_part)) => has_part = true,
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => {
                    gate("upload waits").add_permits(has_part.into());
                    return Poll::Pending;
                }
            }
        }
    })
    .await;
    "all of it"
}

async fn echo(request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Error> {
    let (response, mut session, mut messages) = actix_ws::handle(&request, payload)?;
    let talk = async move {
        while let Some(Ok(message)) = messages.recv().await {
            match message {
                actix_ws::Message::Text(text) => {
                    tracing::info!("echoing");
                    session.text(text).await.unwrap();
                }
                _ => break,
            }
        }
        let _ = session.close(None).await;
    };
    rt::spawn(talk.in_request());
    Ok(response)
}

/// Adds fields by every way there is.
async fn added(
    request: CurrentRequest,
    data: ReqData<RequestContext>,
    id: ReqData<RequestId>,
) -> String {
    request.add("by.extractor", 1);
    data.add("by.extension", 2);
    offloop::request::add("by.function", 3);
    rt::spawn(async { offloop::request::add("by.task", 4) }.in_request())
        .await
        .unwrap();
    web::block(carry(|| offloop::request::add("by.thread", 5)))
        .await
        .unwrap();
    assert_eq!(*id, *request.id());
    tracing::info!("within");
    id.to_string()
}

/// Begins a stream without an end, and leaves the request with a task that outlives it.
async fn kept(request: HttpRequest, test: Path<String>) -> HttpResponse {
    rt::spawn(async move {
        let _permit = gate(&test).acquire_owned().await;
        drop(request);
    });
    stalled().await
}

/// A call of gRPC that fails before its first message: its status is among the headers.
async fn refused_call() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("content-type", "application/grpc"))
        .insert_header(("grpc-status", "5"))
        .finish()
}

/// Makes so many calls to other services, and answers with the headers that these get.
async fn calls(
    count: Path<usize>,
    request: CurrentRequest,
) -> web::Json<Vec<Vec<(String, String)>>> {
    let calls = (0..*count).map(|_| {
        let mut sent = Vec::new();
        request.send_on(|name, value| {
            sent.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        });
        sent
    });
    web::Json(calls.collect())
}
