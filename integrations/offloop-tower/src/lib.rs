//! A request's whole life, as one record: a layer for axum, hyper, tonic and warp.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use offloop_tower::{LoggedConnection, LoggedListener, RequestLayer};
//! use tokio::net::TcpListener;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let guard = offloop::builder().file("logs/app.jsonl").init()?;
//! let app = Router::new()
//!     .route("/users/{id}", get(|| async { "ada" }))
//!     .layer(RequestLayer::new()) // The last layer: it sees what all others answer.
//!     .into_make_service_with_connect_info::<LoggedConnection>();
//! let listener = LoggedListener::new(TcpListener::bind("127.0.0.1:8080").await?);
//! axum::serve(listener, app)
//!     .with_graceful_shutdown(offloop::shutdown_signal())
//!     .await?;
//! guard.shutdown_async(std::time::Duration::from_secs(5)).await;
//! # Ok(())
//! # }
//! ```
//!
//! What the record says, at which level, whose ids are believed, what is never logged: all that is
//! the same for every framework, and stands in [`offloop::request`]. Here is what is special about
//! tower.
//!
//! # What happens when
//!
//! ## A request arrives
//!
//! It gets an id and a place in a trace. Handlers find it as [`RequestContext`] in the request's
//! extensions, those of axum ask for [`CurrentRequest`], and whatever runs below them uses
//! [`offloop::request::add`]. Everything that is logged while the service works for it carries its
//! ids; no span is needed for that.
//!
//! ## The response's head is ready
//!
//! `x-request-id` and `traceresponse` are sent back. An answer that has no body by its nature (to
//! HEAD, 1xx, 204, 304), or whose body is empty, ends the request.
//!
//! ## The body comes to its end
//!
//! That is the end of the request: of a stream, of server-sent events, of a gRPC call with its
//! trailers. A body with a declared length ends where that is reached, since servers drop it there
//! unasked. `completed` says that all of it was handed to the transport; whether it has arrived,
//! nobody can know.
//!
//! ## The client goes away
//!
//! The server drops the response's future or its body. With [`LoggedListener`] or [`LoggedIo`] the
//! record says `client_disconnect` or, where the client gave up one stream of HTTP/2 and kept the
//! connection, `stream_reset`. Without them the reason cannot be known: `cancelled`. A client that
//! goes away while it sends is found, too, whatever the handler made of half a body.
//!
//! ## Something fails
//!
//! | what | outcome |
//! |---|---|
//! | the service gives an error | `service_error`, with the error |
//! | it panics | `panic`, with the message; the panic goes on, unless [`RequestLayer::catch_panic`] |
//! | its time is over | `timeout`, by [`RequestLayer::timeout`]; by another layer if [`DecideLayer`] or [`decide_by_error`] tell so |
//! | a limit refuses it | `rejected`, if they tell so |
//! | the body gives an error, or ends too early | `body_error`, `truncated` |
//!
//! ## The connection goes on with another protocol
//!
//! A WebSocket's request lasts as long as its connection, with the bytes of both directions, where
//! [`LoggedListener`] or [`LoggedIo`] see it; else the record is written with the head. A WebSocket
//! over HTTP/2 is a stream whose end nobody shows: there it is always the head.
//!
//! ## The connection ends
//!
//! See [`LoggedConnection`]: a record at DEBUG, and a warning for what was no request, or where the
//! handshake of TLS failed.
//!
//! # Where to put it
//!
//! Outermost, so that it sees what other layers answer.
//!
//! - **axum**: `Router::layer`, as the last call; it then knows the matched route. Around the whole
//!   `Router` it sees more (a rewritten path, say), and a [`RouteProbe`] inside tells it the route.
//! - **tonic**: `Server::builder().layer(RequestLayer::new())`. tonic's own time-out lies outside of
//!   it: a call that it ends is `cancelled`. With the feature `tonic`, [`LoggedIo`] goes into
//!   `serve_with_incoming`.
//! - **hyper**: around the service that goes into `TowerToHyperService`, see [`LoggedConnection`].
//! - **warp**: around `warp::service(filter)`, served by hyper.
//!
//! A layer within another one adds nothing but the route, so a nested router may have one, too.
//!
//! # What cannot be seen
//!
//! - With HTTP/1, a client that goes away while bytes of its next request lie in the server's buffer:
//!   hyper does not read on, and the handler runs to its end.
//! - With HTTP/2, an upload that is given up by `RST_STREAM(CANCEL)` looks to hyper like one that has
//!   ended. With a declared length it is found all the same.
//! - A malformed request over HTTP/2 closes its connection without a status.
//!
//! # Features
//!
//! - `axum`, by default: matched routes, [`CurrentRequest`], [`RouteProbe`], [`LoggedListener`].
//! - `tonic`: [`LoggedIo`] for its server, and the addresses of its clients.
//! - `tower`: the errors of tower's time-out and load shedding are recognised.
//!
//! [`RequestContext`]: offloop::request::RequestContext

mod layer;
mod service;

mod body;
mod future;
mod life;

mod connection;
mod decide;
mod error;
#[cfg(feature = "axum")]
mod extract;
mod headers;
mod outgoing;
mod peer;
mod route;

pub use body::{RequestBody, ResponseBody};
#[cfg(feature = "axum")]
pub use connection::LoggedListener;
pub use connection::{LoggedConnection, LoggedIo, OfConnection};
pub use decide::{DecideFuture, DecideLayer, DecideService};
pub use error::decide_by_error;
#[cfg(feature = "axum")]
pub use extract::{CurrentRequest, NoRequestLayer};
pub use future::RequestFuture;
pub use layer::RequestLayer;
pub use outgoing::{PropagateLayer, PropagateService, outgoing_headers};
#[cfg(feature = "axum")]
pub use route::{RouteProbe, RouteProbeService};
pub use service::RequestService;
