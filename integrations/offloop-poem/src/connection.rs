//! The server's connections, as far as their requests need to know of them.

use std::io;
use std::net::SocketAddr;

use offloop::request::{ConnectionsByEnds, LoggedIo};
use poem::http::uri::Scheme;
use poem::listener::{Acceptor, Listener};
use poem::web::{LocalAddr, RemoteAddr};

/// poem tells a request its connection's ends and nothing else. Both are known for connections of IP
/// alone.
pub(crate) fn ends(local: &LocalAddr, remote: &RemoteAddr) -> Option<(SocketAddr, SocketAddr)> {
    Some((*local.as_socket_addr()?, *remote.as_socket_addr()?))
}

/// A listener whose connections are seen. Made by
/// [`RequestMiddleware::listener`](crate::RequestMiddleware::listener).
#[derive(Debug)]
pub struct LoggedListener<L> {
    inner: L,
    connections: ConnectionsByEnds,
}

impl<L> LoggedListener<L> {
    pub(crate) fn new(inner: L, connections: ConnectionsByEnds) -> Self {
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
        let mut stream = self.connections.watch(inner, ends(&local, &remote));
        if scheme == Scheme::HTTPS {
            stream = stream.awaiting_handshake();
        }
        Ok((stream, local, remote, scheme))
    }
}
