//! Which records are wanted: directives in the syntax of `RUST_LOG`.
//!
//! Audit records are an exception. Whoever sets `RUST_LOG=warn` to have some peace does not mean
//! them, and the program waits for their receipts. So they are wanted unless a directive names
//! their target.

mod answers;
mod by_span;
mod gate;
mod limiter;
mod sink;
mod wanted;

use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Targets;

use self::by_span::BySpan;
pub(crate) use self::gate::{Gate, LayerGate, change};
pub(crate) use self::limiter::{LimitedOrigin, Limiter};
pub(crate) use self::sink::SinkFilter;
use self::wanted::Wanted;
pub(crate) use self::wanted::Wish;
use crate::audit;
use crate::error::Error;

/// The environment variable that overrides the filter that was built in.
pub(crate) const ENVIRONMENT_VARIABLE: &str = "RUST_LOG";

/// What is wanted where nobody says anything.
pub(crate) const DEFAULT_DIRECTIVES: &str = "info";

/// Decides which callsites are on.
#[derive(Debug)]
pub(crate) enum Filter {
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
}

impl Directives {
    /// Those of `RUST_LOG`, or `words` where that is not set or empty.
    pub(crate) fn of_environment(words: &str, detail: Option<&str>) -> Self {
        let of_environment = std::env::var(ENVIRONMENT_VARIABLE).ok();
        let of_environment = of_environment.filter(|words| !words.trim().is_empty());
        let (source, words) = match of_environment {
            Some(words) => (ENVIRONMENT_VARIABLE, words),
            None => ("filter", words.to_owned()),
        };
        Directives {
            source,
            words,
            detail: detail.map(ToOwned::to_owned),
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
        let (source, words) = (self.source, &*self.words);
        let audits = Audits::beside(words);
        if words.contains('[') {
            let filter = EnvFilter::builder().parse(words);
            let filter = filter.map_err(|error| Error::filter(source, words, error))?;
            return Ok(Filter::BySpan(Box::new(BySpan::new(filter, audits))));
        }
        let detail = self.detail.as_deref();
        let detail = detail.map(|detail| parse_targets("request detail", detail));
        Ok(Filter::Static(Wanted {
            targets: parse_targets(source, words)?,
            audits,
            detail: detail.transpose()?,
        }))
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

    /// The most verbose level that may be on beside them, with them.
    fn raise(self, level_max: LevelFilter) -> LevelFilter {
        if self.are_kept {
            level_max.max(LevelFilter::from_level(audit::LEVEL))
        } else {
            level_max
        }
    }
}

fn parse_targets(source: &'static str, directives: &str) -> Result<Targets, Error> {
    directives
        .parse()
        .map_err(|error| Error::filter(source, directives, error))
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
    use crate::drain::line::Content;

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
        pipeline
            .running()
            .end_with_process(crate::channel::sync::Instant::now());
        assert_eq!(memory.lines().len(), 1);
        assert!(memory.text().contains(r#""message":"wanted""#));
    }
}
