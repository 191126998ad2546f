//! Which records are wanted: directives in the syntax of `RUST_LOG`.
//!
//! Audit records are an exception. Whoever sets `RUST_LOG=warn` to have some peace does not mean
//! them, and the program waits for their receipts. So they are wanted unless a directive names
//! their target.

mod answers;
mod by_span;
pub(crate) mod directives;
mod extra;
mod gate;
mod limiter;
mod sink;
mod wanted;

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;

use self::by_span::BySpan;
use self::extra::Extra;
pub(crate) use self::gate::{Gate, LayerGate, change, try_change};
pub(crate) use self::limiter::{LimitedOrigin, Limiter};
pub(crate) use self::sink::SinkFilter;
use self::wanted::Wanted;
pub(crate) use self::wanted::Wish;
use crate::audit;
use crate::capture::callsite::is_log_bridge;
use crate::capture::frontend::Place;
use crate::error::Error;

/// The environment variable that overrides the filter that was built in.
pub(crate) const ENVIRONMENT_VARIABLE: &str = "RUST_LOG";

/// What is wanted where nobody says anything.
pub(crate) const DEFAULT_DIRECTIVES: &str = "info";

/// As errors call the directives of requests' detail.
const DETAIL: &str = "request detail";

/// Decides which callsites are on.
#[derive(Debug)]
pub(crate) struct Filter {
    own: Own,
    /// What is let in beyond that.
    extra: Extra,
}

/// What is wanted whatever the sinks say.
#[derive(Debug)]
enum Own {
    /// By level and target alone, so once for each callsite.
    Static(Wanted),
    /// By spans and their fields too, so anew for each event.
    BySpan(Box<BySpan>),
}

/// What was asked for, in words.
#[derive(Clone, Debug)]
pub(crate) struct Directives {
    /// Where the words come from.
    source: &'static str,
    words: String,
    /// What the detail of requests is to have.
    detail: Option<String>,
    /// Those of sinks.
    of_sinks: Vec<String>,
}

impl Directives {
    /// Those of `RUST_LOG`, or `words` where that is not set or empty.
    pub(crate) fn of_environment(words: &str, detail: Option<&str>) -> Self {
        let of_environment = std::env::var(ENVIRONMENT_VARIABLE).ok();
        match of_environment.filter(|words| !words.trim().is_empty()) {
            Some(words) => Directives {
                source: ENVIRONMENT_VARIABLE,
                words,
                ..Directives::of_filter("", detail)
            },
            None => Directives::of_filter(words, detail),
        }
    }

    /// Those that the program has set, whatever its environment says.
    pub(crate) fn of_filter(words: &str, detail: Option<&str>) -> Self {
        Directives {
            detail: detail.map(ToOwned::to_owned),
            ..Directives::alone("filter", words)
        }
    }

    /// With those of sinks, which let in what they want by span.
    pub(crate) fn beside<'d>(self, of_sinks: impl Iterator<Item = &'d str>) -> Self {
        Directives {
            of_sinks: of_sinks.map(ToOwned::to_owned).collect(),
            ..self
        }
    }

    /// For those who have no callsites.
    pub(crate) fn everything() -> Self {
        Directives::alone("filter", "trace")
    }

    /// Those that somebody gives elsewhere.
    fn alone(source: &'static str, words: &str) -> Self {
        Directives {
            source,
            words: words.to_owned(),
            detail: None,
            of_sinks: Vec::new(),
        }
    }

    /// With others on top, which win over those for the same target.
    fn under<'d>(&'d self, others: impl Iterator<Item = &'d str>) -> Self {
        let words = [&*self.words].into_iter().chain(others);
        Directives {
            words: words.collect::<Vec<_>>().join(","),
            ..self.clone()
        }
    }

    fn parse(&self) -> Result<Filter, Error> {
        Ok(Filter {
            own: self.parse_own()?,
            extra: Extra::parse(&self.of_sinks)?,
        })
    }

    fn parse_own(&self) -> Result<Own, Error> {
        let (source, words) = (self.source, &*self.words);
        directives::check_those_of(source, words, true)?;
        let audits = Audits::beside(words);
        if words.contains('[') {
            let filter = BySpan::new(source, words, audits)?;
            return Ok(Own::BySpan(Box::new(filter)));
        }
        let detail = self.detail.as_deref();
        let detail = detail.map(|detail| {
            directives::check_those_of(DETAIL, detail, false)?;
            parse_targets(DETAIL, detail)
        });
        Ok(Own::Static(Wanted {
            targets: parse_targets(source, words)?,
            audits,
            detail: detail.transpose()?,
        }))
    }
}

