//! What is let in beyond what is wanted of all: for sinks whose own directives go by spans.
//!
//! `info,[request{user=42}]=debug` for one sink, and `info` for all: then debug records of that request have
//! to be captured, and no other sink is to show them. So each record that is let in for this alone says
//! so, and a sink takes it only where its own directives want it, which its writer finds out from the
//! spans that the record carries (see [`SinkFilter`](super::SinkFilter)).
//!
//! Of spans, those are let in that a directive names, at whatever level they are: records lie in them,
//! and their values decide. These any sink may show around the records that it takes.

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata};

use super::Audits;
use super::by_span::BySpan;
use super::sink::{Rules, SOURCE, Verdict};
use crate::capture::frontend::Place;
use crate::error::Error;

/// The directives by span of all sinks.
#[derive(Debug, Default)]
pub(super) struct Extra(Vec<OfSink>);

/// Those of one sink.
#[derive(Debug)]
struct OfSink {
    filter: BySpan,
    rules: Rules,
}

impl Extra {
    /// What of these directives, each those of a sink, goes by spans.
    pub(super) fn parse(of_sinks: &[String]) -> Result<Self, Error> {
        let by_span = of_sinks.iter().filter(|words| words.contains('['));
        by_span
            .map(|words| OfSink::parse(words))
            .collect::<Result<_, _>>()
            .map(Extra)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn filters(&self) -> impl Iterator<Item = &BySpan> {
        self.0.iter().map(|sink| &sink.filter)
    }

    /// What `tracing` is to ask about a callsite, if all that is wanted of it otherwise is `own`.
    pub(super) fn interest(&self, own: Interest, metadata: &'static Metadata<'static>) -> Interest {
        // All are asked: filters take note of callsites.
        let asked = self.0.iter().filter(|sink| sink.is_concerned(metadata));
        if asked.count() == 0 || own.is_always() {
            return own;
        }
        if metadata.is_span() {
            return Interest::always();
        }
        Interest::sometimes()
    }

    /// Whether a sink's directives let in an event or a span of a callsite, made now and here.
    pub(super) fn wants(&self, metadata: &Metadata<'_>) -> bool {
        self.0.iter().any(|sink| sink.wants(metadata))
    }

    /// The same for a place, in no span.
    pub(super) fn wants_at(&self, place: &Place<'_>) -> bool {
        let mut sinks = self.0.iter();
        sinks.any(|sink| sink.rules.verdict_at(place) == Verdict::WantedByField)
    }

    /// Whether they may let in an event of this level.
    pub(super) fn may_want(&self, level: Level) -> bool {
        let mut sinks = self.0.iter();
        sinks.any(|sink| level <= sink.rules.extra_level_max())
    }

    /// The most verbose level that may be on: spans may be at any.
    pub(super) fn level_max(&self) -> LevelFilter {
        if self.is_empty() {
            LevelFilter::OFF
        } else {
            LevelFilter::TRACE
        }
    }
}

impl OfSink {
    fn parse(words: &str) -> Result<Self, Error> {
        let by_span = words.split(',').filter(|directive| directive.contains('['));
        let by_span = by_span.collect::<Vec<_>>().join(",");
        Ok(OfSink {
            filter: BySpan::new(SOURCE, &by_span, Audits::default())?,
            rules: Rules::parse(SOURCE, words)?,
        })
    }

    /// Whether it may want something of a callsite.
    fn is_concerned(&self, metadata: &'static Metadata<'static>) -> bool {
        if metadata.is_event() {
            return *metadata.level() <= self.rules.extra_level_max();
        }
        self.filter.interest(metadata);
        self.rules.name_span(metadata)
    }

    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        if metadata.is_event() {
            return self.filter.is_enabled(metadata);
        }
        self.rules.name_span(metadata)
    }
}
