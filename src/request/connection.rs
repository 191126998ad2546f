//! What an adapter knows of the connection that a request came by.

mod ending;
mod flood;

use std::io;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU64, Ordering};
use std::time::Instant;

pub(super) use self::flood::tell_rest;
use super::privacy::capped;

const OPEN: u8 = 0;
const CLOSED_BY_CLIENT: u8 = 1;
const FAILED: u8 = 2;

/// A longer text of an error is cut.
const ERROR_BYTES_MAX: usize = 512;

/// A connection, as its requests see it. An adapter that can see into the connection's reads and
/// writes keeps it up to date; with it, a request whose client went away is told from one that the
/// server gave up.
///
/// All of it is figures and marks that lie about nothing else: nothing is read because of them, so
/// they are kept without any order among each other.
///
/// ```
/// use offloop::request::Connection;
///
/// let connection = Connection::new(Some("192.0.2.7:52123".parse().unwrap()));
/// assert!(connection.is_open());
/// connection.close_by_client();
/// assert!(!connection.is_open());
/// ```
#[derive(Debug)]
pub struct Connection {
    peer: Option<SocketAddr>,
    opened: Instant,
    state: AtomicU8,
    requests: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    /// What the server answered to something that was no request; zero where it did not.
    refused_with: AtomicU16,
    has_ended: AtomicBool,
    has_timed_out: AtomicBool,
    /// When bytes came or went last, in microseconds after it was opened.
    active_us: AtomicU64,
    tls: OnceLock<Tls>,
    /// What was said of the first read or write that failed.
    error: OnceLock<Box<str>>,
}

/// What the two ends of a connection agreed on when they began to encrypt it. Fields may be added in any
/// version: end a literal as below.
///
/// ```
/// use offloop::request::{Connection, Tls};
///
/// let connection = Connection::new(None);
/// connection.encrypted(Tls {
///     version: Some("1.3".into()),
///     next_protocol: Some("h2".into()),
///     server_name: Some("example.org".into()),
///     ..Tls::default()
/// });
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The version of the protocol: `1.2`, `1.3`. The record has it as `tls.protocol.version`.
    pub version: Option<Box<str>>,
    /// What is spoken within, by ALPN: `h2`, `http/1.1`. The record has it as `tls.next_protocol`.
    pub next_protocol: Option<Box<str>>,
    /// The name that the client asked for, by SNI. The record has it as `tls.client.server_name`.
    pub server_name: Option<Box<str>>,
}

impl Connection {
    /// A connection that has just been accepted.
    #[must_use]
    pub fn new(peer: Option<SocketAddr>) -> Self {
        Connection {
            peer,
            opened: Instant::now(),
            state: AtomicU8::new(OPEN),
            requests: AtomicU64::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            refused_with: AtomicU16::new(0),
            has_ended: AtomicBool::new(false),
            has_timed_out: AtomicBool::new(false),
            active_us: AtomicU64::new(0),
            tls: OnceLock::new(),
            error: OnceLock::new(),
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

    /// The same, with what the system said of it, or TLS below: the record has it as
    /// `connection.error`. The first one counts.
    ///
    /// ```
    /// use std::io;
    ///
    /// let connection = offloop::request::Connection::new(None);
    /// connection.fail_by(&io::Error::from(io::ErrorKind::ConnectionReset));
    /// assert!(connection.has_failed());
    /// ```
    pub fn fail_by(&self, error: &io::Error) {
        self.note_error(error);
        self.fail();
    }

    fn note_error(&self, error: &io::Error) {
        let text = || capped(error.to_string().as_bytes(), ERROR_BYTES_MAX).to_string();
        self.error.get_or_init(|| text().into());
    }

    /// Notes that the server itself answered with this status to something that never became a
    /// request: a malformed head, or one that was too large. The connection's record is a warning
    /// then.
    pub fn refuse(&self, status: u16) {
        self.refused_with.store(status, Ordering::Relaxed);
    }

    /// Notes that the server closes it since its time-out has passed: for keeping it open, or for reading
    /// a request's head. Servers that hide the reason show a long `connection.idle_ms` all the same.
    pub fn time_out(&self) {
        self.has_timed_out.store(true, Ordering::Relaxed);
    }

    /// Notes that the handshake of TLS is done. The first call counts.
    pub fn encrypted(&self, tls: Tls) {
        let _ = self.tls.set(tls);
    }

    /// So many more bytes were read from it.
    pub fn add_received(&self, bytes: u64) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
        self.note_activity(bytes);
    }

    /// So many more bytes were written to it.
    pub fn add_sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
        self.note_activity(bytes);
    }

    fn note_activity(&self, bytes: u64) {
        if bytes != 0 {
            let active_us = self.opened.elapsed().as_micros() as u64;
            self.active_us.store(active_us, Ordering::Relaxed);
        }
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

    /// How many bytes were read from it so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// How many bytes were written to it so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(super) fn count_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }
}

impl Default for Connection {
    fn default() -> Self {
        Connection::new(None)
    }
}
