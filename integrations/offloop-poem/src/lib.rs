//! Logs the requests of a [poem] server: one record for each, whatever its end.
//!
//! ```no_run
//! use offloop_poem::RequestMiddleware;
//! use poem::listener::TcpListener;
//! use poem::{EndpointExt, Route, Server, get, handler};
//!
//! #[handler]
//! fn hello() -> &'static str {
//!     offloop::request::add("greeting", "plain");
//!     "hello"
//! }
//!
//! # async fn serve() -> std::io::Result<()> {
//! let requests = RequestMiddleware::new();
//! let listener = requests.listener(TcpListener::bind("127.0.0.1:8080"));
//! let app = Route::new().at("/hello/:name", get(hello)).with(requests);
//! Server::new(listener).run(app).await
//! # }
//! ```
//!
//! The middleware writes through `tracing`, to the subscriber that [`offloop::init`] installs. What
//! the record says, its level and its names are chosen by [`Options`](offloop::request::Options).
//!
//! # Where to put it
//!
//! Last, around the outermost route: it then sees what all other middleware answers. It makes the
//! response of an error that nobody inside has handled; middleware that is to handle errors, such as
//! `catch_all_error`, belongs inside of it.
//!
//! # What happens when
//!
//! - **A request arrives.** Its id is `x-request-id`, if that is harmless, else a new one; its trace
//!   is continued from `traceparent` and `tracestate`. Handlers find it as
//!   `Data<&offloop::request::RequestContext>`, and all that is logged below carries the ids.
//! - **The handler works.** Each poll and the destructors run within the request. The bytes of the
//!   request's body are counted where the handler reads them; a client that goes away meanwhile is
//!   told from a handler that does not like what it got.
//! - **The head is ready.** The response gets `x-request-id` and `traceresponse`. The route, such as
//!   `/hello/:name`, is read from there. The error behind a status of 5xx goes into the record.
//! - **The body ends**, fails, falls short of its declared length, or is dropped: that is the
//!   request's end, and then its record is written.
//! - **A handler panics.** The record says so. By default the panic goes on, and closes the connection
//!   as it does in poem; with [`RequestMiddleware::catch_panics`] it is answered with 500.
//! - **A connection ends**, of the middleware's [listener]: a record at DEBUG says how, after those of
//!   its requests; its `event.name` is `http.server.connection`.
//! - **A time limit or a limit of load answers.** It looks like any other answer, unless its author
//!   says what it is: `request.decide(Outcome::Timeout)`.
//!
//! [listener]: RequestMiddleware::listener
//!
//! # What cannot be seen, and why
//!
//! - **Who went away, without [`RequestMiddleware::listener`]:** poem tells a request nothing of its
//!   connection. A request that is dropped then is `cancelled`, and an upgrade ends with its head.
//!   The same holds for Unix sockets, whose clients have no address to find the connection by.
//! - **A FIN while a handler works:** poem 3.1 polls a connection on after it has failed, so the
//!   handler goes on to its end, and so does a body until it next sends something. The outcome is
//!   theirs. An RST ends both at once.
//! - **The route of a request that is dropped before its head:** poem leaves it on the response.
//!   Put the middleware on the endpoints instead, and it is known from the beginning.
//! - **Requests that poem itself refuses**, such as malformed ones: they reach no endpoint. The record of
//!   their connection is a warning, with [`RequestMiddleware::listener`].
//! - **A handshake of TLS that fails** is no request, either. The record of its connection is a warning,
//!   `http.server.tls_error`, as long as there are not too many; a client that merely goes away meanwhile is
//!   none. This holds where the listener lies around that of TLS:
//!   `requests.listener(TcpListener::bind("0.0.0.0:443").rustls(config))`.
//!
//! poem's bridge for layers of tower would not do: it hands them poem's own request instead of that
//! of the `http` crate, and puts a queue in front of the endpoint, whose one worker calls it outside of
//! the request's task.

mod body;
mod connection;
mod headers;
mod layer;
mod service;

pub use connection::LoggedListener;
pub use layer::RequestMiddleware;
pub use offloop::request::LoggedIo;
pub use service::RequestEndpoint;
