//! The record's fields as OpenTelemetry's conventions name them.

use tracing::Level;

use super::facts::{Facts, method, milliseconds};
use super::places::{Places, fields};
use super::{NAME, TARGET};
use crate::request::outcome::Phase;
use crate::request::text::Part;

fields! {
    facts:
    message = "request",
    event.name = "http.server.request",
    http.request.method = method(facts.ended.method),
    http.request.method_original = facts.method_original(),
    http.route = facts.ended.route,
    url.path = facts.text(Part::Path),
    url.query = facts.text(Part::Query),
    url.scheme = facts.text(Part::Scheme),
    http.response.status_code = facts.ended.status,
    outcome = facts.ended.outcome.as_str(),
    outcome.phase = facts.phase.map(Phase::as_str),
    "error.type" = facts.error_type,
    duration_ms = milliseconds(facts.ended.duration),
    ttfb_ms = facts.ttfb_ms(),
    http.request.body.size = facts.received(),
    http.response.body.size = facts.sent(),
    network.protocol.version = facts.protocol(),
    server.address = facts.text(Part::Host),
    client.address = facts.client(),
    client.address.invalid = facts.client_is_invalid(),
    network.peer.address = facts.peer(),
    network.peer.port = facts.peer_port(),
    user_agent.original = facts.text(Part::UserAgent),
    rpc.system.name = facts.rpc_system(),
    rpc.method = facts.rpc_method(),
    rpc.response.status_code = facts.rpc_status(),
    request_id = facts.shared.id.as_str(),
    request_id.client = facts.text(Part::RefusedId),
    trace_id = facts.shared.trace.trace_id().as_str(),
    span_id = facts.shared.trace.span_id().as_str(),
    parent_span_id = facts.parent_span_id(),
    sample_rate = facts.shared.shown_rate(),
    dropped_detail = facts.dropped_detail(),
    dropped_fields = facts.dropped_fields(),
}
