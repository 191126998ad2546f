//! A connection's one record, and which of them are warnings.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::sync::atomic::Ordering;

use tracing::{Level, field};

use super::flood::{self, HANDSHAKES, MALFORMED};
use super::{CLOSED_BY_CLIENT, Connection, FAILED, Tls};
use crate::request::{TARGET, figures};

/// Writes a warning that anybody can cause, with how many were held back before it; or the same at DEBUG, if
/// it is one too many itself. A callsite has one level, so there are two of them.
macro_rules! warn_unless_flooded {
    ($kind:ident, $connection:ident, $message:literal, $($name:ident).+ = $value:expr, $($fields:tt)+) => {
        match $kind.get().admit() {
            Some(held_back) => warn_unless_flooded!(@write Level::WARN, $connection, $message,
                $($name).+ = $value, suppressed = held_back, $($fields)+),
            None => warn_unless_flooded!(@write Level::DEBUG, $connection, $message,
                $($name).+ = $value, $($fields)+),
        }
    };
    (@write $level:expr, $connection:ident, $message:literal, $($fields:tt)+) => {
        tracing::event!(
            name: $message,
            target: TARGET,
            parent: None,
            $level,
            $($fields)+
            network.peer.address = $connection.peer.map(|peer| field::display(peer.ip())),
            network.peer.port = $connection.peer.map(|peer| peer.port()),
            connection.requests = $connection.requests(),
            connection.received.size = $connection.received(),
            connection.sent.size = $connection.sent(),
            duration_ms = $connection.age_ms(),
            $message
        )
    };
}

impl Connection {
    /// Writes the connection's record: it has come to its end. An adapter that sees the end calls
    /// this once the requests have ended, too; the first call counts.
    ///
    /// The record's `event.name` is `http.server.connection`. It is at DEBUG, and at WARN where the
    /// server answered to something that was no request. `connection.error` is what was said where a read or
    /// a write failed, [be it known](Self::fail_by). `connection.end` is `client_close`, `error`,
    /// `timeout` (see [`time_out`](Self::time_out)), `malformed_request` or `server_close`, and
    /// `connection.idle_ms` how long nothing had come or gone by then: a server that closes what was
    /// idle for as long as its time-out says has done so for that, while one that has just answered had
    /// another reason. A connection whose [handshake failed](Self::handshake_failed) has another record.
    ///
    /// Anybody can cause these warnings, so there are at most 20 of a kind at once, and one in ten seconds as
    /// long as it goes on. The records of all others are at DEBUG, and `suppressed` of the next warning says
    /// how many these were. [`Figures`](crate::request::Figures) count all.
    ///
    /// ```
    /// let connection = offloop::request::Connection::new(None);
    /// connection.close_by_client();
    /// connection.end();
    /// ```
    pub fn end(&self) {
        if self.has_ended.swap(true, Ordering::Relaxed) {
            return;
        }
        match self.refused_with.load(Ordering::Relaxed) {
            0 => self.write_closed(),
            status => self.write_refused(status),
        }
        flood::tell_overdue();
    }

    /// Writes the connection's record: it has come to its end since the two ends could not agree on how to
    /// encrypt it. It takes the place of that of [`end`](Self::end), since there is no more to tell: who
    /// looks for connections that came to nothing finds one record for each.
    ///
    /// Its `event.name` is `http.server.tls_error`, it is at WARN within the limits that `end` has,
    /// `connection.end` is `tls_error`, and `error` is what TLS said, as a list with the sources.
    ///
    /// A client that goes away without a byte having been read from it is none of these: balancers and
    /// scanners look that way whether somebody listens. That shows in the ordinary record, at DEBUG. Where bytes
    /// are counted above TLS, as they are by listeners around that of TLS, none are read before the end of the
    /// handshake, so there it holds for all clients that merely go away.
    ///
    /// ```
    /// use std::io;
    ///
    /// let connection = offloop::request::Connection::new(None);
    /// connection.handshake_failed(&io::Error::other("peer is incompatible"));
    /// ```
    pub fn handshake_failed(&self, error: &(dyn Error + 'static)) {
        let cause = error.downcast_ref::<io::Error>();
        if self.received() == 0 && self.note_gone(cause) {
            return;
        }
        if self.has_ended.swap(true, Ordering::Relaxed) {
            return;
        }
        self.fail();
        figures::count_failed_handshake();
        warn_unless_flooded!(
            HANDSHAKES,
            self,
            "TLS handshake failed",
            event.name = "http.server.tls_error",
            connection.end = "tls_error",
            error = error,
        );
    }

    /// Whether the client has gone away, which is noted then.
    fn note_gone(&self, error: Option<&io::Error>) -> bool {
        use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        let is_closed = self.state.load(Ordering::Relaxed) == CLOSED_BY_CLIENT;
        match error.map(io::Error::kind) {
            Some(UnexpectedEof) => self.close_by_client(),
            Some(BrokenPipe | ConnectionAborted | ConnectionReset) => self.fail(),
            _ => return is_closed,
        }
        if let Some(error) = error {
            self.note_error(error);
        }
        true
    }

    fn write_closed(&self) {
        tracing::event!(
            name: "connection",
            target: TARGET,
            parent: None,
            Level::DEBUG,
            event.name = "http.server.connection",
            network.peer.address = self.peer.map(|peer| field::display(peer.ip())),
            network.peer.port = self.peer.map(|peer| peer.port()),
            tls.protocol.version = self.tls(|tls| &tls.version),
            tls.next_protocol = self.tls(|tls| &tls.next_protocol),
            tls.client.server_name = self.tls(|tls| &tls.server_name),
            connection.end = self.reason(),
            connection.error = self.error.get().map(|text| &**text),
            connection.idle_ms = self.idle_ms(),
            connection.requests = self.requests(),
            connection.received.size = self.received(),
            connection.sent.size = self.sent(),
            duration_ms = self.age_ms(),
            "connection closed"
        );
    }

    fn write_refused(&self, status: u16) {
        figures::count_malformed_request();
        warn_unless_flooded!(
            MALFORMED,
            self,
            "malformed request",
            event.name = "http.server.connection",
            connection.end = "malformed_request",
            http.response.status_code = status,
        );
    }

    fn tls(&self, part: impl Fn(&Tls) -> &Option<Box<str>>) -> Option<&str> {
        part(self.tls.get()?).as_deref()
    }

    fn reason(&self) -> &'static str {
        match self.state.load(Ordering::Relaxed) {
            CLOSED_BY_CLIENT => "client_close",
            FAILED => "error",
            _ if self.has_timed_out.load(Ordering::Relaxed) => "timeout",
            _ => "server_close",
        }
    }

    fn idle_ms(&self) -> f64 {
        let age_us = self.opened.elapsed().as_micros() as u64;
        let idle_us = age_us.saturating_sub(self.active_us.load(Ordering::Relaxed));
        idle_us as f64 / 1000.0
    }

    fn age_ms(&self) -> f64 {
        self.opened.elapsed().as_micros() as f64 / 1000.0
    }
}
