//! A request as those see it who work for it: whatever logs below its handler.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering,
};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing::Metadata;

use super::client::Client;
use super::connection::Connection;
use super::detail::{Detail, Kept};
use super::fields::{Added, Field, Value};
use super::id::RequestId;
use super::mark::Mark;
use super::options::Options;
use super::record::EndingState;
use super::table;
use super::text::{Part, Text};
use super::trace_context::TraceContext;
use super::upload::UploadState;
use crate::audit;
use crate::capture::buffer::Buffer;
use crate::capture::thread;
use crate::channel::overflow::{is_urgent, level_at};
use crate::channel::ticks;
use crate::fork;
use crate::pipeline::Pipeline;

/// A request as those see it who work for it. Cloning it costs next to nothing, and it may outlive
/// the request: what is added later is in no record.
///
/// While an adapter runs a part of the request's work, it is the current one of the thread, and
/// every record carries `request_id`, `trace_id` and `span_id`. To take it along into tasks and
/// threads, see [`carry`](super::carry) and [`InRequest`](super::InRequest). A span that was opened
/// meanwhile takes it along as well: who is in it works for the request, unless for another by itself.
///
/// ```
/// async fn handler() -> &'static str {
///     offloop::request::add("user.id", 42);
///     "hello"
/// }
/// # drop(handler());
/// ```
#[derive(Clone)]
pub struct RequestContext(pub(super) Arc<Shared>);

/// All that is known of a request.
pub(super) struct Shared {
    pub(super) options: Arc<Options>,
    /// The process that the request came to: a forked child has but a copy of it.
    pub(super) generation: u64,
    pub(super) id: RequestId,
    pub(super) trace: TraceContext,
    pub(super) mark: Mark,
    pub(super) text: Text,
    pub(super) protocol: &'static str,
    pub(super) route: OnceLock<Box<str>>,
    pub(super) client: Option<Client>,
    pub(super) peer: Option<SocketAddr>,
    pub(super) connection: Option<Arc<Connection>>,
    pub(super) started: Instant,
    pub(super) is_grpc: bool,
    pub(super) is_quiet: bool,
    /// From which duration on it is slow.
    pub(super) slow_after: Duration,
    /// The share of requests of its kind that is logged.
    pub(super) sample_rate: f64,
    pub(super) declared_upload: Option<u64>,
    pub(super) progress: Progress,
    pub(super) added: Mutex<Added>,
    /// Whether anything was added. Relaxed: who adds something that the record is to have has done so
    /// before the request is ended.
    pub(super) has_added: AtomicBool,
    /// Set when the record is written.
    pub(super) ending: EndingState,
    pub(super) detail: Mutex<Detail>,
    /// Where it is in the table of those in flight.
    pub(super) place: AtomicUsize,
}

/// How far a request has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Zero while there is no response.
    pub(super) status: AtomicU16,
    pub(super) head_us: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) upload: UploadState,
    pub(super) sent: AtomicU64,
    /// The declared length of the response's body, plus one; zero where there is none.
    pub(super) expected: AtomicU64,
    /// The status of a gRPC call, plus one; zero where there is none.
    pub(super) grpc_status: AtomicU32,
    pub(super) verdict: AtomicU8,
    /// Whether its records are written as they come: always, but for a request that the sampling
    /// leaves out as long as all goes well with it.
    pub(super) is_kept: AtomicBool,
    pub(super) is_detail_wanted: AtomicBool,
    /// How many records of the detail that was written had found no room.
    pub(super) detail_dropped: AtomicU64,
    /// How often it was reported to last long.
    pub(super) reports: AtomicU8,
    pub(super) has_ended: AtomicBool,
}

/// What is to be known of a record that may be held back.
pub(crate) struct Held<'p> {
    pub(crate) pipeline: &'p Arc<Pipeline>,
    pub(crate) metadata: &'p Metadata<'static>,
    /// Another one than the metadata's where one callsite stands for many.
    pub(crate) target: &'p str,
    pub(crate) level: u8,
    /// Whether only a request's detail wants it.
    pub(crate) is_detail: bool,
}

impl Held<'_> {
    /// Whether it is to be written whatever becomes of the request: it shows that not all is well,
    /// or the program waits for it.
    fn is_weighty(&self) -> bool {
        is_urgent(self.level) || audit::is_audit_at(self.target, level_at(self.level))
    }
}

impl Shared {
    /// The share of requests of its kind that is logged, unless all of them are.
    pub(super) fn shown_rate(&self) -> Option<f64> {
        (self.sample_rate < 1.0).then_some(self.sample_rate)
    }
}

impl RequestContext {
    /// The request that the thread is working for, if there is one.
    ///
    /// ```
    /// assert!(offloop::request::RequestContext::current().is_none());
    /// ```
    #[must_use]
    pub fn current() -> Option<RequestContext> {
        thread::request()
    }

