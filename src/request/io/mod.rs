//! Connections: what becomes of them below the requests, for adapters of servers that run on tokio.

mod by_ends;
mod handshake;
mod heads;
mod stream;

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

pub use self::by_ends::ConnectionsByEnds;
pub use self::stream::LoggedIo;
use super::connection::{Connection, Tls};
use super::life::Request;
use super::outcome::Outcome;

/// A connection that a [`LoggedIo`] looks after. Cloning it costs next to nothing.
///
/// Once the connection and all of its requests have ended, a record says how, see
/// [`Connection::end`]: adapters keep it with each of its requests.
///
/// ```
/// use offloop::request::{Arrival, LoggedIo, RequestLog};
///
/// # fn begin(stream: tokio::net::TcpStream, peer: std::net::SocketAddr) {
/// let (stream, connection) = LoggedIo::new(stream, Some(peer));
/// let connection = Some(connection.seen().clone());
/// let request = RequestLog::default().begin(Arrival { connection, ..Arrival::default() }, &());
/// # drop((stream, request));
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
    request: Request,
    /// How much had been read by then.
    received_before: u64,
}

/// A connection that may be gone.
struct WeakConnection(Weak<Inner>);

impl LoggedConnection {
    /// A connection that has just been accepted.
    fn new(peer: Option<SocketAddr>) -> Self {
        LoggedConnection(Arc::new(Inner {
            connection: Arc::new(Connection::new(peer)),
            upgraded: Mutex::new(None),
        }))
    }

    /// The connection, as its requests see it.
    #[must_use]
    pub fn seen(&self) -> &Arc<Connection> {
        &self.0.connection
    }

    /// The other end's address.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.seen().peer()
    }

    /// Notes what the handshake of TLS came to, see [`Connection::encrypted`].
    pub fn encrypted(&self, tls: Tls) {
        self.seen().encrypted(tls);
    }

    /// Notes that the handshake of TLS failed, see [`Connection::handshake_failed`].
    pub fn handshake_failed(&self, error: &(dyn Error + 'static)) {
        self.seen().handshake_failed(error);
    }

    /// From now on the connection belongs to what this request has been upgraded to, such as a
    /// WebSocket: the request lasts as long as it, and ends with [`Outcome::Upgraded`] and the bytes of
    /// both directions.
    pub fn keep_upgraded(&self, request: Request) {
        let received_before = self.seen().received();
        *self.lock_upgraded() = Some(Upgraded {
            request,
            received_before,
        });
    }

    /// The stream is gone, and with it what the request had been upgraded to. So much had been written
    /// before that began.
    fn end_upgraded(&self, sent_before: u64) {
        let upgraded = self.lock_upgraded().take();
        let Some(mut upgraded) = upgraded else { return };
        let (seen, request) = (self.seen(), &mut upgraded.request);
        let received = seen.received().saturating_sub(upgraded.received_before);
        request.context().received(received);
        // Not reported as the response's body, whose declared length (none at all, with some servers)
        // would end the request as completed.
        let sent = seen.sent().saturating_sub(sent_before);
        let progress = &request.context().0.progress;
        progress.sent.fetch_add(sent, Ordering::Relaxed);
        request.end(Outcome::Upgraded);
    }

    fn lock_upgraded(&self) -> MutexGuard<'_, Option<Upgraded>> {
        let upgraded = self.0.upgraded.lock();
        upgraded.unwrap_or_else(PoisonError::into_inner)
    }

    fn downgrade(&self) -> WeakConnection {
        WeakConnection(Arc::downgrade(&self.0))
    }
}

impl WeakConnection {
    fn upgrade(&self) -> Option<LoggedConnection> {
        self.0.upgrade().map(LoggedConnection)
    }

    fn is_same(&self, other: &WeakConnection) -> bool {
        self.0.ptr_eq(&other.0)
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
        let mut tuple = formatter.debug_tuple("LoggedConnection");
        tuple.field(self.seen()).finish()
    }
}

impl fmt::Debug for WeakConnection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WeakConnection")
    }
}
