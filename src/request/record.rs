//! The one record of a request, at its end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::{Level, field};

use super::TARGET;
use super::context::{RequestContext, Shared};
use super::options::Naming;
use super::outcome::{Ended, Outcome, Phase, grpc_name};
use super::text::Part;
use crate::capture::thread;

/// The name of its callsites.
pub(super) const NAME: &str = "request";

/// Methods that are logged by name. All others are `_OTHER`, because a client can make up as many
/// as it likes. As in OpenTelemetry's conventions.
const METHODS_KNOWN: [&str; 10] = [
    "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "CONNECT", "PATCH", "TRACE", "QUERY",
];

/// Prefixes of the names that the record has itself.
const OWN_PREFIXES: [&str; 10] = [
    "http.",
    "url.",
    "network.",
    "server.",
    "client.",
    "user_agent.",
    "rpc.",
    "error.",
    "outcome.",
    "event.",
];

/// The rest of these names.
const OWN_NAMES: [&str; 11] = [
    "message",
    "error",
    "outcome",
    "request_id",
    "trace_id",
    "span_id",
    "parent_span_id",
    "duration_ms",
    "ttfb_ms",
    "sample_rate",
    "dropped_fields",
];

/// Whether a handler may not give this name to a field.
pub(super) fn is_own_field(name: &str) -> bool {
    OWN_NAMES.contains(&name) || OWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// What a record says, apart from what stands in the request's own state.
struct Facts<'r> {
    request: &'r RequestContext,
    ended: Ended<'r>,
    phase: Option<Phase>,
    error_type: Option<&'r str>,
    ttfb: Option<Duration>,
}

/// Writes the record. Everything in it is known by then; the thread adds what the handler added.
pub(super) fn write(request: &RequestContext, outcome: Outcome, phase: Option<Phase>) {
    let ended = ended(request, outcome);
    let options = &request.0.options;
    let detail = options.wants_detail_of(&ended);
    let progress = &request.0.progress;
    if detail || progress.is_detail_wanted.load(Ordering::Relaxed) {
        request.write_detail();
    } else if !progress.is_kept.load(Ordering::Relaxed) {
        // The sampling leaves it out.
        return;
    }
    let level = options.level_of(&ended);
    let mut digits = itoa::Buffer::new();
    let status = ended.status.map_or("", |status| digits.format(status));
    let error_type = error_type(&ended, status);
    let head_us = request.0.progress.head_us.load(Ordering::Relaxed);
    let facts = Facts {
        request,
        ended,
        phase,
        error_type,
        ttfb: ended.status.map(|_| Duration::from_micros(head_us)),
    };
    let _at_end = thread::at_end_of(request.clone());
    match options.naming {
        Naming::OpenTelemetry => write_opentelemetry(&facts, level),
        Naming::ElasticCommonSchema => write_elastic(&facts, level),
    }
}

/// Writes that a request has arrived.
pub(super) fn announce(request: &RequestContext) {
    let shared = &*request.0;
    let text = |part| shared.text.get(part);
    request.run(|| {
        tracing::event!(
            name: "request arrived",
            target: TARGET,
            parent: None,
            Level::INFO,
            event.name = "http.server.request.start",
            http.request.method = method(text(Part::Method).unwrap_or_default()),
            http.route = request.route(),
            url.path = text(Part::Path),
            client.address = shared.client.map(|client| field::display(client.address())),
            "request arrived"
        );
    });
}

fn ended(request: &RequestContext, outcome: Outcome) -> Ended<'_> {
    let shared = &*request.0;
    let duration = request.age();
    let status = shared.progress.status.load(Ordering::Relaxed);
    let grpc_status = shared.progress.grpc_status.load(Ordering::Relaxed);
    Ended {
        outcome,
        status: (status != 0).then_some(status),
        grpc_status: grpc_status.checked_sub(1),
        is_grpc: shared.is_grpc,
        method: shared.text.get(Part::Method).unwrap_or_default(),
        route: request.route(),
        path: shared.text.get(Part::Path).unwrap_or_default(),
        duration,
        is_among_slowest: shared.options.is_among_slowest(outcome, duration),
        is_slow: shared.options.slow_after <= duration,
        is_quiet: shared.is_quiet,
    }
}

/// What kind of an error it was, in few different words.
fn error_type<'s>(ended: &Ended<'_>, status: &'s str) -> Option<&'s str> {
    match ended.outcome {
        Outcome::Upgraded => None,
        Outcome::Completed if ended.is_grpc => match ended.grpc_status {
            Some(0) => None,
            Some(code) => Some(grpc_name(code)),
            None => Some("grpc_status_missing"),
        },
        Outcome::Completed => ended.is_error().then_some(status),
        outcome => Some(outcome.as_str()),
    }
}

/// Writes an event at a level, which a callsite of `tracing` must know when it is compiled.
macro_rules! write_at {
    ($level:expr, $($fields:tt)+) => {
        match $level {
            Level::ERROR => write_at!(@ Level::ERROR, $($fields)+),
            Level::WARN => write_at!(@ Level::WARN, $($fields)+),
            Level::INFO => write_at!(@ Level::INFO, $($fields)+),
            Level::DEBUG => write_at!(@ Level::DEBUG, $($fields)+),
            Level::TRACE => write_at!(@ Level::TRACE, $($fields)+),
        }
    };
    (@ $level:expr, $($fields:tt)+) => {
        tracing::event!(name: NAME, target: TARGET, parent: None, $level, $($fields)+)
    };
}

