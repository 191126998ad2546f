//! The door from `tracing` where offloop is one layer of several on a `Registry`.

use std::sync::Arc;

use tracing::span::{Attributes, Id, Record as Values};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{self, Layer};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::event::{self, Explicit};
use super::known;
use super::span::Span;
use super::thread::{self, Entered};
use crate::filter::Wish;
use crate::pipeline::Pipeline;

/// Captures events and spans. The spans are the registry's; what a record needs of them is kept
/// with them.
#[derive(Debug)]
pub(crate) struct OffloopLayer {
    pipeline: Arc<Pipeline>,
}

/// The spans of each pipeline, as an extension of the registry's span: there may be several layers.
#[derive(Debug, Default)]
struct Captured(Vec<(u64, Arc<Span>)>);

impl OffloopLayer {
    pub(crate) fn new(pipeline: Arc<Pipeline>) -> Self {
        OffloopLayer { pipeline }
    }

    fn captured<S>(&self, span: &SpanRef<'_, S>) -> Option<Arc<Span>>
    where
        S: for<'a> LookupSpan<'a>,
    {
        let extensions = span.extensions();
        let captured = extensions.get::<Captured>()?;
        let own = captured
            .0
            .iter()
            .find(|(pipeline, _)| *pipeline == self.pipeline.id())?;
        Some(Arc::clone(&own.1))
    }

    /// The innermost captured span: where a filter left out the span itself, one around it.
    fn nearest<S>(&self, id: &Id, context: &layer::Context<'_, S>) -> Option<Arc<Span>>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        context
            .span(id)?
            .scope()
            .find_map(|span| self.captured(&span))
    }

    fn current(&self) -> Option<Arc<Span>> {
        thread::with_current(self.pipeline.id(), |entered| Arc::clone(&entered.span))
    }
}

impl<S> Layer<S> for OffloopLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: layer::Context<'_, S>) {
        let parent = match attributes.parent() {
            Some(id) => self.nearest(id, &context),
            None if attributes.is_contextual() => self.current(),
            None => None,
        };
        let own = (
            self.pipeline.id(),
            Span::open(attributes, parent, self.pipeline.screening()),
        );
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        match extensions.get_mut::<Captured>() {
            Some(captured) => captured.0.push(own),
            None => extensions.insert(Captured(vec![own])),
        }
    }

    fn on_record(&self, id: &Id, values: &Values<'_>, context: layer::Context<'_, S>) {
        if let Some(span) = context.span(id).and_then(|span| self.captured(&span)) {
            span.record(values, self.pipeline.screening());
        }
    }

    fn on_event(&self, event: &Event<'_>, context: layer::Context<'_, S>) {
        let callsite = known::note(event.metadata());
        let wish = self.pipeline.gate().wish_of(event, callsite.number);
        if wish == Wish::Never {
            return;
        }
        if event.is_contextual() {
            return event::capture(&self.pipeline, event, callsite, wish);
        }
        let parent = event.parent().and_then(|id| self.nearest(id, &context));
        event::capture_elsewhere(&self.pipeline, event, callsite, wish, &Explicit(parent));
    }

    fn on_enter(&self, id: &Id, context: layer::Context<'_, S>) {
        if let Some(span) = context.span(id).and_then(|span| self.captured(&span)) {
            thread::enter(Entered {
                pipeline: self.pipeline.id(),
                id: id.into_u64(),
                span,
            });
        }
    }

    fn on_exit(&self, id: &Id, _: layer::Context<'_, S>) {
        thread::exit(self.pipeline.id(), id.into_u64());
    }
}
