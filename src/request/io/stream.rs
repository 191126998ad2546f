//! A connection's reads and writes.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::LoggedConnection;
use super::by_ends::Listed;
use super::handshake::Handshake;
use super::heads::Heads;

pin_project! {
    /// A stream between client and server that keeps its [`LoggedConnection`] up to date.
    ///
    /// It sees what services do not: that the client has closed its end or that the stream failed; that
    /// the server refused what never became a request; and the end of what a request was upgraded to.
    ///
    /// ```
    /// use offloop::request::LoggedIo;
    ///
    /// # async fn serve(stream: tokio::net::TcpStream, peer: std::net::SocketAddr) {
    /// let (stream, connection) = LoggedIo::new(stream, Some(peer));
    /// # drop((stream, connection));
    /// # }
    /// ```
    #[derive(Debug)]
    pub struct LoggedIo<T> {
        #[pin]
        inner: T,
        // `None` where the requests could not find it.
        connection: Option<LoggedConnection>,
        listed: Option<Listed>,
        heads: Heads,
        handshake: Handshake,
    }

    impl<T> PinnedDrop for LoggedIo<T> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // First nobody finds it any more, *then* it ends.
            *this.listed = None;
            if let Some(connection) = this.connection {
                connection.end_upgraded(this.heads.sent);
            }
        }
    }
}

impl<T> LoggedIo<T> {
    /// A connection that has just been accepted, with the handle that its requests are to have.
    #[must_use]
    pub fn new(inner: T, peer: Option<SocketAddr>) -> (Self, LoggedConnection) {
        let connection = LoggedConnection::new(peer);
        let stream = Self::listed(inner, Some(connection.clone()), None);
        (stream, connection)
    }

    /// One that its requests find by a list, if they can.
    pub(super) fn listed(
        inner: T,
        connection: Option<LoggedConnection>,
        listed: Option<Listed>,
    ) -> Self {
        LoggedIo {
            inner,
            connection,
            listed,
            heads: Heads::default(),
            handshake: Handshake::default(),
        }
    }

    /// For a stream within that makes the handshake of TLS by itself, when it is first read or written, as
    /// those of poem's and salvo's listeners do: should that fail, the connection's record is the warning
    /// of [`handshake_failed`](crate::request::Connection::handshake_failed).
    ///
    /// To be told from an error behind the handshake, a stream that has nothing to read is flushed, until that
    /// works for the first time: it cannot before the handshake is done.
    #[must_use]
    pub fn awaiting_handshake(mut self) -> Self {
        self.handshake = Handshake::Awaited;
        self
    }

    /// What lies within.
    #[must_use]
    pub fn get_ref(&self) -> &T {
        &self.inner
    }
}

// A connection is written, too: see `awaiting_handshake`.
impl<T: AsyncRead + AsyncWrite> AsyncRead for LoggedIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.project();
        let (filled, has_room) = (buffer.filled().len(), buffer.remaining() != 0);
        let mut inner = this.inner;
        let read = match inner.as_mut().poll_read(context, buffer) {
            Poll::Pending => ready!(this.handshake.poll_done(inner, context)),
            Poll::Ready(read) => read,
        };
        this.handshake.note(&read);
        let bytes = buffer.filled().len() - filled;
        this.heads.has_read |= bytes != 0;
        if let Some(connection) = this.connection {
            let connection = connection.seen();
            connection.add_received(bytes as u64);
            match &read {
                Ok(()) if bytes == 0 && has_room => connection.close_by_client(),
                Ok(()) => {}
                Err(error) => this.handshake.note_failure(connection, error),
            }
        }
        Poll::Ready(read)
    }
}

impl<T: AsyncWrite> AsyncWrite for LoggedIo<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        let written = ready!(this.inner.poll_write(context, bytes));
        this.handshake.note(&written);
        if let Some(connection) = this.connection {
            let connection = connection.seen();
            this.heads.note(connection, bytes, &written);
            if let Err(error) = &written {
                this.handshake.note_failure(connection, error);
            }
        }
        Poll::Ready(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        let written = ready!(this.inner.poll_write_vectored(context, slices));
        let first = slices.iter().find(|slice| !slice.is_empty());
        let first = first.map_or(&[][..], |slice| slice);
        this.handshake.note(&written);
        if let Some(connection) = this.connection {
            let connection = connection.seen();
            this.heads.note(connection, first, &written);
            if let Err(error) = &written {
                this.handshake.note_failure(connection, error);
            }
        }
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let flushed = ready!(this.inner.poll_flush(context));
        this.handshake.note(&flushed);
        if let (Err(error), Some(connection)) = (&flushed, this.connection) {
            this.handshake.note_failure(connection.seen(), error);
        }
        Poll::Ready(flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // It fails where the client was faster: no news.
        self.project().inner.poll_shutdown(context)
    }
}
