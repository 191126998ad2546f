//! Which records are wanted: directives in the syntax of `RUST_LOG`.
//!
//! Audit records are an exception. Whoever sets `RUST_LOG=warn` to have some peace does not mean
//! them, and the program waits for their receipts. So they are wanted unless a directive names
//! their target.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::field::Field;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record as Values};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{self, Context};

use crate::audit;
use crate::capture::callsite::is_log_bridge;
use crate::capture::record::Record;
use crate::capture::thread;
use crate::config::Format;
use crate::error::Error;
use crate::request;

/// The environment variable that overrides the filter that was built in.
pub(crate) const ENVIRONMENT_VARIABLE: &str = "RUST_LOG";

/// What is wanted where nobody says anything.
pub(crate) const DEFAULT_DIRECTIVES: &str = "info";

/// Decides which callsites are on.
#[derive(Debug)]
pub(crate) enum Filter {
    /// By level and target alone, so once for each callsite.
    Static(Arc<Wanted>),
    /// By spans and their fields too, so anew for each event.
    Dynamic(Box<WithAudits<EnvFilter>>),
}

/// What is wanted by level and target: at once, or for the detail of a request alone.
#[derive(Debug)]
pub(crate) struct Wanted {
    targets: WithAudits<Targets>,
    detail: Option<Targets>,
    /// What was answered last, for events alone, and only if there is detail: each of them asks.
    answers: Answers,
}

/// Answers for callsites, each at the place that the hash of its address says.
#[derive(Debug)]
struct Answers([AtomicUsize; 256]);

impl Default for Answers {
    fn default() -> Self {
        Answers([const { AtomicUsize::new(0) }; 256])
    }
}

impl Answers {
    /// What is known of a callsite, else what `ask` says. Its two lowest bits an address does not
    /// need: they hold the answer.
    #[inline]
    fn find(&self, metadata: &'static Metadata<'static>, ask: impl FnOnce() -> Wish) -> Wish {
        let address = std::ptr::from_ref(metadata).addr();
        let hash = (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56;
        let answer = &self.0[hash as usize];
        // Relaxed: one word holds the question and its answer.
        let known = answer.load(Ordering::Relaxed);
        if known & !3 == address {
            return [Wish::Now, Wish::Detail, Wish::Never][(known & 3) % 3];
        }
        let wish = ask();
        answer.store(address | wish as usize, Ordering::Relaxed);
        wish
    }
}

/// For what a record is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To be handed over as it comes.
    Now,
    /// Should the request go wrong within which it is logged.
    Detail,
    /// For nothing.
    Never,
}

/// A filter that lets audit records through, unless its directives name their target.
#[derive(Debug)]
pub(crate) struct WithAudits<F> {
    pub(crate) filter: F,
    keeps_audits: bool,
}

impl Filter {
    /// Reads `RUST_LOG`, or `directives` where that is not set or empty; and what the detail of
    /// requests is to have.
    pub(crate) fn from_environment(
        directives: Option<&str>,
        detail: Option<&str>,
    ) -> Result<Self, Error> {
        match std::env::var(ENVIRONMENT_VARIABLE) {
            Ok(directives) if !directives.trim().is_empty() => {
                Self::parse(ENVIRONMENT_VARIABLE, &directives, detail)
            }
            _ => Self::parse("filter", directives.unwrap_or(DEFAULT_DIRECTIVES), detail),
        }
    }

    fn parse(source: &'static str, directives: &str, detail: Option<&str>) -> Result<Self, Error> {
        if directives.contains('[') {
            let filter = EnvFilter::builder().parse(directives);
            let filter = filter.map_err(|error| Error::filter(source, directives, error))?;
            let filter = WithAudits::new(filter, directives);
            return Ok(Filter::Dynamic(Box::new(filter)));
        }
        let targets = WithAudits::new(parse_targets(source, directives)?, directives);
        let detail = detail.map(|detail| parse_targets("request detail", detail));
        let detail = detail.transpose()?;
        let answers = Answers::default();
        Ok(Filter::Static(Arc::new(Wanted {
            targets,
            detail,
            answers,
        })))
    }
}

