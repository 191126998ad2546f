//! Logs the requests of a [salvo](salvo_core) server: one record for each, whatever its end.
//!
//! ```no_run
//! use offloop_salvo::RequestHoop;
//! use salvo_core::prelude::*;
//!
//! #[handler]
//! async fn hello() -> &'static str {
//!     offloop::request::add("greeting", "plain");
//!     "hello"
//! }
//!
//! # async fn serve() {
//! let requests = RequestHoop::new();
//! let listener = requests.listener(TcpListener::new("127.0.0.1:8080"));
//! let router = Router::with_path("hello/{name}").get(hello);
//! let service = Service::new(router).hoop(requests);
//! Server::new(listener.bind().await).serve(service).await;
//! # }
//! ```
//!
//! The hoop writes through `tracing`, to the subscriber that [`offloop::init`] installs. What the
//! record says, its level and its names are chosen by [`Options`](offloop::request::Options).
//!
//! # Where to put it
//!
//! First of the hoops of the [`Service`](salvo_core::Service): it then sees what all others answer,
//! and requests that no route matches.
//!
//! # What happens when
//!
//! - **A request arrives.** Its id is `x-request-id`, if that is harmless, else a new one; its trace
//!   is continued from `traceparent` and `tracestate`. The route, such as `/hello/{name}`, is known by
//!   then. Handlers find the request by `depot.get_typed::<offloop::request::RequestContext>()`, and
//!   all that is logged below carries its ids.
//! - **The handler works.** Each poll and the destructors run within the request. The bytes of the
//!   request's body are counted where the handler reads them; a client that goes away meanwhile is
//!   told from a handler that does not like what it got.
//! - **The response is ready.** It gets `x-request-id` and `traceresponse`. The head is noted when it
//!   is final, after catchers and all else that salvo does to it. The cause of a
//!   [`StatusError`](salvo_core::http::StatusError) of 5xx goes into the record.
//! - **The body ends**, fails, falls short of its declared length, or is dropped: that is the
//!   request's end, and then its record is written. A catcher's page lies ready as a whole, and counts
//!   as sent when the head is.
//! - **A handler panics.** The record says so. By default the panic goes on, and closes the connection
//!   as it does in salvo; with [`RequestHoop::catch_panics`] it is answered with 500.
//! - **A connection ends**, of the hoop's [listener]: a record at DEBUG says how, after those of its
//!   requests; its `event.name` is `http.server.connection`.
//! - **A time limit or a limit of load answers.** It looks like any other answer, unless its author
//!   says what it is: `request.decide(Outcome::Timeout)`.
//!
//! [listener]: RequestHoop::listener
//!
//! # What cannot be seen, and why
//!
//! - **Who went away, without [`RequestHoop::listener`]:** salvo tells a request nothing of its
//!   connection. A request that is dropped then is `cancelled`, and an upgrade ends with its head.
//!   The same holds for Unix sockets, whose clients have no address to find the connection by, and for
//!   QUIC, whose connections are no streams of bytes.
//! - **Requests that salvo itself refuses**, such as malformed ones: they reach no hoop. The record of
//!   their connection is a warning, with [`RequestHoop::listener`].
//! - **A handshake of TLS that fails** is no request, either. The record of its connection is a warning,
//!   `http.server.tls_error`, as long as there are not too many; a client that merely goes away meanwhile is
//!   none. This holds where the listener lies around that of TLS:
//!   `requests.listener(TcpListener::new("0.0.0.0:443").rustls(config))`.
//! - **A hoop that converts the request's body into hyper's `Incoming`** finds another body there, in
//!   requests that have one.
//!
//! salvo's bridge for layers of tower would not do: it puts a queue in front of the handler, and the
//! response that a layer sees is not the one that salvo sends.

mod body;
mod connection;
mod headers;
mod layer;
mod service;

pub use connection::LoggedListener;
pub use layer::RequestHoop;
pub use offloop::request::LoggedIo;
