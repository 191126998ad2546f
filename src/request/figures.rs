//! What is counted of requests and connections that show in no figures of the log itself.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::fork::PerProcess;

static COUNTED: PerProcess<Counted> = PerProcess::new();

/// Nothing is read because of these, so all accesses are Relaxed.
#[derive(Debug, Default)]
struct Counted {
    refused_ids: AtomicU64,
    malformed_requests: AtomicU64,
    failed_handshakes: AtomicU64,
}

/// What clients have sent that the server could not take, since the process began: for a dashboard, or an
/// alarm. See [`figures`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figures {
    /// Request ids that were not taken over since they could do harm, see
    /// [`RequestId::accept`](super::RequestId::accept): too long, of other characters, or more than one. Their
    /// requests got new ids, and their records have the client's as `request_id.client`. Ids of who is not
    /// believed anyway, by [`Options::incoming_ids`](super::Options::incoming_ids), are not counted.
    pub refused_ids: u64,
    /// Connections that ended since the server refused what was no request, where an adapter sees
    /// connections. See [`Connection::refuse`](super::Connection::refuse).
    pub malformed_requests: u64,
    /// Connections whose handshake of TLS failed, where an adapter sees that. See
    /// [`Connection::handshake_failed`](super::Connection::handshake_failed).
    pub failed_handshakes: u64,
}

/// What was counted so far. A forked child begins at 0.
///
/// ```
/// let before = offloop::request::figures();
/// assert_eq!(before.refused_ids, 0);
/// ```
#[must_use]
pub fn figures() -> Figures {
    let counted = COUNTED.get();
    let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
    Figures {
        refused_ids: read(&counted.refused_ids),
        malformed_requests: read(&counted.malformed_requests),
        failed_handshakes: read(&counted.failed_handshakes),
    }
}

pub(super) fn count_refused_id() {
    COUNTED.get().refused_ids.fetch_add(1, Ordering::Relaxed);
}

pub(super) fn count_malformed_request() {
    let counted = &COUNTED.get().malformed_requests;
    counted.fetch_add(1, Ordering::Relaxed);
}

pub(super) fn count_failed_handshake() {
    let counted = &COUNTED.get().failed_handshakes;
    counted.fetch_add(1, Ordering::Relaxed);
}