impl Wanted {
    /// For what the events of a callsite are wanted. Those of the bridge from `log` stand for all
    /// targets.
    #[inline]
    pub(crate) fn wish(&self, metadata: &Metadata<'_>) -> Wish {
        if self.targets.wants_callsite(metadata) {
            return Wish::Now;
        }
        match &self.detail {
            Some(detail) if metadata.is_event() && wants(detail, metadata) => Wish::Detail,
            _ => Wish::Never,
        }
    }

    /// For what an event is wanted that was let through.
    #[inline]
    pub(crate) fn wish_of(&self, event: &Event<'_>) -> Wish {
        if self.detail.is_none() {
            return Wish::Now;
        }
        let metadata = event.metadata();
        if is_log_bridge(metadata) {
            return self.wish_of_log(event);
        }
        self.answers.find(metadata, || self.wish(metadata))
    }

    #[cold]
    fn wish_of_log(&self, event: &Event<'_>) -> Wish {
        let mut is_wanted = None;
        let level = event.metadata().level();
        event.record(&mut |field: &Field, value: &dyn fmt::Debug| {
            if field.name() == "log.target" {
                // A string shows itself in quotes.
                let target = format!("{value:?}");
                let target = target.trim_matches('"');
                is_wanted = Some(self.targets.filter.would_enable(target, level));
            }
        });
        match is_wanted {
            Some(false) => Wish::Detail,
            _ => Wish::Now,
        }
    }

    /// What `tracing` is to ask about a callsite.
    pub(crate) fn interest(&self, metadata: &'static Metadata<'static>) -> Interest {
        match self.wish(metadata) {
            Wish::Now if self.detail.is_some() && is_log_bridge(metadata) => Interest::sometimes(),
            Wish::Now => Interest::always(),
            Wish::Detail => Interest::sometimes(),
            Wish::Never => Interest::never(),
        }
    }

    /// Whether an event of a callsite, logged now, is wanted.
    pub(crate) fn is_enabled(&self, metadata: &Metadata<'_>) -> bool {
        match self.wish(metadata) {
            Wish::Now => true,
            Wish::Detail => thread::keeps_detail(),
            Wish::Never => false,
        }
    }

    /// The most verbose level that may be on.
    pub(crate) fn level_max(&self) -> LevelFilter {
        let detail = self.detail.as_ref().map_or(LevelFilter::OFF, level_max);
        self.targets.level_max().max(detail)
    }
}

/// What is wanted, as the filter of a layer.
#[derive(Debug)]
pub(crate) struct ByTarget(pub(crate) Arc<Wanted>);

impl<S> layer::Filter<S> for ByTarget {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.0.is_enabled(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.0.interest(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.0.level_max())
    }
}

fn wants(targets: &Targets, metadata: &Metadata<'_>) -> bool {
    targets.would_enable(metadata.target(), metadata.level())
}

impl<F> WithAudits<F> {
    fn new(filter: F, directives: &str) -> Self {
        let mut targets = directives.split(',').map(|directive| {
            let end = directive.find(['=', '[']).unwrap_or(directive.len());
            directive[..end].trim()
        });
        WithAudits {
            filter,
            keeps_audits: targets.all(|target| target != audit::TARGET),
        }
    }

    fn keeps(&self, metadata: &Metadata<'_>) -> bool {
        self.keeps_audits && audit::is_audit(metadata)
    }

    fn with_audits(&self, level_max: LevelFilter) -> LevelFilter {
        if self.keeps_audits {
            level_max.max(LevelFilter::from_level(audit::LEVEL))
        } else {
            level_max
        }
    }
}

impl WithAudits<Targets> {
    /// Whether this callsite is let through. The callsites of the bridge from `log` stand for all
    /// targets: their events were asked for before.
    pub(crate) fn wants_callsite(&self, metadata: &Metadata<'_>) -> bool {
        let (target, level) = (metadata.target(), metadata.level());
        self.keeps(metadata) || is_log_bridge(metadata) || self.filter.would_enable(target, level)
    }

