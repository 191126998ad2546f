//! The requests in flight, of this process.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use slab::Slab;
use tracing::{Level, Metadata};

use super::TARGET;
use super::connection;
use super::context::{RequestContext, Shared};
use super::outcome::Outcome;
use super::text::Part;
use crate::fork::PerProcess;

/// The name of the callsite that shows a request in flight.
const NAME: &str = "request in flight";

/// So many parts, so that threads seldom meet at one.
const PARTS: usize = 32;

#[derive(Debug, Default)]
struct Table {
    /// Each is locked for the moment in which a request enters or leaves.
    parts: [Mutex<Slab<Weak<Shared>>>; PARTS],
}

type Entries<'t> = MutexGuard<'t, Slab<Weak<Shared>>>;

static TABLE: PerProcess<Table> = PerProcess::new();
static IS_SHUTTING_DOWN: AtomicBool = AtomicBool::new(false);

/// Notes a request that has just arrived.
pub(super) fn enter(request: &RequestContext) {
    let part = part_of_thread();
    let place = lock(&TABLE.get().parts[part]).insert(Arc::downgrade(&request.0));
    request
        .0
        .place
        .store(place * PARTS + part, Ordering::Relaxed);
}

/// The part into which a thread's requests go: threads have different ones as long as there are
/// enough. A request may well be struck out by another thread.
fn part_of_thread() -> usize {
    // Relaxed: only spreads them.
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static PART: usize = NEXT.fetch_add(1, Ordering::Relaxed) % PARTS);
    // A thread that is ending takes any.
    PART.try_with(|part| *part).unwrap_or(0)
}

/// Strikes out a request that has ended.
pub(super) fn leave(request: &RequestContext) {
    let place = request.0.place.load(Ordering::Relaxed);
    let mut part = lock(&TABLE.get().parts[place % PARTS]);
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
    collect(TABLE.get().parts.iter().map(lock))
}

/// The same, but for those in parts that are locked just now.
fn available() -> Vec<RequestContext> {
    collect(
        TABLE
            .get()
            .parts
            .iter()
            .filter_map(|part| part.try_lock().ok()),
    )
}

fn collect<'t>(parts: impl Iterator<Item = Entries<'t>>) -> Vec<RequestContext> {
    let mut all: Vec<_> = parts
        .flat_map(|part| {
            let live = part.iter().filter_map(|(_, entry)| entry.upgrade());
            live.map(RequestContext).collect::<Vec<_>>()
        })
        .collect();
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
    pub(super) fn new(request: RequestContext) -> Self {
        InFlight {
            age: request.age(),
            request,
        }
    }

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

    /// Its path, at most 1 KiB of it, as far as records show it.
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

    pub(super) fn log(&self) {
        let sent = &self.request.0.progress.sent;
        self.request.run(|| {
            tracing::event!(
                name: NAME,
                target: TARGET,
                parent: None,
                Level::INFO,
                event.name = "http.server.request.inflight",
                http.request.method = self.method(),
                http.route = self.route(),
                url.path = self.request.0.text.get(Part::Path),
                http.response.status_code = self.status(),
                duration_ms = self.age.as_micros() as f64 / 1000.0,
                http.response.body.size = sent.load(Ordering::Relaxed),
                "request in flight"
            );
        });
    }

    /// Whether it has lasted for `long`, or twice as long as when this was last so.
    pub(super) fn report_is_due(&self, long: Duration) -> bool {
        let reports = &self.request.0.progress.reports;
        let reported = reports.load(Ordering::Relaxed);
        let due = long.saturating_mul(1 << reported.min(30));
        let is_due = due <= self.age;
        if is_due {
            reports.store(reported.saturating_add(1), Ordering::Relaxed);
        }
        is_due
    }

    /// For how long it has been under way.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.age
    }
}

/// Whether a callsite shows a request in flight: who asks for these wants to see all.
pub(super) fn is_look(metadata: &Metadata<'_>) -> bool {
    metadata.name() == NAME && metadata.target() == TARGET
}

/// The requests in flight, the oldest first.
///
/// ```
/// assert!(offloop::request::in_flight().is_empty());
/// ```
#[must_use]
pub fn in_flight() -> Vec<InFlight> {
    all().into_iter().map(InFlight::new).collect()
}

/// The same as [`log_in_flight`] for a process that is about to abort: it waits for nobody.
pub(crate) fn log_available() {
    let requests = available().into_iter().map(InFlight::new);
    requests.for_each(|request| request.log());
}

/// Writes a record of each request in flight, at INFO: its `event.name` is
/// `http.server.request.inflight`.
///
/// ```
/// offloop::request::log_in_flight();
/// ```
pub fn log_in_flight() {
    in_flight().iter().for_each(InFlight::log);
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
        request.end(Outcome::ServerShutdown, &mut None);
    }
    connection::tell_rest();
}
