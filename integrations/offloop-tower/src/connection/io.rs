//! A connection's reads and writes, for the servers here.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use offloop::request;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::LoggedConnection;

pin_project! {
    /// A stream between client and server that keeps its [`LoggedConnection`] up to date: the library's,
    /// as a type of this crate, which tells it to tonic.
    #[derive(Debug)]
    pub struct LoggedIo<T> {
        #[pin]
        inner: request::LoggedIo<T>,
        connection: LoggedConnection,
    }
}

impl<T> LoggedIo<T> {
    /// A connection that has just been accepted.
    #[must_use]
    pub fn new(inner: T, peer: Option<SocketAddr>) -> Self {
        let (inner, connection) = request::LoggedIo::new(inner, peer);
        let connection = LoggedConnection(connection);
        Self { inner, connection }
    }

    /// The connection, for the requests that come by it.
    #[must_use]
    pub fn connection(&self) -> LoggedConnection {
        self.connection.clone()
    }

    /// What lies within.
    #[must_use]
    pub fn get_ref(&self) -> &T {
        self.inner.get_ref()
    }
}

impl<T: AsyncRead + AsyncWrite> AsyncRead for LoggedIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.project().inner.poll_read(context, buffer)
    }
}

impl<T: AsyncWrite> AsyncWrite for LoggedIo<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_shutdown(context)
    }
}

#[cfg(feature = "tonic")]
impl<T> tonic::transport::server::Connected for LoggedIo<T> {
    type ConnectInfo = LoggedConnection;

    fn connect_info(&self) -> LoggedConnection {
        self.connection()
    }
}
