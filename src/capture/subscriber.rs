//! The door from `tracing` where offloop is the program's only subscriber: nothing lies between the
//! macro and the record.

use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record as Values};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_core::span::Current;

use super::event::{self, Explicit};
use super::known::{self, Noted};
use super::span::Span;
use super::spans::Spans;
use super::thread::{self, Entered};
use crate::filter::{Gate, Wish};
use crate::pipeline::Pipeline;

/// Captures events and spans. Decides once for each callsite whether it is on.
#[derive(Debug)]
pub(crate) struct OffloopSubscriber {
    pipeline: Arc<Pipeline>,
    spans: Spans,
}

impl OffloopSubscriber {
    pub(crate) fn new(pipeline: Arc<Pipeline>) -> Self {
        OffloopSubscriber {
            pipeline,
            spans: Spans::new(),
        }
    }

    #[inline]
    fn gate(&self) -> &Gate {
        self.pipeline.gate()
    }

    fn span(&self, id: &Id) -> Option<Arc<Span>> {
        self.spans.find(id)
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
        let id = self.spans.open(span);
        self.gate().opened(attributes, &id);
        id
    }

    fn record(&self, id: &Id, values: &Values<'_>) {
        if let Some(span) = self.span(id) {
            span.record(values, self.pipeline.screening());
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
        self.spans.keep(id);
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let is_last = self.spans.let_go(&id);
        if is_last {
            self.gate().closed(&id);
        }
        is_last && self.spans.close(&id)
    }

    fn current_span(&self) -> Current {
        let current = thread::with_current(self.pipeline.id(), |entered| {
            Current::new(Id::from_u64(entered.id), entered.span.metadata())
        });
        current.unwrap_or_else(Current::none)
    }
}
