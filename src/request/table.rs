//! The requests in flight, of this process.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use slab::Slab;
use tracing::Level;

use super::TARGET;
use super::context::{RequestContext, Shared};
use super::outcome::Outcome;
use super::text::Part;
use crate::fork::PerProcess;

/// So many parts, so that threads seldom meet at one.
const PARTS: usize = 32;

#[derive(Debug, Default)]
struct Table {
    /// Each is locked for the moment in which a request enters or leaves.
    parts: [Mutex<Slab<Weak<Shared>>>; PARTS],
    next: AtomicUsize,
}

static TABLE: PerProcess<Table> = PerProcess::new();
static IS_SHUTTING_DOWN: AtomicBool = AtomicBool::new(false);

/// Notes a request that has just arrived.
pub(super) fn enter(request: &RequestContext) {
    let table = &*TABLE;
    // Relaxed: only spreads them.
    let part = table.next.fetch_add(1, Ordering::Relaxed) % PARTS;
    let place = lock(&table.parts[part]).insert(Arc::downgrade(&request.0));
    request
        .0
        .place
        .store(place * PARTS + part, Ordering::Relaxed);
}

/// Strikes out a request that has ended.
pub(super) fn leave(request: &RequestContext) {
    let place = request.0.place.load(Ordering::Relaxed);
    let mut part = lock(&TABLE.parts[place % PARTS]);
    let place = place / PARTS;
    // In a forked child the table does not have the requests of the parent.
    let is_it = part
        .get(place)
        .is_some_and(|entry| std::ptr::eq(entry.as_ptr(), Arc::as_ptr(&request.0)));
    if is_it {
        part.remove(place);
    }
}

fn lock<T>(part: &Mutex<T>) -> MutexGuard<'_, T> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

fn all() -> Vec<RequestContext> {
    let mut all = Vec::new();
    for part in &TABLE.parts {
        let part = lock(part);
        all.extend(
            part.iter()
                .filter_map(|(_, entry)| entry.upgrade())
                .map(RequestContext),
        );
    }
    all.sort_by_key(|request| request.0.started);
    all
}

/// A request that has not ended yet.
///
/// ```
/// for request in offloop::request::in_flight() {
///     println!("{} {} {:?}", request.method(), request.path(), request.age());
/// }
/// ```
#[derive(Clone, Debug)]
pub struct InFlight {
    request: RequestContext,
    age: Duration,
}

impl InFlight {
    /// The request.
    #[must_use]
    pub fn context(&self) -> &RequestContext {
        &self.request
    }

    /// Its method.
    #[must_use]
    pub fn method(&self) -> &str {
        self.request.0.text.get(Part::Method).unwrap_or_default()
    }

    /// Its path, at most 1 KiB of it.
    #[must_use]
    pub fn path(&self) -> &str {
        self.request.0.text.get(Part::Path).unwrap_or_default()
    }

    /// The matched route, where it is known.
    #[must_use]
    pub fn route(&self) -> Option<&str> {
        self.request.route()
    }

    /// The response's status, once its head was ready.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        let status = self.request.0.progress.status.load(Ordering::Relaxed);
        (status != 0).then_some(status)
    }

    /// For how long it has been under way.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.age
    }
}

/// The requests in flight, the oldest first.
///
/// ```
/// assert!(offloop::request::in_flight().is_empty());
/// ```
#[must_use]
pub fn in_flight() -> Vec<InFlight> {
    let all = all().into_iter();
    all.map(|request| InFlight {
        age: request.age(),
        request,
    })
    .collect()
}

/// Writes a record of each request in flight, at INFO: its `event.name` is
/// `http.server.request.inflight`.
///
/// ```
/// offloop::request::log_in_flight();
/// ```
pub fn log_in_flight() {
    for request in in_flight() {
        request.context().run(|| {
            tracing::event!(
                name: "request in flight",
                target: TARGET,
                parent: None,
                Level::INFO,
                event.name = "http.server.request.inflight",
                http.request.method = request.method(),
                http.route = request.route(),
                url.path = request.path(),
                http.response.status_code = request.status(),
                duration_ms = request.age().as_micros() as f64 / 1000.0,
                http.response.body.size = request.context().0.progress.sent.load(Ordering::Relaxed),
                "request in flight"
            );
        });
    }
}

/// From now on, a request that is dropped before its end was ended by the server's shutdown: its
/// outcome is [`Outcome::ServerShutdown`]. To be called before the runtime is dropped, once the time
/// for an orderly end is over.
///
/// ```no_run
/// offloop::request::begin_shutdown();
/// ```
pub fn begin_shutdown() {
    IS_SHUTTING_DOWN.store(true, Ordering::Relaxed);
}

pub(super) fn is_shutting_down() -> bool {
    IS_SHUTTING_DOWN.load(Ordering::Relaxed)
}

/// Writes the records of all requests that have not ended, with [`Outcome::ServerShutdown`]: the
/// time for an orderly end is over. [`Guard::shutdown`](crate::Guard::shutdown)
/// of the subscriber that [`init`](crate::init) installed does so by itself.
///
/// ```
/// offloop::request::end_in_flight();
/// ```
pub fn end_in_flight() {
    for request in all() {
        request.end(Outcome::ServerShutdown);
    }
}
