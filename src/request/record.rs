//! The one record of a request, at its end.
//!
//! It is an event of `tracing` as any other, so that filters, other layers and other subscribers see
//! it. But of three dozen fields most are texts of the request, and `tracing` has them visited one by
//! one; so where this library takes the event, it writes them itself
//! ([`write_own_record`](RequestContext::write_own_record)). Both ways take the fields from one list.

use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use tracing::{Level, Metadata, field};

use self::facts::{Facts, method};
use self::places::Places;
use super::TARGET;
use super::context::RequestContext;
use super::options::Naming;
use super::outcome::{Ended, Outcome, Phase};
use super::text::Part;
use crate::capture::record::Encoder;
use crate::capture::thread;

mod facts;
mod places;

mod elastic;
mod opentelemetry;

/// The name of its callsites.
pub(super) const NAME: &str = "request";

/// Prefixes of the names that the record has itself.
const OWN_PREFIXES: [&str; 11] = [
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
    "request_id.",
];

/// The rest of these names.
const OWN_NAMES: [&str; 12] = [
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
    "dropped_detail",
    "dropped_fields",
];

/// Whether a handler may not give this name to a field.
pub(super) fn is_own_field(name: &str) -> bool {
    OWN_NAMES.contains(&name) || OWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether this is the callsite of a request's own record.
pub(super) fn is_own(metadata: &Metadata<'_>) -> bool {
    metadata.name() == NAME && metadata.target() == TARGET
}

/// How a request ended: what its record says beyond what stands in the request's own state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    outcome: Outcome,
    phase: Option<Phase>,
    duration: Duration,
}

/// An ending, for the thread that writes the record: it is set and read by that one, so without order.
#[derive(Debug, Default)]
pub(super) struct EndingState {
    /// The place of the outcome among all, and behind it that of the phase.
    places: AtomicU16,
    duration_ns: AtomicU64,
}

/// Behind the place of the outcome.
const PHASE_SHIFT: u32 = 8;

impl EndingState {
    fn set(&self, ending: Ending) {
        let phase = ending.phase.map_or(0, |phase| 1 + phase as u16);
        let places = ending.outcome as u16 | phase << PHASE_SHIFT;
        self.places.store(places, Ordering::Relaxed);
        let duration_ns = ending.duration.as_nanos() as u64;
        self.duration_ns.store(duration_ns, Ordering::Relaxed);
    }

    fn get(&self) -> Ending {
        let places = self.places.load(Ordering::Relaxed);
        let outcome = Outcome::ALL.get(usize::from(places as u8));
        let phase = usize::from(places >> PHASE_SHIFT).checked_sub(1);
        Ending {
            outcome: *outcome.unwrap_or(&Outcome::Completed),
            phase: phase.and_then(|phase| Phase::ALL.get(phase).copied()),
            duration: Duration::from_nanos(self.duration_ns.load(Ordering::Relaxed)),
        }
    }
}

/// Writes the record. Everything in it is known by then; the thread, to which `lender` lends the request
/// meanwhile, adds what the handler added.
pub(super) fn write(
    request: &RequestContext,
    outcome: Outcome,
    phase: Option<Phase>,
    lender: &mut Option<RequestContext>,
) {
    let options = &request.0.options;
    let duration = request.age();
    let ending = Ending {
        outcome,
        phase,
        duration,
    };
    let mut ended = ended(request, ending);
    ended.is_among_slowest = options.is_among_slowest(outcome, duration);
    options.show_end(&ended);
    let detail = options.wants_detail_of(&ended);
    let progress = &request.0.progress;
    if detail || progress.is_detail_wanted.load(Ordering::Relaxed) {
        // First, lest what comes now, or after the end, waits for somebody to write it.
        progress.is_kept.store(true, Ordering::Relaxed);
        request.write_detail();
    } else if !progress.is_kept.load(Ordering::Relaxed) {
        // The sampling leaves it out.
        return;
    }
    let level = options.level_of(&ended);
    request.0.ending.set(ending);
    let mut digits = itoa::Buffer::new();
    let facts = Facts::of(request, ending, ended, &mut digits);
    let lent = lender.take().unwrap_or_else(|| request.clone());
    let _at_end = thread::lend_at_end(lent, lender);
    match options.naming {
        Naming::OpenTelemetry => opentelemetry::emit(&facts, level),
        Naming::ElasticCommonSchema => elastic::emit(&facts, level),
    }
}

impl RequestContext {
    /// Writes the fields of the request's own record, if `metadata` is that one's: its values are
    /// here already, and need not be visited one by one. Says no where it is another event.
    pub(crate) fn write_own_record(
        &self,
        metadata: &'static Metadata<'static>,
        encoder: &mut Encoder<'_>,
    ) -> bool {
        if !is_own(metadata) {
            return false;
        }
        let ending = self.0.ending.get();
        let mut digits = itoa::Buffer::new();
        let facts = Facts::of(self, ending, ended(self, ending), &mut digits);
        let places = Places::new(encoder);
        match self.0.options.naming {
            Naming::OpenTelemetry => opentelemetry::encode(&facts, places),
            Naming::ElasticCommonSchema => elastic::encode(&facts, places),
        }
        true
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

fn ended(request: &RequestContext, ending: Ending) -> Ended<'_> {
    let shared = &*request.0;
    let status = shared.progress.status.load(Ordering::Relaxed);
    let grpc_status = shared.progress.grpc_status.load(Ordering::Relaxed);
    Ended {
        outcome: ending.outcome,
        status: (status != 0).then_some(status),
        grpc_status: grpc_status.checked_sub(1),
        is_grpc: shared.is_grpc,
        method: shared.text.get(Part::Method).unwrap_or_default(),
        route: request.route(),
        path: shared.text.get(Part::Path).unwrap_or_default(),
        duration: ending.duration,
        is_among_slowest: false,
        is_slow: shared.slow_after <= ending.duration,
        is_quiet: shared.is_quiet,
    }
}
