//! Draft.
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
