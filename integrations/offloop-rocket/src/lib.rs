//! Logs the requests of a [Rocket](rocket) server: one record for each, whatever its end.
//!
//! ```
//! use offloop_rocket::{RequestFairing, logged};
//! use rocket::{get, routes};
//!
//! #[get("/hello/<name>")]
//! fn hello(name: &str) -> String {
//!     offloop::request::add("visitor", name);
//!     format!("Hello, {name}!")
//! }
//!
//! fn rocket() -> rocket::Rocket<rocket::Build> {
//!     let routes = logged(routes![hello]);
//!     rocket::build().mount("/", routes).attach(RequestFairing::new())
//! }
//! # drop(rocket());
//! ```
//!
//! The fairing writes through `tracing`, to the subscriber that [`offloop::init`] installs. What the
//! record says, its level and its names are chosen by [`Options`](offloop::request::Options).
//!
//! # Where to put it
//!
//! Last of the fairings: it then sees the response that they have made. The routes are mounted by
//! [`logged`]; without that each request still has its record, but what its handler logs is not known
//! to belong to it.
//!
//! # What happens when
//!
//! - **A request arrives.** Its id is `x-request-id`, if that is harmless, else a new one; its trace
//!   is continued from `traceparent` and `tracestate`. Handlers ask for it by the request guard
//!   [`CurrentRequest`].
//! - **The handler works.** Each poll of a [`logged`] handler, and the request guards of its route, run
//!   within the request.
//! - **The response is ready.** It gets `x-request-id` and `traceresponse`. The route, such as
//!   `/hello/<name>`, is the last one that Rocket tried.
//! - **The body ends**, fails, falls short of its declared length, or is dropped: that is the
//!   request's end, and then its record is written. Bytes count as sent when Rocket reads them from the
//!   body.
//! - **A handler panics.** Rocket answers with 500; the record says that it was a panic, and what it
//!   said.
//! - **A time limit or a limit of load answers.** It looks like any other answer, unless its author
//!   says what it is: `request.decide(Outcome::Timeout)`.
//! - **A connection is upgraded.** The request lasts until Rocket's handler of the connection ends.
//!
//! # What cannot be seen, and why
//!
//! - **A client that goes away while the handler works.** Rocket lets the handler go on, in a task of
//!   its own. When its body then finds nobody to send to, it is dropped, and the request is
//!   `cancelled`: fairings do not see connections, so nothing tells why. A body that lies ready as a
//!   whole may be taken before Rocket finds out.
//! - **A client that goes away while a body sends nothing:** Rocket finds out when it next sends.
//! - **The request's body.** Rocket shows it to its handler alone. Its size is what the client has
//!   declared; a handler that is told of a failure answers as it likes, and that is the outcome.
//! - **The start of a slow upload.** Rocket reads the first 14 bytes of a body before any fairing.
//! - **The version of HTTP:** Rocket tells it to nobody.
//! - **Why a request failed**, unless the handler says so by
//!   [`add_error`](offloop::request::add_error): a responder's error has become a status by then.
//! - **What catchers and other fairings log:** they do not work within the request.
//! - **Requests that Rocket itself refuses**, such as malformed ones and those with a method that
//!   Rocket does not know: they pass no fairing.

mod body;
mod extract;
mod future;
mod headers;
mod held;
mod layer;
mod route;
mod service;

pub use extract::CurrentRequest;
pub use layer::RequestFairing;
pub use route::logged;
