//! The connection, as far as actix-web shows it.

use std::any::Any;
use std::sync::Arc;

use actix_web::dev::{Extensions, ServiceRequest};
use offloop::request::Connection;

/// Notes a new connection, so that a client that went away is told from a request that was dropped
/// for other reasons. To be given to `HttpServer::on_connect`, or to be called by what is given there.
///
/// ```
/// use actix_web::{App, HttpServer};
/// use offloop_actix_web::{RequestLog, on_connect};
///
/// let server = HttpServer::new(|| App::new().wrap(RequestLog::new())).on_connect(on_connect);
/// # drop(server);
/// ```
pub fn on_connect(_: &dyn Any, data: &mut Extensions) {
    data.insert(Held(Arc::new(Connection::new(None))));
}

/// Lies in the connection's data, which actix-web drops with the connection: before the response
/// that was on its way, and after the last request that has a share in it.
///
/// actix-web shows the socket only for a moment. A copy of the descriptor would tell more, but it
/// would keep the connection open for as long as somebody has it.
struct Held(Arc<Connection>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.close_by_client();
    }
}

/// The connection that the request came by, if it was noted.
pub(crate) fn of(request: &ServiceRequest) -> Option<Arc<Connection>> {
    let held = request.conn_data::<Held>()?;
    Some(Arc::clone(&held.0))
}
