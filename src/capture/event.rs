//! An event becomes a record and goes on its way: the whole of what a log call does here.

use std::sync::Arc;

use tracing::Event;

use super::buffer::Buffer;
use super::known;
use super::record::{Encoder, Name};
use super::span::Span;
use super::thread::{self, Pushed};
use super::visit::Visitor;
use crate::audit;
use crate::channel::overflow::level_index;
use crate::filter::Wish;
use crate::pipeline::Pipeline;
use crate::request::{self, Held};

/// Where to look for the spans around an event.
pub(crate) enum Context {
    /// The spans that the thread is in.
    Current,
    /// Those that the event names; `None` for an event that wants to be outside of all.
    Explicit(Option<Arc<Span>>),
}

/// Encodes an event and hands it over; or to the request within which it is logged, where only
/// that wants it.
#[inline]
pub(crate) fn capture(pipeline: &Arc<Pipeline>, event: &Event<'_>, context: &Context, wish: Wish) {
    if audit::is_under_way() {
        return capture_audited(pipeline, event, context, wish);
    }
    hand_over(pipeline, event, context, wish);
}

/// Another record may be logged where a value of the audit record is formatted.
#[cold]
fn capture_audited(pipeline: &Arc<Pipeline>, event: &Event<'_>, context: &Context, wish: Wish) {
    if !audit::is_audit(event.metadata()) {
        return hand_over(pipeline, event, context, wish);
    }
    audit::take(pipeline, || hand_over(pipeline, event, context, wish));
}

#[inline]
fn hand_over(pipeline: &Arc<Pipeline>, event: &Event<'_>, context: &Context, wish: Wish) {
    let level = level_index(*event.metadata().level());
    let held = Held {
        pipeline,
        metadata: event.metadata(),
        level,
        is_detail: wish == Wish::Detail,
    };
    let pushed = thread::with_local(|local| {
        local.with_scratch(|bytes| {
            let write_spans = |bytes: &mut Buffer| {
                let is_whole = match context {
                    Context::Current => local
                        .with_current(pipeline.id(), |entered| entered.span.write(bytes))
                        .unwrap_or(true),
                    Context::Explicit(span) => span.as_ref().is_none_or(|span| span.write(bytes)),
                };
                // The request lies around all spans.
                is_whole & local.write_request(bytes)
            };
            encode(bytes, event, write_spans, |encoder| {
                local.with_added(|fields| encoder.append(fields));
                if wish == Wish::Sampled {
                    add_share(pipeline, level, encoder);
                }
            });
            if local.hold_back(&held, bytes.as_slice()) {
                return Pushed::InTime;
            }
            local.push(pipeline, level, bytes.as_slice())
        })
    });
    if pushed != Some(Pushed::InTime) && wish != Wish::Detail {
        capture_late(pipeline, event, context, pushed);
    }
}

/// Tells for how many others a record stands.
#[cold]
pub(super) fn add_share(pipeline: &Pipeline, level: u8, encoder: &mut Encoder<'_>) {
    let share = pipeline.gate().limiter().share(level);
    encoder.f64(Name::Inline(request::SAMPLE_RATE), share);
}

/// Sees to what the writers will not see to, or what the thread has no storage for.
#[cold]
fn capture_late(pipeline: &Pipeline, event: &Event<'_>, context: &Context, pushed: Option<Pushed>) {
    if pushed.is_none() {
        let mut bytes = Buffer::new();
        let write_spans = |bytes: &mut Buffer| match context {
            Context::Explicit(Some(span)) => span.write(bytes),
            _ => true,
        };
        encode(&mut bytes, event, write_spans, |_| {});
        let level = level_index(*event.metadata().level());
        thread::push_alone(pipeline, level, bytes.as_slice());
    }
    pipeline.running().write_if_late();
}

#[inline]
fn encode(
    bytes: &mut Buffer,
    event: &Event<'_>,
    write_spans: impl FnOnce(&mut Buffer) -> bool,
    write_more: impl FnOnce(&mut Encoder<'_>),
) {
    known::note(event.metadata());
    let mut visitor = Visitor(Encoder::record(bytes, event.metadata(), write_spans));
    event.record(&mut visitor);
    write_more(&mut visitor.0);
    visitor.0.finish();
}
