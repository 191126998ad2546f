//! What is wanted by spans and their fields too: decided anew for each event.
//!
//! tracing-subscriber's `EnvFilter` decides. It is written for layers of a subscriber, which tell it of spans
//! together with a context that it does not look at. As the filter of our layer it gets the context
//! of whatever subscriber that lies on. Where offloop is the subscriber there is none, and so it is
//! laid on [`Numbers`], a subscriber that does nothing but pass on the numbers of spans.

use std::cell::Cell;
use std::sync::Arc;

use tracing::field::FieldSet;
use tracing::level_filters::LevelFilter;
use tracing::metadata::Kind;
use tracing::span::{Attributes, Id, Record as Values};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{self, Context, Layered};
use tracing_subscriber::{EnvFilter, Layer};

use super::sink::{Rules, Verdict};
use super::wanted::log_target;
use super::{Audits, parse_spans};
use crate::capture::frontend::Place;
use crate::error::Error;

/// Directives of which some are by span.
#[derive(Debug)]
pub(crate) struct BySpan {
    pub(super) filter: Arc<EnvFilter>,
    alone: Layered<Laid, Numbers>,
    /// The same directives for who has no spans.
    rules: Rules,
    audits: Audits,
}

impl BySpan {
    pub(super) fn new(
        source: &'static str,
        directives: &str,
        audits: Audits,
    ) -> Result<Self, Error> {
        let filter = Arc::new(parse_spans(source, directives)?);
        let alone = Laid(Arc::clone(&filter)).with_subscriber(Numbers);
        Ok(BySpan {
            filter,
            alone,
            rules: Rules::parse(source, directives)?,
            audits,
        })
    }

    pub(super) fn interest(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.audits.keep(metadata) {
            return Interest::always();
        }
        layer::Filter::<Numbers>::callsite_enabled(&*self.filter, metadata)
    }

    /// Whether an event of a callsite, logged now and here, is wanted.
    pub(super) fn is_enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.audits.keep(metadata) || self.alone.enabled(metadata)
    }

    /// The same for an event of the bridge from `log`, by its own target.
    #[cold]
    pub(super) fn is_log_enabled(&self, event: &Event<'_>) -> bool {
        let bridge = event.metadata();
        let target = log_target(event);
        self.is_enabled(&Metadata::new(
            bridge.name(),
            target.as_deref().unwrap_or(bridge.target()),
            *bridge.level(),
            None,
            None,
            None,
            FieldSet::new(&[], bridge.callsite()),
            Kind::EVENT,
        ))
    }

    /// Whether records of a front end's place are wanted: another language has no spans, so all else
    /// that the directives say decides.
    pub(super) fn wants_at(&self, place: &Place<'_>) -> bool {
        self.audits.keep_at(place.target, place.level)
            || self.rules.verdict_at(place) != Verdict::Unwanted
    }

    pub(super) fn is_enabled_in<S>(&self, metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool
    where
        S: Subscriber,
    {
        self.audits.keep(metadata) || layer::Filter::<S>::enabled(&*self.filter, metadata, context)
    }

    /// The most verbose level that may be on.
    pub(super) fn level_max(&self) -> LevelFilter {
        let level_max = self.filter.max_level_hint();
        self.audits.raise(level_max.unwrap_or(LevelFilter::TRACE))
    }

    pub(super) fn opened(&self, attributes: &Attributes<'_>, id: &Id) {
        NUMBER.with(|number| number.set(id.into_u64()));
        self.alone.new_span(attributes);
    }

    pub(super) fn recorded(&self, id: &Id, values: &Values<'_>) {
        self.alone.record(id, values);
    }

    pub(super) fn entered(&self, id: &Id) {
        self.alone.enter(id);
    }

    pub(super) fn exited(&self, id: &Id) {
        self.alone.exit(id);
    }

    pub(super) fn closed(&self, id: Id) {
        self.alone.try_close(id);
    }
}

/// The filter as a layer.
#[derive(Debug)]
struct Laid(Arc<EnvFilter>);

impl Layer<Numbers> for Laid {
    fn enabled(&self, metadata: &Metadata<'_>, context: Context<'_, Numbers>) -> bool {
        self.0.enabled(metadata, context)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, Numbers>) {
        self.0.on_new_span(attributes, id, context);
    }

    fn on_record(&self, id: &Id, values: &Values<'_>, context: Context<'_, Numbers>) {
        self.0.on_record(id, values, context);
    }

    fn on_enter(&self, id: &Id, context: Context<'_, Numbers>) {
        self.0.on_enter(id, context);
    }

    fn on_exit(&self, id: &Id, context: Context<'_, Numbers>) {
        self.0.on_exit(id, context);
    }

    fn on_close(&self, id: Id, context: Context<'_, Numbers>) {
        self.0.on_close(id, context);
    }
}

thread_local! {
    /// The number of the span that is being opened.
    static NUMBER: Cell<u64> = const { Cell::new(1) };
}

/// Spans have the numbers that they were given elsewhere.
#[derive(Debug)]
struct Numbers;

impl Subscriber for Numbers {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(NUMBER.with(Cell::get))
    }

    fn record(&self, _: &Id, _: &Values<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    fn try_close(&self, _: Id) -> bool {
        true
    }
}
