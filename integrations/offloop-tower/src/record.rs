//! The span of a request, and the one record at its end.

use std::time::Instant;

use http::{Method, Request, Uri};
use tracing::{Level, Span};

use crate::id::RequestId;
use crate::outcome::Outcome;
use crate::route::Route;

/// The target of the span and of the record.
const TARGET: &str = "offloop_tower";

/// Methods that are logged by name. All others are `_OTHER`, because a client can make up as many
/// as it likes.
const METHODS_KNOWN: [Method; 9] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::HEAD,
    Method::OPTIONS,
    Method::CONNECT,
    Method::PATCH,
    Method::TRACE,
];

/// What is known of a request from its arrival, and the duty to write it down once at the end.
///
/// Whoever drops it unwritten has dropped the request: that is an outcome, too.
#[derive(Debug)]
pub(crate) struct RequestRecord {
    id: RequestId,
    method: Method,
    uri: Uri,
    route: Option<Route>,
    started: Instant,
    span: Span,
    running: bool,
    written: bool,
}

/// Writes the record at a level, which a callsite of `tracing` must know when it is compiled.
macro_rules! write_at {
    ($level:expr, $record:expr, $outcome:expr) => {
        tracing::event!(
            target: TARGET,
            $level,
            // The span has some of these fields as well. A filter may have disabled the span,
            // so the record does not rely on it.
            request_id = $record.id.as_str(),
            http.request.method = method_name(&$record.method),
            http.request.method_original = method_original(&$record.method),
            http.route = $record.route.as_ref().map(Route::as_str),
            url.path = $record.uri.path(),
            http.response.status_code = $outcome.status(),
            duration_ms = duration_ms(&$record.started),
            outcome = $outcome.name(),
            "error.type" = $outcome.error_type(),
            "request"
        )
    };
}

impl RequestRecord {
    /// Opens the span of a request that has just arrived.
    pub(crate) fn open<Body>(request: &Request<Body>, id: RequestId) -> Self {
        let span = tracing::info_span!(
            target: TARGET,
            "request",
            request_id = id.as_str(),
            http.request.method = method_name(request.method()),
            url.path = request.uri().path(),
        );
        Self {
            id,
            method: request.method().clone(),
            uri: request.uri().clone(),
            route: Route::of(request),
            started: Instant::now(),
            span,
            running: false,
            written: false,
        }
    }

    pub(crate) fn id(&self) -> &RequestId {
        &self.id
    }

    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// Runs a part of the service. If that panics, the record knows, because it is still running
    /// when it is dropped. The thread may be panicking for other reasons, so asking it would not do.
    pub(crate) fn run<T>(&mut self, service: impl FnOnce() -> T) -> T {
        self.running = true;
        let result = service();
        self.running = false;
        result
    }

    /// Writes the record, inside the request's span.
    pub(crate) fn write(&mut self, outcome: Outcome) {
        self.written = true;
        self.span.in_scope(|| match outcome.error_type() {
            Some(_) => write_at!(Level::ERROR, self, outcome),
            None => write_at!(Level::INFO, self, outcome),
        });
    }
}

impl Drop for RequestRecord {
    fn drop(&mut self) {
        if self.written {
            return;
        }
        let outcome = if self.running {
            Outcome::Panic
        } else {
            Outcome::Cancelled
        };
        self.write(outcome);
    }
}

fn method_name(method: &Method) -> &str {
    if METHODS_KNOWN.contains(method) {
        method.as_str()
    } else {
        "_OTHER"
    }
}

fn method_original(method: &Method) -> Option<&str> {
    if METHODS_KNOWN.contains(method) {
        None
    } else {
        Some(method.as_str())
    }
}

fn duration_ms(started: &Instant) -> f64 {
    // Whole microseconds, because more digits than that would be noise.
    started.elapsed().as_micros() as f64 / 1000.0
}
