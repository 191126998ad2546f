//! An event becomes a record and goes on its way: the whole of what a log call does here.

use std::sync::Arc;

use tracing::Event;

use super::buffer::Buffer;
use super::known::Noted;
use super::record::{Encoder, Name};
use super::span::Span;
use super::thread::{self, Local, Pushed};
use super::visit::Visitor;
use crate::audit;
use crate::channel::overflow::level_index;
use crate::filter::Wish;
use crate::pipeline::Pipeline;
use crate::request::{self, Held};

/// Where to look for the spans around an event.
pub(crate) trait Context {
    /// Appends them. Says no if something of them is left out.
    fn write(&self, local: &Local, pipeline: u64, bytes: &mut Buffer) -> bool;

    /// The same on a thread without storage.
    fn write_alone(&self, bytes: &mut Buffer) -> bool;

    /// Whether the event wants to be outside of all spans, as a request's own record does.
    fn is_outside(&self) -> bool {
        false
    }
}

/// The spans that the thread is in.
pub(crate) struct Current;

/// Those that the event names; `None` for an event that wants to be outside of all.
pub(crate) struct Explicit(pub(crate) Option<Arc<Span>>);

impl Context for Current {
    #[inline(always)]
    fn write(&self, local: &Local, pipeline: u64, bytes: &mut Buffer) -> bool {
        local
            .with_current(pipeline, |entered| entered.span.write(bytes))
            .unwrap_or(true)
    }

    fn write_alone(&self, _: &mut Buffer) -> bool {
        true
    }
}

impl Context for Explicit {
    fn write(&self, _: &Local, _: u64, bytes: &mut Buffer) -> bool {
        self.write_alone(bytes)
    }

    fn write_alone(&self, bytes: &mut Buffer) -> bool {
        self.0.as_ref().is_none_or(|span| span.write(bytes))
    }

    fn is_outside(&self) -> bool {
        self.0.is_none()
    }
}

/// Encodes an event and hands it over; or to the request within which it is logged, where only
/// that wants it: the way of nearly all events.
// What was found out at the door comes in parts, here and below: as a whole it would be built in memory
// for each event.
#[inline]
pub(crate) fn capture(pipeline: &Arc<Pipeline>, event: &Event<'_>, callsite: Noted, wish: Wish) {
    if audit::is_under_way() {
        return capture_elsewhere(pipeline, event, callsite, wish, &Current);
    }
    hand_over(pipeline, event, callsite, wish, &Current);
}

/// The same for an event that may be an audit record, or that names the spans around it.
// It has a copy of its own of what it calls: what has one caller only is inlined there, however long
// it is.
#[cold]
#[inline(never)]
pub(crate) fn capture_elsewhere(
    pipeline: &Arc<Pipeline>,
    event: &Event<'_>,
    callsite: Noted,
    wish: Wish,
    context: &dyn Context,
) {
    // One that is kept as detail of a request, or for sinks of which nobody can say beforehand whether
    // they want it, may end up nowhere.
    let is_taken = matches!(wish, Wish::Now | Wish::Sampled);
    let capture = || capture_slowly(pipeline, event, callsite, wish, context);
    if is_taken && audit::is_under_way() && audit::is_audit(event.metadata()) {
        return audit::take(pipeline, capture);
    }
    // Another record may be logged where a value of the audit record is formatted.
    capture();
}

#[inline(never)]
fn capture_slowly(
    pipeline: &Arc<Pipeline>,
    event: &Event<'_>,
    callsite: Noted,
    wish: Wish,
    context: &dyn Context,
) {
    hand_over(pipeline, event, callsite, wish, context);
}

