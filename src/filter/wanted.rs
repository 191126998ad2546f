//! What is wanted by level and target: decided once for each callsite.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata};
use tracing_subscriber::filter::Targets;

use super::{Audits, level_max};
use crate::capture::callsite::is_log_bridge;
use crate::capture::frontend::Place;
use crate::capture::thread;

/// For what a record is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To be handed over as it comes.
    Now,
    /// The same, as one of those that were drawn for a sample.
    Sampled,
    /// To be handed over for sinks whose own directives by span want it, and for no other.
    Extra,
    /// The same, as one of those that were drawn for a sample.
    SampledExtra,
    /// Should the request go wrong within which it is logged.
    Detail,
    /// For nothing.
    Never,
}

/// What is wanted by level and target: at once, or for the detail of a request alone.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(super) targets: Targets,
    pub(super) audits: Audits,
    pub(super) detail: Option<Targets>,
}

impl Wanted {
    pub(super) fn has_detail(&self) -> bool {
        self.detail.is_some()
    }

    /// For what the events of a callsite are wanted. Those of the bridge from `log` stand for all
    /// targets: each is asked for by its own before it comes here.
    pub(super) fn wish(&self, metadata: &Metadata<'_>) -> Wish {
        let is_wanted =
            self.audits.keep(metadata) || is_log_bridge(metadata) || wants(&self.targets, metadata);
        match &self.detail {
            _ if is_wanted => Wish::Now,
            Some(detail) if metadata.is_event() && wants(detail, metadata) => Wish::Detail,
            _ => Wish::Never,
        }
    }

    /// For what the records of a front end's place are wanted.
    pub(super) fn wish_at(&self, place: &Place<'_>) -> Wish {
        if self.audits.keep_at(place.target, place.level) {
            return Wish::Now;
        }
        self.wish_of_target(place.target, place.level)
    }

    /// For what records of a target are wanted that has no callsite.
    pub(super) fn wish_of_target(&self, target: &str, level: Level) -> Wish {
        match &self.detail {
            _ if self.targets.would_enable(target, &level) => Wish::Now,
            Some(detail) if detail.would_enable(target, &level) => Wish::Detail,
            _ => Wish::Never,
        }
    }

    /// For what an event of the bridge from `log` is wanted, which the bridge has asked for.
    #[cold]
    pub(super) fn wish_of_log(&self, event: &Event<'_>) -> Wish {
        let target = log_target(event);
        target.map_or(Wish::Now, |target| {
            self.wish_of_target(&target, *event.metadata().level())
        })
    }

    /// What `tracing` is to ask about a callsite.
    pub(super) fn interest(&self, metadata: &'static Metadata<'static>) -> Interest {
        match self.wish(metadata) {
            Wish::Now if self.has_detail() && is_log_bridge(metadata) => Interest::sometimes(),
            Wish::Now | Wish::Sampled | Wish::Extra | Wish::SampledExtra => Interest::always(),
            Wish::Detail => Interest::sometimes(),
            Wish::Never => Interest::never(),
        }
    }

    /// Whether an event of a callsite, logged now, is wanted.
    pub(super) fn is_enabled(&self, metadata: &Metadata<'_>) -> bool {
        match self.wish(metadata) {
            Wish::Now | Wish::Sampled | Wish::Extra | Wish::SampledExtra => true,
            Wish::Detail => thread::keeps_detail(),
            Wish::Never => false,
        }
    }

    /// The most verbose level that may be on.
    pub(super) fn level_max(&self) -> LevelFilter {
        let detail = self.detail.as_ref().map_or(LevelFilter::OFF, level_max);
        self.audits.raise(level_max(&self.targets)).max(detail)
    }
}

fn wants(targets: &Targets, metadata: &Metadata<'_>) -> bool {
    targets.would_enable(metadata.target(), metadata.level())
}

/// The target of an event of the bridge from `log`.
pub(super) fn log_target(event: &Event<'_>) -> Option<String> {
    let mut target = LogTarget(None);
    event.record(&mut target);
    target.0
}

struct LogTarget(Option<String>);

impl Visit for LogTarget {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "log.target" {
            self.0 = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}
