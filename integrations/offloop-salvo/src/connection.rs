//! The server's connections, as far as their requests need to know of them.

use std::io;
use std::net::SocketAddr;

use offloop::request::{ConnectionsByEnds, LoggedIo};
use salvo_core::conn::SocketAddr as Address;
use salvo_core::conn::tcp::TcpCoupler;
use salvo_core::conn::{Accepted, Acceptor, Holding, Listener};
use salvo_core::fuse::ArcFusePolicy;
use salvo_core::http::uri::Scheme;
use tokio::io::{AsyncRead, AsyncWrite};

/// salvo tells a request its connection's ends and nothing else. Both are known for connections of IP
/// alone.
pub(crate) fn ends(local: &Address, remote: &Address) -> Option<(SocketAddr, SocketAddr)> {
    Some((local.clone().into_std()?, remote.clone().into_std()?))
}

/// A listener whose connections are seen. Made by [`RequestHoop::listener`](crate::RequestHoop::listener).
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

impl<L> Listener for LoggedListener<L>
where
    L: Listener,
    L::Acceptor: Acceptor<Stream: AsyncRead + AsyncWrite>,
{
    type Acceptor = LoggedListener<L::Acceptor>;

    async fn try_bind(self) -> salvo_core::Result<Self::Acceptor> {
        let inner = self.inner.try_bind().await?;
        Ok(LoggedListener::new(inner, self.connections))
    }
}

impl<A> Acceptor for LoggedListener<A>
where
    A: Acceptor<Stream: AsyncRead + AsyncWrite>,
{
    type Coupler = TcpCoupler<Self::Stream>;
    type Stream = LoggedIo<A::Stream>;

    fn holdings(&self) -> &[Holding] {
        self.inner.holdings()
    }

    async fn accept(
        &mut self,
        fuse_policy: Option<ArcFusePolicy>,
    ) -> io::Result<Accepted<Self::Coupler, Self::Stream>> {
        let accepted = self.inner.accept(fuse_policy).await?;
        let ends = ends(&accepted.local_addr, &accepted.remote_addr);
        let mut stream = self.connections.watch(accepted.stream, ends);
        if accepted.http_scheme == Scheme::HTTPS {
            stream = stream.awaiting_handshake();
        }
        Ok(Accepted {
            coupler: TcpCoupler::new(),
            stream,
            fuse_config: accepted.fuse_config,
            conn_ctrl: accepted.conn_ctrl,
            local_addr: accepted.local_addr,
            remote_addr: accepted.remote_addr,
            http_scheme: accepted.http_scheme,
        })
    }
}
