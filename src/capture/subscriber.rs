//! The door from `tracing` where offloop is the program's only subscriber: nothing lies between the
//! macro and the record.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sharded_slab::{Config, Slab};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record as Values};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_core::span::Current;

use super::event::{self, Explicit};
use super::known::{self, Noted};
use super::span::Span;
use super::thread::{self, Entered};
use crate::filter::{Gate, Wish};
use crate::pipeline::Pipeline;

/// Captures events and spans. Decides once for each callsite whether it is on.
#[derive(Debug)]
pub(crate) struct OffloopSubscriber {
    pipeline: Arc<Pipeline>,
    spans: Slab<OpenSpan, SpanSlots>,
}

/// How the bits of a span's identifier are divided.
#[derive(Debug)]
struct SpanSlots;

impl Config for SpanSlots {
    /// A slab panics on a thread beyond these. By default they are 4,096, which some servers have;
    /// this is as many as Linux gives a process by default.
    const MAX_THREADS: usize = 1 << 15;
}

#[derive(Debug)]
struct OpenSpan {
    span: Arc<Span>,
    /// How many handles to the span there are.
    handles: AtomicUsize,
}

impl OffloopSubscriber {
    pub(crate) fn new(pipeline: Arc<Pipeline>) -> Self {
        OffloopSubscriber {
            pipeline,
            spans: Slab::new_with_config(),
        }
    }

    #[inline]
    fn gate(&self) -> &Gate {
        self.pipeline.gate()
    }

    fn span(&self, id: &Id) -> Option<Arc<Span>> {
        self.spans.get(key(id)).map(|open| Arc::clone(&open.span))
    }

    /// Captures an event that names its parent, or wants to have none.
    #[inline(never)]
    fn event_elsewhere(&self, event: &Event<'_>, callsite: Noted, wish: Wish) {
        let span = event.parent().and_then(|id| self.span(id));
        event::capture_elsewhere(&self.pipeline, event, callsite, wish, &Explicit(span));
    }

    fn current(&self) -> Option<Arc<Span>> {
        thread::with_current(self.pipeline.id(), |entered| Arc::clone(&entered.span))
    }
}

/// Identifiers count from 1, keys from 0. A key names its slot and how often that was used, so a
/// stale or foreign identifier finds nothing.
fn key(id: &Id) -> usize {
    (id.into_u64() - 1) as usize
}

impl Subscriber for OffloopSubscriber {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.gate().interest(metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.gate().is_enabled(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.gate().level_max())
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let parent = match attributes.parent() {
            Some(id) => self.span(id),
            None if attributes.is_contextual() => self.current(),
            None => None,
        };
        let span = Span::open(attributes, parent, self.pipeline.screening());
        let key = self.spans.insert(OpenSpan {
            span,
            handles: AtomicUsize::new(1),
        });
        // Without a slot (there are billions) the identifier finds nothing: the span is not known.
        let id = Id::from_u64(key.map_or(u64::MAX, |key| key as u64 + 1));
        self.gate().opened(attributes, &id);
        id
    }

    fn record(&self, id: &Id, values: &Values<'_>) {
        if let Some(open) = self.spans.get(key(id)) {
            open.span.record(values, self.pipeline.screening());
        }
        self.gate().recorded(id, values);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    #[inline]
    fn event(&self, event: &Event<'_>) {
        let callsite = known::note(event.metadata());
        let wish = self.gate().wish_of(event, callsite.number);
        if wish == Wish::Never {
            return;
        }
        if event.is_contextual() {
            return event::capture(&self.pipeline, event, callsite, wish);
        }
        self.event_elsewhere(event, callsite, wish);
    }

    fn enter(&self, id: &Id) {
        if let Some(span) = self.span(id) {
            thread::enter(Entered {
                pipeline: self.pipeline.id(),
                id: id.into_u64(),
                span,
            });
        }
        self.gate().entered(id);
    }

    fn exit(&self, id: &Id) {
        thread::exit(self.pipeline.id(), id.into_u64());
        self.gate().exited(id);
    }

    fn clone_span(&self, id: &Id) -> Id {
        if let Some(open) = self.spans.get(key(id)) {
            // Relaxed: a new handle is made from one that exists, as with `Arc`.
            open.handles.fetch_add(1, Ordering::Relaxed);
        }
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let key = key(&id);
        // AcqRel: whatever the other handles did happens before the slot is used anew.
        let is_last = self
            .spans
            .get(key)
            .is_some_and(|open| open.handles.fetch_sub(1, Ordering::AcqRel) == 1);
        if is_last {
            self.gate().closed(&id);
        }
        is_last && self.spans.remove(key)
    }

    fn current_span(&self) -> Current {
        let current = thread::with_current(self.pipeline.id(), |entered| {
            Current::new(Id::from_u64(entered.id), entered.span.metadata())
        });
        current.unwrap_or_else(Current::none)
    }
}