impl Filter {
    fn has_detail(&self) -> bool {
        matches!(&self.own, Own::Static(wanted) if wanted.has_detail())
    }

    /// Whether it is to hear of spans.
    fn follows_spans(&self) -> bool {
        matches!(self.own, Own::BySpan(_)) || !self.extra.is_empty()
    }

    /// For what the events of a callsite are wanted that was let through, whatever the sinks say.
    fn wish(&self, metadata: &Metadata<'_>) -> Wish {
        match &self.own {
            Own::Static(wanted) => wanted.wish(metadata),
            Own::BySpan(_) => Wish::Now,
        }
    }

    /// The same for one that nobody has asked for yet.
    fn wish_now(&self, metadata: &Metadata<'_>) -> Wish {
        match &self.own {
            Own::Static(wanted) => wanted.wish(metadata),
            Own::BySpan(filter) if filter.is_enabled(metadata) => Wish::Now,
            Own::BySpan(_) => Wish::Never,
        }
    }

    /// The same for an event.
    fn wish_of(&self, event: &Event<'_>) -> Wish {
        let metadata = event.metadata();
        if !is_log_bridge(metadata) {
            return self.wish_now(metadata);
        }
        match &self.own {
            Own::Static(wanted) => wanted.wish_of_log(event),
            Own::BySpan(filter) if filter.is_log_enabled(event) => Wish::Now,
            Own::BySpan(_) => Wish::Never,
        }
    }

    /// For what the records of a front end's place are wanted.
    fn wish_at(&self, place: &Place<'_>) -> Wish {
        let own = match &self.own {
            Own::Static(wanted) => wanted.wish_at(place),
            Own::BySpan(filter) if filter.wants_at(place) => Wish::Now,
            Own::BySpan(_) => Wish::Never,
        };
        self.with_extra(own, || self.extra.wants_at(place))
    }

    /// What is not wanted of all may be let in for sinks, which `is_extra` says.
    fn with_extra(&self, own: Wish, is_extra: impl Fn() -> bool) -> Wish {
        match own {
            Wish::Detail | Wish::Never if is_extra() => Wish::Extra,
            _ => own,
        }
    }

    /// Whether anything with this target and level may be wanted, by whatever else.
    fn may_want(&self, target: &str, level: Level) -> bool {
        let own = match &self.own {
            Own::Static(wanted) => wanted.wish_of_target(target, level) != Wish::Never,
            Own::BySpan(filter) => level <= filter.level_max(),
        };
        own || self.extra.may_want(level)
    }

    /// What `tracing` is to ask about a callsite.
    fn interest(&self, metadata: &'static Metadata<'static>) -> Interest {
        let own = match &self.own {
            Own::Static(wanted) => wanted.interest(metadata),
            Own::BySpan(filter) => filter.interest(metadata),
        };
        self.extra.interest(own, metadata)
    }

    /// Whether an event or a span of a callsite, made now, is wanted.
    fn is_enabled(&self, metadata: &Metadata<'_>) -> bool {
        let is_wanted = match &self.own {
            Own::Static(wanted) => wanted.is_enabled(metadata),
            Own::BySpan(filter) => filter.is_enabled(metadata),
        };
        is_wanted || self.extra.wants(metadata)
    }

