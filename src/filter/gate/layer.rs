//! The gate where offloop is one layer of several.

use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record as Values};
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{self, Context};

use crate::filter::Filter;
use crate::filter::by_span::BySpan;
use crate::pipeline::Pipeline;

/// The gate of a pipeline, as the filter of its layer.
#[derive(Debug)]
pub(crate) struct LayerGate(pub(crate) Arc<Pipeline>);

impl LayerGate {
    #[inline]
    fn tell(&self, tell: impl Fn(&BySpan)) {
        self.0.gate().tell(tell);
    }
}

impl<S: Subscriber> layer::Filter<S> for LayerGate {
    fn enabled(&self, metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        let ask = |filter: &Filter| filter.is_enabled_in(metadata, context);
        self.0.gate().is_enabled_by(metadata, ask)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.0.gate().interest(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.0.gate().level_max())
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        self.tell(|by_span| by_span.filter.on_new_span(attributes, id, context.clone()));
    }

    fn on_record(&self, id: &Id, values: &Values<'_>, context: Context<'_, S>) {
        self.tell(|by_span| by_span.filter.on_record(id, values, context.clone()));
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        self.tell(|by_span| by_span.filter.on_enter(id, context.clone()));
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        self.tell(|by_span| by_span.filter.on_exit(id, context.clone()));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.tell(|by_span| by_span.filter.on_close(id.clone(), context.clone()));
    }
}