    /// The request's id.
    ///
    /// ```
    /// if let Some(request) = offloop::request::RequestContext::current() {
    ///     println!("{}", request.id());
    /// }
    /// ```
    #[must_use]
    pub fn id(&self) -> &RequestId {
        &self.0.id
    }

    /// Its place in a distributed trace.
    ///
    /// ```
    /// if let Some(request) = offloop::request::RequestContext::current() {
    ///     println!("{}", request.trace().trace_id());
    /// }
    /// ```
    #[must_use]
    pub fn trace(&self) -> &TraceContext {
        &self.0.trace
    }

    /// Passes the headers that the response tells of the request, as name and value: `x-request-id`
    /// and `traceresponse`. None of them where [`Options::send_back`] says no.
    ///
    /// ```
    /// use offloop::request::{Arrival, RequestLog};
    ///
    /// let request = RequestLog::default().begin(Arrival::default(), &());
    /// let mut head = String::from("HTTP/1.1 200 OK\r\n");
    /// request.context().send_back(|name, value| head += &format!("{name}: {value}\r\n"));
    /// assert!(head.contains("\nx-request-id: ") && head.contains("\ntraceresponse: 00-"));
    /// ```
    pub fn send_back(&self, mut add_header: impl FnMut(&'static str, &str)) {
        if self.0.options.sends_back {
            add_header("x-request-id", self.id().as_str());
            add_header("traceresponse", self.trace().traceresponse().as_str());
        }
    }

    /// Passes the headers that carry the request's trace and id on to another service, as name and value:
    /// those of [`Options::propagation`], with a span for this one call, and `x-request-id`. A header
    /// without a value is not to be sent: what may stand there belongs to another request.
    ///
    /// ```
    /// use offloop::request::{Arrival, RequestLog};
    ///
    /// let request = RequestLog::default().begin(Arrival::default(), &());
    /// let mut headers = Vec::new();
    /// request.context().send_on(|name, value| {
    ///     headers.extend(value.map(|value| (name, value.to_owned())));
    /// });
    /// assert_eq!(headers[0].0, "traceparent");
    /// assert_eq!(headers[1].1, request.context().id().as_str());
    /// ```
    pub fn send_on(&self, mut set_header: impl FnMut(&'static str, Option<&str>)) {
        let propagation = self.0.options.propagation;
        propagation.pass_on(&self.0.trace, &mut set_header);
        set_header("x-request-id", Some(self.id().as_str()));
    }

    /// Adds a field to the request's record, or replaces its former value. A name that the record
    /// has itself gets the prefix `x.`; at most 64 fields of 16 KiB in all are kept, and others are
    /// counted in `dropped_fields`.
    ///
    /// ```
    /// if let Some(request) = offloop::request::RequestContext::current() {
    ///     request.add("plan", "gold");
    /// }
    /// ```
    pub fn add<'v>(&self, name: &str, value: impl Into<Value<'v>>) {
        self.add_foreign(name, value.into());
    }

    /// Adds an error with its source chain as the field `error`: why the request failed.
    ///
    /// ```
    /// # fn answer(error: std::io::Error) {
    /// if let Some(request) = offloop::request::RequestContext::current() {
    ///     request.add_error(&error);
    /// }
    /// # }
    /// ```
    pub fn add_error(&self, error: &(dyn Error + 'static)) {
        self.set("error", Value::Error(error));
    }

    /// Like [`add_error`](Self::add_error), unless the request has an error already: what the handler
    /// said of it has its sources, what frameworks make of it often does not.
    ///
    /// ```
    /// # fn answer(error: std::io::Error) {
    /// if let Some(request) = offloop::request::RequestContext::current() {
    ///     request.add_error_if_none(&error);
    /// }
    /// # }
    /// ```
    pub fn add_error_if_none(&self, error: &(dyn Error + 'static)) {
        if !self.is_own() || self.lock_added().has_error() {
            return;
        }
        let field = Field::new("error", Value::Error(error));
        let mut added = self.lock_added_to_add();
        // What the error's own text has done, or another thread meanwhile.
        if !added.has_error() {
            added.set(&field);
        }
    }

    /// Runs `part` as a part of the request's work: it is the thread's current one meanwhile.
    ///
    /// ```
    /// let carried = offloop::request::RequestContext::current();
    /// std::thread::spawn(move || match carried {
    ///     Some(request) => request.run(|| tracing::info!("still within the request")),
    ///     None => tracing::info!("outside of any"),
    /// });
    /// ```
    pub fn run<T>(&self, part: impl FnOnce() -> T) -> T {
        let _within = thread::within(self.clone());
        part()
    }

    fn add_foreign(&self, name: &str, value: Value<'_>) {
        if super::record::is_own_field(name) {
            self.set(&format!("x.{name}"), value);
        } else {
            self.set(name, value);
        }
    }

    pub(super) fn set(&self, name: &str, value: Value<'_>) {
        if self.is_own() {
            let field = Field::new(name, value);
            self.lock_added_to_add().set(&field);
        }
    }

    /// Whether the request came to this process. A forked child has but a copy of it, whose locks may
    /// be held for ever by threads that it does not have, and whose record the parent writes.
    pub(super) fn is_own(&self) -> bool {
        self.0.generation == fork::generation()
    }

    /// Asks for the request's detail: it is written however the request ends. A request that the
    /// sampling would leave out is kept.
    ///
    /// ```
    /// if let Some(request) = offloop::request::RequestContext::current() {
    ///     request.keep();
    /// }
    /// ```
    pub fn keep(&self) {
        let progress = &self.0.progress;
        progress.is_detail_wanted.store(true, Ordering::Relaxed);
        if !progress.is_kept.swap(true, Ordering::Relaxed) && self.is_own() {
            self.write_detail();
        }
    }

    /// Where in the unit interval the random part of its trace lies.
    pub(crate) fn random_share(&self) -> f64 {
        self.0.trace.random_share()
    }

    /// Whether records that nobody wants at once may be wanted in the end.
    pub(crate) fn keeps_detail(&self) -> bool {
        self.0.options.detail_bytes != 0 && !self.0.progress.has_ended.load(Ordering::Relaxed)
    }

    /// Takes a record that is not to be handed over, or not yet. Says no to one that is.
    #[inline]
    pub(crate) fn hold_back(&self, held: &Held<'_>, record: &[u8]) -> bool {
        let is_kept = self.0.progress.is_kept.load(Ordering::Relaxed);
        if is_kept && !held.is_detail {
            return false;
        }
        self.hold_back_slowly(held, record)
    }

    #[inline(never)]
    fn hold_back_slowly(&self, held: &Held<'_>, record: &[u8]) -> bool {
        if !self.is_own() {
            // Nobody would come back to it.
            return held.is_detail;
        }
        if !held.is_detail && table::is_look(held.metadata) {
            // The request may be left out all the same.
            return false;
        }
        if !held.is_detail && held.is_weighty() {
            self.keep();
            return false;
        }
        if self.keeps_detail() {
            let kept = Kept {
                level: held.level,
                ticks: ticks::now(),
                record,
            };
            return self.keep_detail(held, &kept);
        }
        true
    }

    /// Whether a record is not to be held back any more: who has decided meanwhile to keep the request
    /// takes what was held back, once.
    #[inline]
    pub(super) fn wants_at_once(&self, held: &Held<'_>) -> bool {
        !held.is_detail && self.0.progress.is_kept.load(Ordering::Relaxed)
    }

    fn lock_added_to_add(&self) -> MutexGuard<'_, Added> {
        self.0.has_added.store(true, Ordering::Relaxed);
        self.lock_added()
    }

    pub(super) fn lock_added(&self) -> MutexGuard<'_, Added> {
        self.0.added.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends what each record of the request carries. Says no if it does not fit.
    #[inline]
    pub(crate) fn write(&self, bytes: &mut Buffer) -> bool {
        self.0.mark.write(&self.0, bytes)
    }

    /// Passes what the handler has added, encoded, if it has added anything and `metadata` is the request's
    /// own record: another may be logged while that is written, and finds the fields locked.
    pub(crate) fn with_added(
        &self,
        metadata: &'static Metadata<'static>,
        use_fields: impl FnOnce(&[u8]),
    ) {
        if self.has_added() && self.is_own() && super::record::is_own(metadata) {
            use_fields(self.lock_added().as_bytes());
        }
    }

    pub(super) fn has_added(&self) -> bool {
        self.0.has_added.load(Ordering::Relaxed)
    }

    pub(super) fn route(&self) -> Option<&str> {
        let later = self.0.route.get().map(|route| &**route);
        later.or_else(|| self.0.text.get(Part::Route))
    }

    pub(super) fn age(&self) -> Duration {
        self.0.started.elapsed()
    }
}

impl fmt::Debug for RequestContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RequestContext")
            .field("id", &self.0.id)
            .field("method", &self.0.text.get(Part::Method))
            .field("path", &self.0.text.get(Part::Path))
            .finish_non_exhaustive()
    }
}

/// Adds a field to the record of the request that the thread is working for. Without one, nothing
/// happens. See [`RequestContext::add`].
///
/// ```
/// offloop::request::add("user.id", 42);
/// ```
pub fn add<'v>(name: &str, value: impl Into<Value<'v>>) {
    if let Some(request) = RequestContext::current() {
        request.add(name, value);
    }
}

/// Adds an error with its source chain to the record of the request that the thread is working for.
/// See [`RequestContext::add_error`].
///
/// ```
/// let refused = std::io::Error::other("no connection to the database");
/// offloop::request::add_error(&refused);
/// ```
pub fn add_error(error: &(dyn Error + 'static)) {
    if let Some(request) = RequestContext::current() {
        request.add_error(error);
    }
}
