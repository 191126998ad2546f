//! A connection's reads and writes.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::LoggedConnection;

pin_project! {
    /// A stream between client and server that keeps its [`LoggedConnection`] up to date.
    #[derive(Debug)]
    pub struct LoggedIo<T> {
        #[pin]
        inner: T,
        connection: LoggedConnection,
        heads: Heads,
    }

    impl<T> PinnedDrop for LoggedIo<T> {
        fn drop(this: Pin<&mut Self>) {
            this.connection.end_upgraded(this.heads.sent);
        }
    }
}

impl<T> LoggedIo<T> {
    /// A connection that has just been accepted.
    #[must_use]
    pub fn new(inner: T, peer: Option<SocketAddr>) -> Self {
        Self {
            inner,
            connection: LoggedConnection::new(peer),
            heads: Heads::default(),
        }
    }

    /// The connection, for the requests that come by it.
    #[must_use]
    pub fn connection(&self) -> LoggedConnection {
        self.connection.clone()
    }

    /// What lies within.
    #[must_use]
    pub fn get_ref(&self) -> &T {
        &self.inner
    }
}

impl<T: AsyncRead> AsyncRead for LoggedIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.project();
        let connection = this.connection.seen();
        let (filled, has_room) = (buffer.filled().len(), buffer.remaining() != 0);
        match ready!(this.inner.poll_read(context, buffer)) {
            Ok(()) => {
                let bytes = buffer.filled().len() - filled;
                connection.add_received(bytes as u64);
                if bytes == 0 && has_room {
                    connection.close_by_client();
                }
                this.heads.has_read |= bytes != 0;
                Poll::Ready(Ok(()))
            }
            Err(error) => {
                connection.fail();
                Poll::Ready(Err(error))
            }
        }
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
        this.heads.note(this.connection, bytes, &written);
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
        this.heads.note(this.connection, first, &written);
        Poll::Ready(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let flushed = ready!(this.inner.poll_flush(context));
        if flushed.is_err() {
            this.connection.seen().fail();
        }
        Poll::Ready(flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // It fails where the client was faster: no news.
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

/// The heads of HTTP/1 that are written. Among them are those by which the server refuses by itself:
/// it answers although no request has begun.
///
/// Such an answer has one of three statuses and no body. (A service outside of the layer that answers
/// just so would be taken for one.) With HTTP/2 the server closes the connection or the stream
/// without a status.
#[derive(Debug, Default)]
struct Heads {
    /// How many requests had begun when the latest was written.
    answered: u64,
    /// How much had been written with it.
    sent: u64,
    /// Whether anything has been read since.
    has_read: bool,
}

impl Heads {
    /// Notes what has been written.
    fn note(&mut self, connection: &LoggedConnection, bytes: &[u8], written: &io::Result<usize>) {
        let connection = connection.seen();
        match written {
            Ok(written) => connection.add_sent(*written as u64),
            Err(_) => connection.fail(),
        }
        let Some(status) = status_of_head(bytes).filter(|_| self.has_read) else {
            return;
        };
        let begun = connection.requests();
        if begun == self.answered && matches!(status, 400 | 414 | 431) && is_bodyless(bytes) {
            connection.refuse(status);
        }
        *self = Self {
            answered: begun,
            sent: connection.sent(),
            has_read: false,
        };
    }
}

/// The status, if these bytes begin with the head of HTTP/1 that answers a request for good.
fn status_of_head(bytes: &[u8]) -> Option<u16> {
    let rest = bytes.strip_prefix(b"HTTP/1.")?;
    let digits = std::str::from_utf8(rest.get(2..5)?).ok()?;
    let status = digits.parse().ok();
    status.filter(|status| *status == 101 || 200 <= *status)
}

fn is_bodyless(head: &[u8]) -> bool {
    let wanted = b"content-length: 0\r\n";
    head.windows(wanted.len()).any(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_head_that_answers_for_good_has_a_status() {
        assert_eq!(status_of_head(b"HTTP/1.1 431 Too Large\r\n"), Some(431));
        assert_eq!(status_of_head(b"HTTP/1.0 200 OK\r\n"), Some(200));
        assert_eq!(status_of_head(b"HTTP/1.1 101 Switching\r\n"), Some(101));
        assert_eq!(status_of_head(b"HTTP/1.1 100 Continue\r\n"), None);
        assert_eq!(status_of_head(b"HTTP/1.1 4"), None);
        assert_eq!(status_of_head(b"\0\0\x12\x04"), None);
        assert_eq!(status_of_head(b""), None);
    }
}
