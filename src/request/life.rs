//! A request from its arrival to its end: the moments that an adapter reports.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::arrival::{Arrival, Headers, only};
use super::configured;
use super::context::{Progress, RequestContext, Shared};
use super::fields::Value;
use super::id::RequestId;
use super::mark::Mark;
use super::options::Options;
use super::outcome::Outcome;
use super::record;
use super::table;
use super::text::Part;
use crate::capture::thread;
use crate::fork;

/// One request, from its arrival to its end, and the duty to write one record of it.
///
/// Made by [`RequestLog::begin`]. An adapter reports the moments that it sees, and drops it
/// whenever the request is dropped: what that means is found out here.
///
/// ```
/// use offloop::request::{Arrival, Options, Outcome, RequestLog, ResponseHead};
///
/// let log = RequestLog::new(Options::new());
/// let arrival = Arrival { method: "GET", path: "/", protocol: "1.1", ..Arrival::default() };
/// let mut request = log.begin(arrival, &());
/// let body = request.run(|| "hello");
/// request.head(ResponseHead { status: 200, length: Some(5), ..ResponseHead::default() }, &());
/// request.sent(body.len() as u64); // All of it: the record is written.
/// assert!(request.has_ended());
/// ```
pub struct Request {
    context: RequestContext,
    /// Another handle to it, which the thread has while it works for the request: handing it back
    /// and forth costs less than making one for each part of the work.
    lent: Option<RequestContext>,
}

/// The head of a response. Fields may be added in any version: end a literal as below.
///
/// ```
/// use offloop::request::ResponseHead;
///
/// let head = ResponseHead { status: 204, ..ResponseHead::default() };
/// # drop(head);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ResponseHead {
    /// The status.
    pub status: u16,
    /// How long the body is going to be, where that is declared.
    pub length: Option<u64>,
    /// Whether the body has ended before it began.
    pub is_body_ended: bool,
}

/// Begins requests by one set of options; by default by those that the program is configured with at
/// that time. Cloning it costs next to nothing.
///
/// ```
/// use offloop::request::{Options, RequestLog};
///
/// let log = RequestLog::new(Options::new().quiet("/health")?);
/// # drop(log);
/// # Ok::<(), offloop::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct RequestLog(Option<Arc<Options>>);

impl RequestLog {
    /// By these options.
    #[must_use]
    pub fn new(options: Options) -> Self {
        RequestLog(Some(Arc::new(options)))
    }

    /// A request has arrived.
    ///
    /// ```
    /// # use offloop::request::{Arrival, Options, RequestLog};
    /// let log = RequestLog::new(Options::new());
    /// let arrival = Arrival { method: "GET", path: "/", protocol: "2", ..Arrival::default() };
    /// let request = log.begin(arrival, &());
    /// assert_eq!(request.context().id().as_str().len(), 36);
    /// ```
    #[must_use]
    pub fn begin<H: Headers>(&self, arrival: Arrival<'_>, headers: &H) -> Request {
        let options = self.0.clone().unwrap_or_else(configured::options);
        let trace = options.trace_of(&arrival, headers);
        let at = options.at(arrival.path);
        let mut text = options.text_of(&arrival, at.shown_as, headers);
        let id = options.id_of(&arrival, headers, &mut text);
        let started = Instant::now();
        let id = id.unwrap_or_else(|| RequestId::make_at(started));
        if let Some(connection) = &arrival.connection {
            connection.count_request();
        }
        let (slow_after, sample_rate) = (at.slow_after, at.sample_rate);
        let is_kept = 1.0 <= sample_rate || trace.random_share() < sample_rate;
        let context = RequestContext(Arc::new(Shared {
            mark: Mark::default(),
            text,
            id,
            trace,
            protocol: arrival.protocol,
            route: Default::default(),
            client: options.client_of(&arrival, headers),
            peer: options.peer_of(&arrival),
            connection: arrival.connection,
            started,
            is_grpc: arrival.method == "POST" && is_grpc(headers),
            is_quiet: options.is_quiet(arrival.path),
            slow_after,
            sample_rate,
            declared_upload: content_length(headers),
            options,
            generation: fork::generation(),
            progress: Progress {
                is_kept: AtomicBool::new(is_kept),
                ..Progress::default()
            },
            added: Default::default(),
            has_added: Default::default(),
            ending: Default::default(),
            detail: Default::default(),
            place: Default::default(),
        }));
        let options = &context.0.options;
        options.add_request_headers(&context, headers);
        table::enter(&context);
        if options.announces {
            record::announce(&context);
        }
        Request {
            lent: Some(context.clone()),
            context,
        }
    }
}

fn is_grpc(headers: &impl Headers) -> bool {
    let content_type = headers.values("content-type").next();
    content_type.is_some_and(|content_type| content_type.starts_with(b"application/grpc"))
}

fn content_length(headers: &impl Headers) -> Option<u64> {
    let text = std::str::from_utf8(only(headers, "content-length")?).ok()?;
    text.parse().ok()
}

impl Request {
    /// The request as those see it who work for it.
    #[must_use]
    pub fn context(&self) -> &RequestContext {
        &self.context
    }

    /// Runs `part` while the thread works for the request.
    #[inline]
    pub(super) fn lend<T>(&mut self, part: impl FnOnce() -> T) -> T {
        let lent = self.lent.take().unwrap_or_else(|| self.context.clone());
        let _within = thread::lend(lent, &mut self.lent);
        part()
    }

