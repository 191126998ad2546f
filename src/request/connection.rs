//! What an adapter knows of the connection that a request came by.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

const OPEN: u8 = 0;
const CLOSED_BY_CLIENT: u8 = 1;
const FAILED: u8 = 2;

/// A connection, as its requests see it. An adapter that can see into the connection's reads and
/// writes keeps it up to date; with it, a request whose client went away is told from one that the
/// server gave up.
///
/// ```
/// use offloop::request::Connection;
///
/// let connection = Connection::new(Some("192.0.2.7:52123".parse().unwrap()));
/// assert!(connection.is_open());
/// connection.close_by_client();
/// assert!(!connection.is_open());
/// ```
#[derive(Debug, Default)]
pub struct Connection {
    peer: Option<SocketAddr>,
    state: AtomicU8,
    requests: AtomicU64,
}

impl Connection {
    /// A connection that has just been accepted.
    #[must_use]
    pub const fn new(peer: Option<SocketAddr>) -> Self {
        Connection {
            peer,
            state: AtomicU8::new(OPEN),
            requests: AtomicU64::new(0),
        }
    }

    /// The other end's address.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Notes that the client has closed its end: a read gave nothing.
    pub fn close_by_client(&self) {
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        let _ = self
            .state
            .compare_exchange(OPEN, CLOSED_BY_CLIENT, set, fetch);
    }

    /// Notes that a read or a write failed.
    pub fn fail(&self) {
        self.state.store(FAILED, Ordering::Relaxed);
    }

    /// Whether neither the client has closed it nor a read or write failed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state.load(Ordering::Relaxed) == OPEN
    }

    /// Whether a read or a write failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.state.load(Ordering::Relaxed) == FAILED
    }

    /// How many requests came by it so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }
}