// Inlined by force, as is what it calls: each call costs as much as two fields.
#[inline(always)]
fn hand_over<C: Context + ?Sized>(
    pipeline: &Arc<Pipeline>,
    event: &Event<'_>,
    callsite: Noted,
    wish: Wish,
    context: &C,
) {
    let level = level_index(*event.metadata().level());
    let is_detail = wish == Wish::Detail;
    let pushed = thread::with_local(|local| {
        local.with_scratch(|bytes| {
            let write_spans = |bytes: &mut Buffer| {
                let is_whole = context.write(local, pipeline.id(), bytes);
                // The request lies around all spans.
                is_whole & local.write_request(bytes)
            };
            let is_outside = context.is_outside();
            let write_own = |encoder: &mut Encoder<'_>| {
                is_outside && local.write_own_record(event.metadata(), encoder)
            };
            let write_more = |encoder: &mut Encoder<'_>| {
                if is_outside {
                    let metadata = event.metadata();
                    local.with_added(metadata, |fields| append(encoder, pipeline, event, fields));
                }
                if wish != Wish::Now {
                    note(wish, pipeline, level, encoder);
                }
            };
            let writes = (write_spans, write_own);
            encode(bytes, pipeline, (event, callsite), writes, write_more);
            if is_detail || local.is_at_work() {
                let held = Held {
                    pipeline,
                    metadata: event.metadata(),
                    target: event.metadata().target(),
                    level,
                    is_detail,
                };
                if local.hold_back(&held, bytes.as_slice()) {
                    return Pushed::InTime;
                }
            }
            local.push(pipeline, level, bytes.as_slice())
        })
    });
    if pushed != Some(Pushed::InTime) && !is_detail {
        let write_spans = |bytes: &mut Buffer| context.write_alone(bytes);
        capture_late(pipeline, (event, callsite, wish), write_spans, pushed);
    }
}

/// Tells of a record for whom it is, and for how many others it stands.
#[cold]
pub(super) fn note(wish: Wish, pipeline: &Pipeline, level: u8, encoder: &mut Encoder<'_>) {
    if matches!(wish, Wish::Extra | Wish::SampledExtra) {
        encoder.mark_extra();
    }
    if matches!(wish, Wish::Sampled | Wish::SampledExtra) {
        let share = pipeline.gate().limiter().share(level);
        encoder.f64(Name::Inline(request::SAMPLE_RATE), share);
    }
}

/// Sees to what the writers will not see to, or what the thread has no storage for.
#[cold]
fn capture_late(
    pipeline: &Pipeline,
    (event, callsite, wish): (&Event<'_>, Noted, Wish),
    write_spans: impl FnOnce(&mut Buffer) -> bool,
    pushed: Option<Pushed>,
) {
    let pushed = pushed.unwrap_or_else(|| {
        let mut bytes = Buffer::new();
        let level = level_index(*event.metadata().level());
        let writes = (write_spans, |_: &mut Encoder<'_>| false);
        encode(&mut bytes, pipeline, (event, callsite), writes, |encoder| {
            note(wish, pipeline, level, encoder);
        });
        thread::push_alone(pipeline, level, bytes.as_slice())
    });
    pipeline.see_to(pushed);
}

/// `write_own` may write the event's fields in its place: it says no where it has not.
#[inline]
fn encode(
    bytes: &mut Buffer,
    pipeline: &Pipeline,
    (event, callsite): (&Event<'_>, Noted),
    (write_spans, write_own): (
        impl FnOnce(&mut Buffer) -> bool,
        impl FnOnce(&mut Encoder<'_>) -> bool,
    ),
    write_more: impl FnOnce(&mut Encoder<'_>),
) {
    let (screening, number) = (pipeline.screening(), callsite.number);
    let encoder = Encoder::record_within(bytes, screening.bounds(), number, write_spans);
    let mut visitor = Visitor(encoder, screening);
    if callsite.is_plain {
        if !write_own(&mut visitor.0) {
            event.record(&mut visitor);
        }
    } else {
        let metadata = event.metadata();
        screening.visit(metadata, number, &mut visitor, |visit| {
            event.record(visit);
        });
    }
    write_more(&mut visitor.0);
    visitor.0.finish();
}

/// Appends what a handler has added to its request, as much of it as a record may have.
fn append(encoder: &mut Encoder<'_>, pipeline: &Pipeline, event: &Event<'_>, fields: &[u8]) {
    let screen = pipeline.screening().current();
    encoder.append(fields, screen.fields_left(event.metadata()));
}