    fn is_enabled_in<S: Subscriber>(
        &self,
        metadata: &Metadata<'_>,
        context: &Context<'_, S>,
    ) -> bool {
        let is_wanted = match &self.own {
            Own::Static(wanted) => wanted.is_enabled(metadata),
            Own::BySpan(filter) => filter.is_enabled_in(metadata, context),
        };
        is_wanted || self.extra.wants(metadata)
    }

    /// The most verbose level that may be on.
    fn level_max(&self) -> LevelFilter {
        let own = match &self.own {
            Own::Static(wanted) => wanted.level_max(),
            Own::BySpan(filter) => filter.level_max(),
        };
        own.max(self.extra.level_max())
    }

    /// Lets all know of a span that want to.
    fn tell(&self, tell: impl Fn(&BySpan)) {
        if let Own::BySpan(filter) = &self.own {
            tell(filter);
        }
        self.extra.filters().for_each(tell);
    }
}

/// Whether audit records are let through, whatever else is.
#[derive(Clone, Copy, Debug, Default)]
struct Audits {
    are_kept: bool,
}

impl Audits {
    /// They are, unless the directives name their target.
    fn beside(directives: &str) -> Self {
        let mut targets = directives.split(',').map(|directive| {
            let end = directive.find(['=', '[']).unwrap_or(directive.len());
            directive[..end].trim()
        });
        Audits {
            are_kept: targets.all(|target| target != audit::TARGET),
        }
    }

    fn keep(self, metadata: &Metadata<'_>) -> bool {
        self.are_kept && audit::is_audit(metadata)
    }

    /// The same for events with this target and level.
    fn keep_at(self, target: &str, level: Level) -> bool {
        self.are_kept && audit::is_audit_at(target, level)
    }

    /// The most verbose level that may be on beside them, with them.
    fn raise(self, level_max: LevelFilter) -> LevelFilter {
        if self.are_kept {
            level_max.max(LevelFilter::from_level(audit::LEVEL))
        } else {
            level_max
        }
    }
}

fn parse_spans(source: &'static str, directives: &str) -> Result<EnvFilter, Error> {
    let filter = EnvFilter::builder().parse(directives);
    filter.map_err(|error| Error::filter(source, directives, error))
}

fn parse_targets(source: &'static str, directives: &str) -> Result<Targets, Error> {
    let read = tidy(directives).parse();
    read.map_err(|error| Error::filter(source, directives, error))
}

/// Directives without white space and without empty ones: `Targets` would take `" warn"` for a target,
/// and what is behind a comma at the end for `error`.
fn tidy(directives: &str) -> String {
    let directives = directives.split(',').map(|directive| {
        let parts = directive.split('=').map(str::trim);
        parts.collect::<Vec<_>>().join("=")
    });
    let directives = directives.filter(|directive| !directive.is_empty());
    directives.collect::<Vec<_>>().join(",")
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
    use std::sync::Arc;

    use crate::Memory;
    use crate::capture::subscriber::OffloopSubscriber;
    use crate::channel::sync::Instant;
    use crate::drain::line::Content;

    #[test]
    fn white_space_and_commas_in_directives_mean_nothing() {
        let tidy = super::tidy;
        assert_eq!(tidy(" info , hyper = warn ,, "), "info,hyper=warn");
        assert_eq!(tidy("debug,"), "debug");
        let targets = super::parse_targets("this test", "hyper=debug, warn,").unwrap();
        assert!(targets.would_enable("app", &tracing::Level::WARN));
        assert!(!targets.would_enable("app", &tracing::Level::INFO));
    }

    #[test]
    fn a_target_called_log_is_filtered_as_any_other() {
        let memory = Memory::new();
        let builder = crate::builder().memory(&memory).filter("info,log=error");
        let pipeline = builder.start(Content::Records).unwrap();
        let subscriber = OffloopSubscriber::new(Arc::clone(&pipeline));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "log", "unwanted");
            tracing::info!(target: "other", "wanted");
        });
        pipeline.running().end_with_process(Instant::now());
        assert_eq!(memory.lines().len(), 1);
        assert!(memory.text().contains(r#""message":"wanted""#));
    }
}
