//! Connections, as far as their requests need to know of them.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::task::{Context, Poll};

use offloop::request::{Connection, Outcome, Request};
use poem::http::uri::Scheme;
use poem::listener::{Acceptor, Listener};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The server's end and the client's: no two open connections have both in common.
type Ends = (SocketAddr, SocketAddr);

/// The open connections. poem tells a request its connection's ends and nothing else, so it is found
/// by these.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connections(Arc<RwLock<HashMap<Ends, Weak<Seen>>>>);

/// A connection, and the request that upgraded it.
#[derive(Debug)]
pub(crate) struct Seen {
    connection: Arc<Connection>,
    upgraded: Mutex<Option<Request>>,
}

impl Seen {
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Lets the request last until the connection ends.
    pub(crate) fn upgrade(&self, request: Request) {
        *self.upgraded.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        // Whatever held it on behalf of a request has written that one's record.
        self.connection.end();
    }
}

/// Both are known for connections of IP alone; those of Unix sockets have no name for their client.
fn ends(local: &LocalAddr, remote: &RemoteAddr) -> Option<Ends> {
    Some((*local.as_socket_addr()?, *remote.as_socket_addr()?))
}

impl Connections {
    pub(crate) fn find(&self, local: &LocalAddr, remote: &RemoteAddr) -> Option<Arc<Seen>> {
        let ends = ends(local, remote)?;
        let open = self.0.read().unwrap_or_else(PoisonError::into_inner);
        open.get(&ends)?.upgrade()
    }

    fn open(&self, ends: Ends) -> Open {
        let seen = Arc::new(Seen {
            connection: Arc::new(Connection::new(Some(ends.1))),
            upgraded: Mutex::default(),
        });
        let mut open = self.0.write().unwrap_or_else(PoisonError::into_inner);
        open.insert(ends, Arc::downgrade(&seen));
        Open {
            all: self.clone(),
            ends,
            seen,
        }
    }
}

/// An open connection. Dropped when it is closed.
#[derive(Debug)]
struct Open {
    all: Connections,
    ends: Ends,
    seen: Arc<Seen>,
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut open = self.all.0.write().unwrap_or_else(PoisonError::into_inner);
        // A new connection may have the same ends already.
        let is_this = |seen: &Weak<Seen>| std::ptr::eq(seen.as_ptr(), Arc::as_ptr(&self.seen));
        if open.get(&self.ends).is_some_and(is_this) {
            open.remove(&self.ends);
        }
        drop(open);
        let upgraded = &self.seen.upgraded;
        let upgraded = upgraded
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut request) = upgraded {
            request.end(Outcome::Upgraded);
        }
    }
}

/// A listener whose connections are seen. Made by
/// [`RequestMiddleware::listener`](crate::RequestMiddleware::listener).
#[derive(Debug)]
pub struct LoggedListener<L> {
    inner: L,
    connections: Connections,
}

impl<L> LoggedListener<L> {
    pub(crate) fn new(inner: L, connections: Connections) -> Self {
        LoggedListener { inner, connections }
    }
}

impl<L: Listener> Listener for LoggedListener<L> {
    type Acceptor = LoggedListener<L::Acceptor>;

    async fn into_acceptor(self) -> io::Result<Self::Acceptor> {
        let inner = self.inner.into_acceptor().await?;
        Ok(LoggedListener::new(inner, self.connections))
    }
}

impl<A: Acceptor> Acceptor for LoggedListener<A> {
    type Io = LoggedIo<A::Io>;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.inner.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        let (inner, local, remote, scheme) = self.inner.accept().await?;
        let open = ends(&local, &remote).map(|ends| self.connections.open(ends));
        Ok((LoggedIo { inner, open }, local, remote, scheme))
    }
}

/// What is read from a connection and written to it.
#[derive(Debug)]
pub struct LoggedIo<I> {
    inner: I,
    open: Option<Open>,
}

impl<I> LoggedIo<I> {
    fn note(&self, note: impl FnOnce(&Connection)) {
        if let Some(open) = &self.open {
            note(&open.seen.connection);
        }
    }

    fn note_written(&self, polled: &Poll<io::Result<usize>>) {
        match polled {
            Poll::Ready(Ok(bytes)) => self.note(|connection| connection.add_sent(*bytes as u64)),
            Poll::Ready(Err(_)) => self.note(Connection::fail),
            Poll::Pending => {}
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for LoggedIo<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (filled, has_room) = (buffer.filled().len(), buffer.remaining() != 0);
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        let bytes = buffer.filled().len() - filled;
        match &polled {
            Poll::Ready(Ok(())) if bytes == 0 && has_room => self.note(Connection::close_by_client),
            Poll::Ready(Ok(())) => self.note(|connection| connection.add_received(bytes as u64)),
            Poll::Ready(Err(_)) => self.note(Connection::fail),
            Poll::Pending => {}
        }
        polled
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for LoggedIo<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.note_written(&polled);
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(context);
        if let Poll::Ready(Err(_)) = &polled {
            self.note(Connection::fail);
        }
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.note_written(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
