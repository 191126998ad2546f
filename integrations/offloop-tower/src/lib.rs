//! A request's whole life, as one record: a layer for axum, hyper, tonic and warp.

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
