//! What a record says, in the terms of its fields.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::field::{self, DisplayValue};

use super::Ending;
use crate::request::context::{RequestContext, Shared};
use crate::request::outcome::{Ended, Outcome, Phase, grpc_name};
use crate::request::text::Part;

/// Methods that are logged by name. All others are `_OTHER`, because a client can make up as many
/// as it likes. As in OpenTelemetry's conventions.
const METHODS_KNOWN: [&str; 10] = [
    "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "CONNECT", "PATCH", "TRACE", "QUERY",
];

pub(super) struct Facts<'r> {
    pub(super) request: &'r RequestContext,
    pub(super) shared: &'r Shared,
    pub(super) ended: Ended<'r>,
    pub(super) phase: Option<Phase>,
    pub(super) error_type: Option<&'r str>,
}

impl<'r> Facts<'r> {
    /// `digits` has room for a status as text.
    pub(super) fn of(
        request: &'r RequestContext,
        ending: Ending,
        ended: Ended<'r>,
        digits: &'r mut itoa::Buffer,
    ) -> Self {
        Facts {
            error_type: error_type(&ended, digits),
            request,
            shared: &request.0,
            ended,
            phase: ending.phase,
        }
    }

    pub(super) fn text(&self, part: Part) -> Option<&'r str> {
        self.shared.text.get(part)
    }

    pub(super) fn method_original(&self) -> Option<&'r str> {
        let method = self.ended.method;
        (!METHODS_KNOWN.contains(&method)).then_some(method)
    }

    /// Until the head was ready, if there was one.
    pub(super) fn ttfb_ms(&self) -> Option<f64> {
        let head_us = self.shared.progress.head_us.load(Ordering::Relaxed);
        let ttfb = self.ended.status.map(|_| Duration::from_micros(head_us));
        ttfb.map(milliseconds)
    }

    pub(super) fn received(&self) -> u64 {
        self.shared.progress.received.load(Ordering::Relaxed)
    }

    pub(super) fn sent(&self) -> u64 {
        self.shared.progress.sent.load(Ordering::Relaxed)
    }

    /// Not every framework says.
    pub(super) fn protocol(&self) -> Option<&'static str> {
        let protocol = self.shared.protocol;
        (!protocol.is_empty()).then_some(protocol)
    }

    pub(super) fn client(&self) -> Option<DisplayValue<IpAddr>> {
        let client = self.shared.client.as_ref()?;
        Some(field::display(client.address()))
    }

    /// Whether what the proxies say of the client cannot be right.
    pub(super) fn client_is_invalid(&self) -> Option<bool> {
        let client = self.shared.client.as_ref()?;
        (!client.is_valid()).then_some(true)
    }

    pub(super) fn peer(&self) -> Option<DisplayValue<IpAddr>> {
        self.shared.peer.map(|peer| field::display(peer.ip()))
    }

    pub(super) fn peer_port(&self) -> Option<u16> {
        self.shared.peer.map(|peer| peer.port())
    }

    pub(super) fn rpc_system(&self) -> Option<&'static str> {
        self.ended.is_grpc.then_some("grpc")
    }

    /// The path of a gRPC call is its method's full name.
    pub(super) fn rpc_method(&self) -> Option<&'r str> {
        let path = self.ended.is_grpc.then(|| self.text(Part::Path));
        path.flatten().map(|path| path.trim_start_matches('/'))
    }

    pub(super) fn rpc_status(&self) -> Option<&'static str> {
        self.ended.grpc_status.map(grpc_name)
    }

    pub(super) fn parent_span_id(&self) -> Option<&'r str> {
        let parent = self.shared.trace.parent_span_id();
        parent.map(|parent| parent.as_str())
    }

    pub(super) fn dropped_detail(&self) -> Option<u64> {
        let dropped = self.shared.progress.detail_dropped.load(Ordering::Relaxed);
        (dropped != 0).then_some(dropped)
    }

    pub(super) fn dropped_fields(&self) -> Option<u64> {
        if !self.request.has_added() {
            return None;
        }
        Some(self.request.lock_added().dropped()).filter(|dropped| *dropped != 0)
    }
}

/// What kind of an error it was, in few different words.
fn error_type<'s>(ended: &Ended<'_>, digits: &'s mut itoa::Buffer) -> Option<&'s str> {
    match ended.outcome {
        Outcome::Upgraded => None,
        Outcome::Completed if ended.is_grpc => match ended.grpc_status {
            Some(0) => None,
            Some(code) => Some(grpc_name(code)),
            None => Some("grpc_status_missing"),
        },
        Outcome::Completed if ended.is_error() => {
            ended.status.map(|status| digits.format(status) as &str)
        }
        Outcome::Completed => None,
        outcome => Some(outcome.as_str()),
    }
}

pub(super) fn method(method: &str) -> &str {
    if METHODS_KNOWN.contains(&method) {
        method
    } else {
        "_OTHER"
    }
}

pub(super) fn milliseconds(duration: Duration) -> f64 {
    // Whole microseconds, because more digits than that would be noise; of 64 bits, which the
    // processor makes a float by itself.
    duration.as_micros() as u64 as f64 / 1000.0
}