fn write_opentelemetry(facts: &Facts<'_>, level: Level) {
    let shared = &*facts.request.0;
    let ended = &facts.ended;
    let text = |part| shared.text.get(part);
    let added = facts.request.dropped_fields();
    write_at!(
        level,
        event.name = "http.server.request",
        http.request.method = method(ended.method),
        http.request.method_original = method_original(ended.method),
        http.route = ended.route,
        url.path = ended.path,
        url.query = text(Part::Query),
        url.scheme = text(Part::Scheme),
        http.response.status_code = ended.status,
        outcome = ended.outcome.as_str(),
        outcome.phase = facts.phase.map(Phase::as_str),
        "error.type" = facts.error_type,
        duration_ms = milliseconds(ended.duration),
        ttfb_ms = facts.ttfb.map(milliseconds),
        http.request.body.size = shared.progress.received.load(Ordering::Relaxed),
        http.response.body.size = shared.progress.sent.load(Ordering::Relaxed),
        network.protocol.version = known(shared.protocol),
        server.address = text(Part::Host),
        client.address = shared.client.map(|client| field::display(client.address())),
        client.address.invalid = client_is_invalid(shared),
        network.peer.address = shared.peer.map(|peer| field::display(peer.ip())),
        network.peer.port = shared.peer.map(|peer| peer.port()),
        user_agent.original = text(Part::UserAgent),
        rpc.system.name = ended.is_grpc.then_some("grpc"),
        rpc.method = rpc_method(ended),
        rpc.response.status_code = ended.grpc_status.map(grpc_name),
        request_id = shared.id.as_str(),
        trace_id = shared.trace.trace_id().as_str(),
        span_id = shared.trace.span_id().as_str(),
        parent_span_id = shared.trace.parent_span_id().map(|id| id.as_str()),
        sample_rate = facts.request.0.options.shown_rate(),
        dropped_fields = added,
        "request"
    );
}

fn write_elastic(facts: &Facts<'_>, level: Level) {
    let shared = &*facts.request.0;
    let ended = &facts.ended;
    let text = |part| shared.text.get(part);
    let added = facts.request.dropped_fields();
    write_at!(
        level,
        event.action = "http.server.request",
        event.dataset = "offloop.access",
        http.request.method = ended.method,
        http.route = ended.route,
        url.path = ended.path,
        url.query = text(Part::Query),
        url.scheme = text(Part::Scheme),
        url.domain = text(Part::Host),
        http.response.status_code = ended.status,
        event.outcome = if facts.error_type.is_some() {
            "failure"
        } else {
            "success"
        },
        event.reason = ended.outcome.as_str(),
        outcome.phase = facts.phase.map(Phase::as_str),
        "error.type" = facts.error_type,
        event.duration = u64::try_from(ended.duration.as_nanos()).unwrap_or(u64::MAX),
        ttfb_ms = facts.ttfb.map(milliseconds),
        http.request.body.bytes = shared.progress.received.load(Ordering::Relaxed),
        http.response.body.bytes = shared.progress.sent.load(Ordering::Relaxed),
        http.version = known(shared.protocol),
        client.ip = shared.client.map(|client| field::display(client.address())),
        client.address.invalid = client_is_invalid(shared),
        source.ip = shared.peer.map(|peer| field::display(peer.ip())),
        source.port = shared.peer.map(|peer| peer.port()),
        user_agent.original = text(Part::UserAgent),
        rpc.system.name = ended.is_grpc.then_some("grpc"),
        rpc.method = rpc_method(ended),
        rpc.response.status_code = ended.grpc_status.map(grpc_name),
        http.request.id = shared.id.as_str(),
        trace.id = shared.trace.trace_id().as_str(),
        span.id = shared.trace.span_id().as_str(),
        parent.id = shared.trace.parent_span_id().map(|id| id.as_str()),
        sample_rate = facts.request.0.options.shown_rate(),
        dropped_fields = added,
        "request"
    );
}

fn method(method: &str) -> &str {
    if METHODS_KNOWN.contains(&method) {
        method
    } else {
        "_OTHER"
    }
}

fn method_original(method: &str) -> Option<&str> {
    (!METHODS_KNOWN.contains(&method)).then_some(method)
}

/// Not every framework says.
fn known(protocol: &str) -> Option<&str> {
    (!protocol.is_empty()).then_some(protocol)
}

/// The path of a gRPC call is its method's full name.
fn rpc_method<'e>(ended: &Ended<'e>) -> Option<&'e str> {
    ended.is_grpc.then(|| ended.path.trim_start_matches('/'))
}

/// Whether what the proxies say of the client cannot be right.
fn client_is_invalid(shared: &Shared) -> Option<bool> {
    let client = shared.client.as_ref()?;
    (!client.is_valid()).then_some(true)
}

fn milliseconds(duration: Duration) -> f64 {
    // Whole microseconds, because more digits than that would be noise.
    duration.as_micros() as f64 / 1000.0
}

impl RequestContext {
    fn dropped_fields(&self) -> Option<u64> {
        Some(self.lock_added().dropped()).filter(|dropped| *dropped != 0)
    }
}
