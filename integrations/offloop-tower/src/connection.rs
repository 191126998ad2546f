//! Connections: what becomes of them below the requests.
//!
//! A service sees nothing of its connection. [`LoggedIo`] lies around the stream itself and sees what
//! nobody else does: that the client has closed its end or that the stream failed, which tells a
//! client that went away from a request that the server gave up; that the server refused what never
//! became a request; and the end of what a request was upgraded to.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use offloop::request::{self, Connection};
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
/// `http.server.connection`, with the peer, the number of requests, the bytes, `connection.end` and how
/// long it had been idle, see [`Connection::end`]. It is at DEBUG, and at WARN for a malformed request:
/// one that the server itself refused. Who makes the handshakes of TLS can say that one
/// [failed](Self::handshake_failed), which is a warning, too. `axum::serve` and tonic keep to themselves that a time-out has
/// passed; who serves connections by hyper itself can say so, by [`timed_out`](Self::timed_out).
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
#[derive(Clone, Debug)]
pub struct LoggedConnection(request::LoggedConnection);

impl LoggedConnection {
    /// The other end's address.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.0.peer()
    }

    /// Notes what the handshake of TLS came to: the connection's record tells. For servers that
    /// encrypt what lies around or within a [`LoggedIo`].
    pub fn encrypted(&self, tls: request::Tls) {
        self.0.encrypted(tls);
    }

    /// Notes that the handshake of TLS failed: the connection's record is a warning then, within limits,
    /// see [`Connection::handshake_failed`].
    ///
    /// ```
    /// use offloop_tower::LoggedIo;
    /// use tokio_rustls::TlsAcceptor;
    ///
    /// # async fn serve(acceptor: TlsAcceptor, stream: tokio::net::TcpStream, peer: std::net::SocketAddr) {
    /// let stream = LoggedIo::new(stream, Some(peer));
    /// let connection = stream.connection();
    /// match acceptor.accept(stream).await {
    ///     Ok(stream) => drop((stream, connection)), // Serve the one, with the other as a layer.
    ///     Err(error) => connection.handshake_failed(&error),
    /// }
    /// # }
    /// ```
    pub fn handshake_failed(&self, error: &(dyn Error + 'static)) {
        self.0.handshake_failed(error);
    }

    /// Notes that the server has closed it since a time-out passed. hyper tells by its error:
    ///
    /// ```
    /// # fn ended(connection: offloop_tower::LoggedConnection, served: hyper::Result<()>) {
    /// if served.is_err_and(|error| error.is_timeout()) {
    ///     connection.timed_out();
    /// }
    /// # }
    /// ```
    pub fn timed_out(&self) {
        self.0.seen().time_out();
    }

    pub(crate) fn as_seen_by_requests(&self) -> Arc<Connection> {
        Arc::clone(self.0.seen())
    }

    /// From now on the connection belongs to what this request has been upgraded to.
    pub(crate) fn keep_upgraded(&self, request: request::Request) {
        self.0.keep_upgraded(request);
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
