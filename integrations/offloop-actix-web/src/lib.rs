//! Logs the requests of an [actix-web](actix_web) server: one record for each, whatever its end.
//!
//! ```no_run
//! use actix_web::{App, HttpServer, web};
//! use offloop_actix_web::{RequestLog, on_connect};
//!
//! async fn hello() -> &'static str {
//!     offloop::request::add("greeting", "plain");
//!     "hello"
//! }
//!
//! # async fn serve() -> std::io::Result<()> {
//! let requests = RequestLog::new();
//! let app = move || App::new().route("/hello", web::get().to(hello)).wrap(requests.clone());
//! let server = HttpServer::new(app).on_connect(on_connect).h1_allow_half_closed(false);
//! server.bind("127.0.0.1:8080")?.run().await
//! # }
//! ```
//!
//! The middleware writes through `tracing`, to the subscriber that [`offloop::init`] installs. What
//! the record says, its level and its names are chosen by [`Options`](offloop::request::Options).
//!
//! # Where to put it
//!
//! Last, as the outermost `wrap` of the `App`: it then sees what all other middlewares answer, and
//! counts what `Compress` makes of a body. Wrapped around a scope, it logs the requests of that scope.
//!
//! # What happens when
//!
//! - **A request arrives.** Its id is `x-request-id`, if that is harmless, else a new one; its trace
//!   is continued from `traceparent` and `tracestate`. Its route, such as `/users/{id}`, is known
//!   already; if guards choose another one, the response says so. A path without a route has none.
//! - **The handler works.** Each poll runs within the request: all that is logged carries its ids,
//!   and `offloop::request::add` finds it. Handlers may ask for it, too, as [`CurrentRequest`] or as
//!   `web::ReqData<RequestContext>`. Into tasks it goes by
//!   [`InRequest`](offloop::request::InRequest), into threads and `web::block` by
//!   [`carry`](offloop::request::carry). The bytes of the request's body are counted where the handler
//!   reads them; a client that breaks its upload off is told from one whose request is bad.
//! - **The head is ready.** The response gets `x-request-id` and `traceresponse`. The error behind it
//!   goes into the record, unless the handler has added one.
//! - **A middleware gives an error** instead of a response. actix-web makes a response of it, and that
//!   is followed to its end like any other. With a status of 5xx, the outcome is `service_error`.
//! - **The body ends**, fails, falls short of its declared length, or is dropped: that is the
//!   request's end, and then its record is written. A WebSocket's session is its request's body:
//!   the record says how long it lasted, and how many bytes went each way.
//! - **A handler or a body panics.** The record says so, with the panic's message. By default the panic
//!   goes on, and closes the connection as it does in actix-web; with [`RequestLog::catch_panics`]
//!   a handler's is answered with 500.
//! - **A time limit or a limit of load answers.** It looks like any other answer, unless its author
//!   says what it is: `request.decide(Outcome::Timeout)`.
//! - **The client goes away.** The outcome is `client_disconnect`, or `stream_reset` where HTTP/2 gives
//!   up a single request.
//! - **The server shuts down.** What is still under way after `HttpServer::shutdown_timeout` is
//!   dropped, and so is a client's connection: tell one from the other by
//!   [`begin_shutdown`](offloop::request::begin_shutdown) in the future that is given to
//!   `HttpServer::shutdown_signal`, as the example `server.rs` does. The outcome of whatever is dropped from
//!   then on is `server_shutdown`.
//!
//! # What cannot be seen, and why
//!
//! - **Who went away, without [`on_connect`]:** a request that is dropped then is `cancelled`. The same
//!   holds where a task keeps an `HttpRequest` beyond its handler's end, since that holds on to
//!   the connection's data.
//! - **A client that closes its connection while a handler works**, by default: it might have closed
//!   its sending half only and wait for its answer, so actix-web lets the handler run on, and the
//!   outcome is the handler's. `HttpServer::h1_allow_half_closed(false)` has the handler dropped at
//!   once. A reset is seen either way.
//! - **A reset of HTTP/2 while a handler works:** actix-web lets the handler run on. It is seen when the
//!   response cannot be sent: `stream_reset`, with the status that was not. A response without a body
//!   is `completed`.
//! - **A gRPC status in trailers:** actix-web sends none. Calls that fail in their head are seen.
//! - **Requests that actix-web itself refuses**, such as malformed, overlong or late heads: they reach
//!   no middleware.
//! - **Connections:** actix-web shows one when it is accepted, and never again. There are no records of
//!   them.
//! - **What arrived:** a response is complete when all of it was handed to the transport.

mod layer;
mod service;

mod future;
mod life;

mod body;
mod error;

mod connection;
mod extract;
mod headers;

pub use body::ResponseBody;
pub use connection::on_connect;
pub use extract::CurrentRequest;
pub use future::ResponseFuture;
pub use layer::RequestLog;
pub use service::RequestLogService;
