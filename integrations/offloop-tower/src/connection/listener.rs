//! Connections of `axum::serve`.

use std::io;
use std::net::SocketAddr;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};

use super::{LoggedConnection, LoggedIo};

/// A listener for `axum::serve` that looks after its connections.
///
/// Requests find theirs if the service is made so (in place of `ConnectInfo<SocketAddr>`, handlers
/// may ask for `ConnectInfo<LoggedConnection>`, which knows the address, too):
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use offloop_tower::{LoggedConnection, LoggedListener, RequestLayer};
/// use tokio::net::TcpListener;
///
/// # async fn serve() -> std::io::Result<()> {
/// let app = Router::new().route("/", get(|| async { "hello" })).layer(RequestLayer::new());
/// let listener = LoggedListener::new(TcpListener::bind("127.0.0.1:8080").await?);
/// let app = app.into_make_service_with_connect_info::<LoggedConnection>();
/// axum::serve(listener, app).await
/// # }
/// ```
#[derive(Debug)]
pub struct LoggedListener<L> {
    inner: L,
}

impl<L: Listener<Addr = SocketAddr>> LoggedListener<L> {
    /// Looks after the connections that `inner` accepts.
    #[must_use]
    pub const fn new(inner: L) -> Self {
        Self { inner }
    }
}

impl<L: Listener<Addr = SocketAddr>> Listener for LoggedListener<L> {
    type Io = LoggedIo<L::Io>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        let (inner, peer) = self.inner.accept().await;
        (LoggedIo::new(inner, Some(peer)), peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

impl<L> Connected<IncomingStream<'_, LoggedListener<L>>> for LoggedConnection
where
    L: Listener<Addr = SocketAddr>,
{
    fn connect_info(stream: IncomingStream<'_, LoggedListener<L>>) -> Self {
        stream.io().connection()
    }
}