    /// The most verbose level that may be on.
    pub(crate) fn level_max(&self) -> LevelFilter {
        self.with_audits(level_max(&self.filter))
    }
}

impl<S, F: layer::Filter<S>> layer::Filter<S> for WithAudits<F> {
    fn enabled(&self, metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        self.keeps(metadata) || self.filter.enabled(metadata, context)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.keeps(metadata) {
            return Interest::always();
        }
        self.filter.callsite_enabled(metadata)
    }

    fn event_enabled(&self, event: &Event<'_>, context: &Context<'_, S>) -> bool {
        self.keeps(event.metadata()) || self.filter.event_enabled(event, context)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let level_max = self.filter.max_level_hint()?;
        Some(self.with_audits(level_max))
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        self.filter.on_new_span(attributes, id, context);
    }

    fn on_record(&self, id: &Id, values: &Values<'_>, context: Context<'_, S>) {
        self.filter.on_record(id, values, context);
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        self.filter.on_enter(id, context);
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        self.filter.on_exit(id, context);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.filter.on_close(id, context);
    }
}

fn parse_targets(source: &'static str, directives: &str) -> Result<Targets, Error> {
    directives
        .parse()
        .map_err(|error| Error::filter(source, directives, error))
}

/// What one sink wants of what the pipeline captured. Asked on its writer thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct SinkFilter {
    targets: Option<Targets>,
    /// Whether nothing but the records of requests is wanted.
    requests_alone: bool,
    /// The answers for the callsites met so far.
    answers: Vec<Option<bool>>,
}

impl SinkFilter {
    pub(crate) fn parse(directives: &str) -> Result<Self, Error> {
        let targets = parse_targets("sink filter", directives)?;
        Ok(SinkFilter {
            targets: Some(targets),
            ..SinkFilter::default()
        })
    }

    /// The same for a format that has lines for nothing but the records of requests.
    pub(crate) fn for_format(mut self, format: &Format) -> Self {
        self.requests_alone = format.is_access_log();
        self
    }

    pub(crate) fn wants_requests_alone(&self) -> bool {
        self.requests_alone
    }

    /// Whether records of this target and level, which are not those of requests, are wanted.
    pub(crate) fn would_want(&self, target: &str, level: Level) -> bool {
        if self.requests_alone {
            return false;
        }
        let targets = self.targets.as_ref();
        targets.is_none_or(|targets| targets.would_enable(target, &level))
    }

    pub(crate) fn wants(&mut self, record: &Record<'_>) -> bool {
        if self.requests_alone && !request::is_record(&record.callsite.facts) {
            return false;
        }
        let Some(targets) = &self.targets else {
            return true;
        };
        let callsite = record.callsite;
        let ask = || targets.would_enable(record.origin.target, &callsite.facts.level);
        if callsite.is_log {
            // One callsite stands for all targets.
            return ask();
        }
        if self.answers.len() <= callsite.index {
            self.answers.resize(callsite.index + 1, None);
        }
        *self.answers[callsite.index].get_or_insert_with(ask)
    }
}

/// The most verbose level that may be on.
pub(crate) fn level_max(targets: &Targets) -> LevelFilter {
    targets
        .iter()
        .map(|(_, level)| level)
        .chain(targets.default_level())
        .max()
        .unwrap_or(LevelFilter::OFF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Memory;
    use crate::capture::subscriber::OffloopSubscriber;
    use crate::drain::line::Content;

    #[test]
    fn a_target_called_log_is_filtered_as_any_other() {
        let memory = Memory::new();
        let builder = crate::builder().memory(&memory);
        let pipeline = builder.start(Content::Records).unwrap();
        let filter = Filter::parse("filter", "info,log=error", None).unwrap();
        let Filter::Static(wanted) = filter else {
            panic!("it is dynamic");
        };
        let subscriber = OffloopSubscriber::new(Arc::clone(&pipeline), wanted);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "log", "unwanted");
            tracing::info!(target: "other", "wanted");
        });
        pipeline.running().end_with_process();
        assert_eq!(memory.lines().len(), 1);
        assert!(memory.text().contains(r#""message":"wanted""#));
    }
}