    /// Notes the matched route, where it is known only after the arrival. The first one counts; it
    /// takes the place of what was known at the arrival.
    pub fn set_route(&self, route: &str) {
        self.context.set_route(route);
    }

    /// The response's head is ready. One that has no body by its nature (the answer to HEAD, 1xx,
    /// 204, 304), or whose body has ended already, ends the request. So does a declared length of
    /// nothing, which is reached with the head: servers do not ask such a body for anything. A switch
    /// to another protocol ends nothing: report its end by [`end`](Request::end) with
    /// [`Outcome::Upgraded`].
    pub fn head<H: Headers>(&mut self, head: ResponseHead, headers: &H) {
        let shared = &self.context.0;
        let progress = &shared.progress;
        let head_us = shared.started.elapsed().as_micros() as u64;
        // Relaxed, here and below: these are figures, nothing is read because of them.
        progress.head_us.store(head_us, Ordering::Relaxed);
        progress.status.store(head.status, Ordering::Relaxed);
        let expected = head.length.map_or(0, |length| length.saturating_add(1));
        progress.expected.store(expected, Ordering::Relaxed);
        shared.options.add_response_headers(&self.context, headers);
        if shared.is_grpc
            && let Some(code) = grpc_status(headers)
        {
            self.grpc_status(code);
        }
        let is_bodyless = matches!(head.status, 102..=199 | 204 | 304)
            || shared.text.get(Part::Method) == Some("HEAD");
        // A gRPC call has its status behind the body.
        let is_nothing_declared = head.length == Some(0) && !shared.is_grpc;
        let is_whole = is_bodyless || is_nothing_declared || head.is_body_ended;
        if head.status != 101 && is_whole {
            self.end(Outcome::Completed);
        }
    }

    /// So many more bytes of the response's body are on their way. Reaching its declared length ends
    /// the request, since servers drop a body there without asking it for more.
    pub fn sent(&mut self, bytes: u64) {
        let progress = &self.context.0.progress;
        // Nobody else adds to it.
        let sent = progress.sent.load(Ordering::Relaxed) + bytes;
        progress.sent.store(sent, Ordering::Relaxed);
        let expected = progress.expected.load(Ordering::Relaxed);
        // A gRPC call has its status behind the body.
        if expected != 0 && expected - 1 <= sent && !self.context.0.is_grpc {
            self.end(Outcome::Completed);
        }
    }

    /// The response's body has come to its end.
    pub fn body_ended(&mut self) {
        let progress = &self.context.0.progress;
        let expected = progress.expected.load(Ordering::Relaxed);
        let is_truncated = progress.sent.load(Ordering::Relaxed) + 1 < expected;
        self.end(if is_truncated {
            Outcome::Truncated
        } else {
            Outcome::Completed
        });
    }

    /// The trailers of the response: they are its end.
    pub fn trailers<H: Headers>(&mut self, trailers: &H) {
        if let Some(code) = grpc_status(trailers) {
            self.grpc_status(code);
        }
        self.body_ended();
    }

    fn grpc_status(&self, code: u32) {
        let progress = &self.context.0.progress;
        progress
            .grpc_status
            .store(code.saturating_add(1), Ordering::Relaxed);
    }

    /// The request has come to its end. The record is written by the first call of all those that
    /// may report it.
    pub fn end(&mut self, outcome: Outcome) {
        // Most report the end of a body that has reached its declared length once more.
        if !self.has_ended() {
            self.context.end(outcome, &mut self.lent);
        }
    }

    /// It has come to its end by an error, which goes into the record.
    pub fn fail(&mut self, outcome: Outcome, error: Value<'_>) {
        if !self.has_ended() {
            self.context.set("error", error);
            self.end(outcome);
        }
    }

    /// Whether the record is written.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.context.0.progress.has_ended.load(Ordering::Relaxed)
    }

    /// Why it is dropped before its end.
    fn outcome_of_drop(&self) -> Outcome {
        if table::is_shutting_down() {
            return Outcome::ServerShutdown;
        }
        match &self.context.0.connection {
            None => Outcome::Cancelled,
            Some(connection) if !connection.is_open() => Outcome::ClientDisconnect,
            // Streams of HTTP/2 and 3 end alone; before, a connection ends with its request.
            Some(_) if matches!(self.context.0.protocol, "2" | "3") => Outcome::StreamReset,
            Some(_) => Outcome::Cancelled,
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if !self.has_ended() {
            self.end(self.outcome_of_drop());
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.context.fmt(formatter)
    }
}

impl RequestContext {
    /// Notes the matched route, where a router inside of the adapter finds it. The first one counts;
    /// it takes the place of what was known at the arrival.
    ///
    /// ```
    /// if let Some(request) = offloop::request::RequestContext::current() {
    ///     request.set_route("/users/{id}");
    /// }
    /// ```
    pub fn set_route(&self, route: &str) {
        // A forked child might wait for a thread that it does not have, for a record that is not its own.
        if self.is_own() && self.route() != Some(route) {
            let _ = self.0.route.set(route.into());
        }
    }
}

/// `grpc-status`, as a head or trailers have it.
fn grpc_status(headers: &impl Headers) -> Option<u32> {
    let text = std::str::from_utf8(headers.values("grpc-status").next()?).ok()?;
    text.parse().ok()
}
