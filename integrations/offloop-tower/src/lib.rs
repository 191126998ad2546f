//! One layer for axum, hyper and tonic that gives each request an id, a span and one record.
//!
//! ```
//! # use axum::{Router, routing::get};
//! let app: Router = Router::new()
//!     .route("/users/{id}", get(|| async { "ada" }))
//!     .layer(offloop_tower::RequestLayer::new());
//! ```
//!
//! The layer speaks `tracing` and nothing else: whatever subscriber is installed receives the span
//! and the record. With [offloop] none of that makes the request wait for the disk.
//!
//! [offloop]: https://docs.rs/offloop
//!
//! # What happens when
//!
//! ## A request arrives
//!
//! Its id is the `x-request-id` header, if there is exactly one and it consists of 1 to 128
//! characters out of `A-Z a-z 0-9 . _ -`. Everything else that a client may send there is ignored,
//! and a new id is made: a UUID of version 7. Handlers find it as [`RequestId`] in the request's
//! extensions.
//!
//! The span `request` opens with the fields `request_id`, `http.request.method` and `url.path`. It
//! is entered around each poll of the service's future, so it stays with the request when the
//! runtime moves that from one thread to another.
//!
//! ## The response's head is ready
//!
//! The id is sent back in `x-request-id`, and the record is written inside the span: at ERROR if
//! the status is 5xx, otherwise at INFO, its target `offloop_tower`, its message `request`.
//!
//! | field | value |
//! |---|---|
//! | `request_id` | the id |
//! | `http.request.method` | the method, `_OTHER` if it is none of the standard ones |
//! | `http.request.method_original` | the method, if the above is `_OTHER` |
//! | `http.route` | the matched route, such as `/users/{id}`, if axum knows one |
//! | `url.path` | the path, without its query |
//! | `http.response.status_code` | the status, if there is one |
//! | `duration_ms` | from the arrival to this record, in milliseconds, down to microseconds |
//! | `outcome` | `completed`, `cancelled`, `service_error` or `panic` |
//! | `error.type` | the status if it is 5xx, or the outcome if that is an error |
//!
//! What the response's body does after that is not part of the record.
//!
//! ## The client goes away, or a time-out outside this layer strikes
//!
//! The response's future is dropped before it is ready. The record says `cancelled`, at INFO, and
//! has no status, because none was sent.
//!
//! ## The service fails or panics
//!
//! The record says `service_error` or `panic`, at ERROR. The error or the panic goes on unchanged.
//!
//! # Where to put it
//!
//! With axum, `Router::layer`, as the last call: it then sees what all other layers answer, and
//! the matched route as well. Wrapped around the whole `Router` from outside it works too, but the
//! route is not known yet at that point. With tonic, `Server::builder().layer(…)`; with hyper,
//! around the service that goes into `hyper_util::service::TowerToHyperService`.

mod id;
mod layer;
mod service;

mod future;
mod outcome;
mod record;
mod route;

pub use future::RequestFuture;
pub use id::RequestId;
pub use layer::RequestLayer;
pub use service::RequestService;
