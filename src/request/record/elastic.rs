//! The record's fields as the Elastic Common Schema names them.

use tracing::Level;

use super::facts::Facts;
use super::places::{Places, fields};
use super::{NAME, TARGET};
use crate::request::outcome::Phase;
use crate::request::text::Part;

fields! {
    facts:
    message = "request",
    event.action = "http.server.request",
    event.dataset = "offloop.access",
    http.request.method = facts.ended.method,
    http.route = facts.ended.route,
    url.path = facts.text(Part::Path),
    url.query = facts.text(Part::Query),
    url.scheme = facts.text(Part::Scheme),
    url.domain = facts.text(Part::Host),
    http.response.status_code = facts.ended.status,
    event.outcome = if facts.error_type.is_some() {
        "failure"
    } else {
        "success"
    },
    event.reason = facts.ended.outcome.as_str(),
    outcome.phase = facts.phase.map(Phase::as_str),
    "error.type" = facts.error_type,
    event.duration = u64::try_from(facts.ended.duration.as_nanos()).unwrap_or(u64::MAX),
    ttfb_ms = facts.ttfb_ms(),
    http.request.body.bytes = facts.received(),
    http.response.body.bytes = facts.sent(),
    http.version = facts.protocol(),
    client.ip = facts.client(),
    client.address.invalid = facts.client_is_invalid(),
    source.ip = facts.peer(),
    source.port = facts.peer_port(),
    user_agent.original = facts.text(Part::UserAgent),
    rpc.system.name = facts.rpc_system(),
    rpc.method = facts.rpc_method(),
    rpc.response.status_code = facts.rpc_status(),
    http.request.id = facts.shared.id.as_str(),
    request_id.client = facts.text(Part::RefusedId),
    trace.id = facts.shared.trace.trace_id().as_str(),
    span.id = facts.shared.trace.span_id().as_str(),
    parent.id = facts.parent_span_id(),
    sample_rate = facts.shared.shown_rate(),
    dropped_detail = facts.dropped_detail(),
    dropped_fields = facts.dropped_fields(),
}
