//! Connections, found by their ends.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use super::{LoggedConnection, LoggedIo, WeakConnection};

/// The server's end and the client's: no two open connections have both in common.
type Ends = (SocketAddr, SocketAddr);

type Open = RwLock<HashMap<Ends, WeakConnection>>;

/// The open connections of a server that tells a request its connection's ends, and nothing else: it is
/// found by these. Cloning it costs next to nothing.
///
/// ```
/// use offloop::request::ConnectionsByEnds;
///
/// # async fn serve(stream: tokio::net::TcpStream) -> std::io::Result<()> {
/// let connections = ConnectionsByEnds::default();
/// let ends = (stream.local_addr()?, stream.peer_addr()?);
/// let stream = connections.watch(stream, Some(ends));
/// // When a request comes by it:
/// let connection = connections.find(ends);
/// # drop((stream, connection));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct ConnectionsByEnds(Arc<Open>);

impl ConnectionsByEnds {
    /// Looks after a connection that has just been accepted, by the server's end and the client's. Both
    /// are known for connections of IP alone: the clients of Unix sockets have no name, and a connection
    /// that its requests cannot find is left alone.
    #[must_use]
    pub fn watch<T>(&self, inner: T, ends: Option<(SocketAddr, SocketAddr)>) -> LoggedIo<T> {
        let Some(ends) = ends else {
            return LoggedIo::listed(inner, None, None);
        };
        let connection = LoggedConnection::new(Some(ends.1));
        let mut open = self.0.write().unwrap_or_else(PoisonError::into_inner);
        open.insert(ends, connection.downgrade());
        drop(open);
        let listed = Listed {
            all: self.clone(),
            ends,
            connection: connection.downgrade(),
        };
        LoggedIo::listed(inner, Some(connection), Some(listed))
    }

    /// The open connection with these ends.
    #[must_use]
    pub fn find(&self, ends: (SocketAddr, SocketAddr)) -> Option<LoggedConnection> {
        let open = self.0.read().unwrap_or_else(PoisonError::into_inner);
        open.get(&ends)?.upgrade()
    }
}

impl fmt::Debug for ConnectionsByEnds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.0.read().unwrap_or_else(PoisonError::into_inner);
        formatter.debug_set().entries(open.keys()).finish()
    }
}

/// A place in the list, which is given up when the connection is closed.
#[derive(Debug)]
pub(super) struct Listed {
    all: ConnectionsByEnds,
    ends: Ends,
    connection: WeakConnection,
}

impl Drop for Listed {
    fn drop(&mut self) {
        let mut open = self.all.0.write().unwrap_or_else(PoisonError::into_inner);
        // A new connection may have the same ends already.
        if open
            .get(&self.ends)
            .is_some_and(|other| other.is_same(&self.connection))
        {
            open.remove(&self.ends);
        }
    }
}
