//! Connections: what becomes of them below the requests.
//!
//! A service sees nothing of its connection. [`LoggedIo`] lies around the stream itself and sees what
//! nobody else does: that the client has closed its end or that the stream failed, which tells a
//! client that went away from a request that the server gave up; that the server refused what never
//! became a request; and the end of what a request was upgraded to.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::Request;
use offloop::request::{self, Connection, Outcome};
use tower_layer::Layer;
use tower_service::Service;

pub use self::io::LoggedIo;
#[cfg(feature = "axum")]
pub use self::listener::LoggedListener;

mod io;
#[cfg(feature = "axum")]
mod listener;

/// A connection that [`LoggedIo`] looks after. Cloning it costs next to nothing.
///
/// Once the connection and all of its requests have ended, a record says how: its `event.name` is
/// `http.server.connection`, with the peer, the number of requests, the bytes, and `connection.end`:
/// `client_close`, `server_close`, `error` or `malformed_request`. It is at DEBUG, and at WARN for a
/// malformed request: one that the server itself refused.
///
/// The layer finds it in the extensions of requests. [`LoggedListener`] and tonic (with the feature
/// `tonic`) put it there; with hyper itself, it is a layer that does:
///
/// ```
/// use hyper_util::{rt::TokioIo, service::TowerToHyperService};
/// use offloop_tower::{LoggedIo, RequestLayer};
/// use tower::ServiceBuilder;
/// # use http::{Request, Response};
/// # async fn hello(_: Request<offloop_tower::RequestBody<hyper::body::Incoming>>)
/// # -> Result<Response<String>, std::convert::Infallible> { Ok(Response::default()) }
/// # async fn serve(stream: tokio::net::TcpStream, peer: std::net::SocketAddr) {
///
/// let stream = LoggedIo::new(stream, Some(peer));
/// let service = ServiceBuilder::new()
///     .layer(stream.connection())
///     .layer(RequestLayer::new())
///     .service_fn(hello);
/// let served = hyper::server::conn::http1::Builder::new()
///     .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
///     .with_upgrades()
///     .await;
/// # drop(served);
/// # }
/// ```
#[derive(Clone)]
pub struct LoggedConnection(Arc<Inner>);

struct Inner {
    connection: Arc<Connection>,
    /// The request that the connection goes on with as something else.
    upgraded: Mutex<Option<Upgraded>>,
}

struct Upgraded {
    request: request::Request,
    /// How much had been read by then.
    received_before: u64,
}

impl LoggedConnection {
    pub(crate) fn new(peer: Option<SocketAddr>) -> Self {
        Self(Arc::new(Inner {
            connection: Arc::new(Connection::new(peer)),
            upgraded: Mutex::new(None),
        }))
    }

    /// The other end's address.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.0.connection.peer()
    }

    /// Notes what the handshake of TLS came to: the connection's record tells. For servers that
    /// encrypt what lies around or within a [`LoggedIo`].
    pub fn encrypted(&self, tls: request::Tls) {
        self.seen().encrypted(tls);
    }

    pub(crate) fn seen(&self) -> &Connection {
        &self.0.connection
    }

    pub(crate) fn as_seen_by_requests(&self) -> Arc<Connection> {
        Arc::clone(&self.0.connection)
    }

    /// From now on the connection belongs to what this request has been upgraded to.
    pub(crate) fn keep_upgraded(&self, request: request::Request) {
        let upgraded = Upgraded {
            request,
            received_before: self.seen().received(),
        };
        let mut kept = self
            .0
            .upgraded
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *kept = Some(upgraded);
    }

    /// The stream is gone, and with it what the request had been upgraded to. So much had been written
    /// before that began.
    fn end_upgraded(&self, sent_before: u64) {
        let mut kept = self
            .0
            .upgraded
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(upgraded) = kept.take() else {
            return;
        };
        drop(kept);
        let mut request = upgraded.request;
        let seen = self.seen();
        let context = request.context();
        context.received(seen.received().saturating_sub(upgraded.received_before));
        request.sent(seen.sent().saturating_sub(sent_before));
        request.end(Outcome::Upgraded);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Whatever held the connection on behalf of a request has written that one's record.
        self.connection.end();
    }
}

impl fmt::Debug for LoggedConnection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("LoggedConnection")
            .field(self.seen())
            .finish()
    }
}

impl<S> Layer<S> for LoggedConnection {
    type Service = OfConnection<S>;

    fn layer(&self, inner: S) -> OfConnection<S> {
        OfConnection {
            inner,
            connection: self.clone(),
        }
    }
}

/// Puts the connection into the extensions of its requests. Made by [`LoggedConnection`], which is a
/// layer.
#[derive(Clone, Debug)]
pub struct OfConnection<S> {
    inner: S,
    connection: LoggedConnection,
}

impl<S, B> Service<Request<B>> for OfConnection<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(self.connection.clone());
        self.inner.call(request)
    }
}
