//! Which records are wanted: directives in the syntax of `RUST_LOG`.

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Targets;

use crate::capture::callsite::is_log_bridge;
use crate::capture::record::Record;
use crate::error::Error;

/// The environment variable that overrides the filter that was built in.
pub(crate) const ENVIRONMENT_VARIABLE: &str = "RUST_LOG";

/// What is wanted where nobody says anything.
pub(crate) const DEFAULT_DIRECTIVES: &str = "info";

/// Decides which callsites are on.
#[derive(Debug)]
pub(crate) enum Filter {
    /// By level and target alone, so once for each callsite.
    Static(Targets),
    /// By spans and their fields too, so anew for each event.
    Dynamic(Box<EnvFilter>),
}

impl Filter {
    /// Reads `RUST_LOG`, or `directives` where that is not set or empty.
    pub(crate) fn from_environment(directives: Option<&str>) -> Result<Self, Error> {
        match std::env::var(ENVIRONMENT_VARIABLE) {
            Ok(directives) if !directives.trim().is_empty() => {
                Self::parse(ENVIRONMENT_VARIABLE, &directives)
            }
            _ => Self::parse("filter", directives.unwrap_or(DEFAULT_DIRECTIVES)),
        }
    }

    fn parse(source: &'static str, directives: &str) -> Result<Self, Error> {
        if directives.contains('[') {
            let filter = EnvFilter::builder().parse(directives);
            let filter = filter.map_err(|error| Error::filter(source, directives, error))?;
            return Ok(Filter::Dynamic(Box::new(filter)));
        }
        parse_targets(source, directives).map(Filter::Static)
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
    /// The answers for the callsites met so far.
    answers: Vec<Option<bool>>,
}

impl SinkFilter {
    pub(crate) fn parse(directives: &str) -> Result<Self, Error> {
        let targets = parse_targets("sink filter", directives)?;
        Ok(SinkFilter {
            targets: Some(targets),
            answers: Vec::new(),
        })
    }

    /// Whether records of this target and level are wanted.
    pub(crate) fn would_want(&self, target: &str, level: Level) -> bool {
        let targets = self.targets.as_ref();
        targets.is_none_or(|targets| targets.would_enable(target, &level))
    }

    pub(crate) fn wants(&mut self, record: &Record<'_>) -> bool {
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

/// Whether `targets` lets this callsite through. The callsites of the bridge from `log` stand for
/// all targets: their events were asked for before.
pub(crate) fn wants_callsite(targets: &Targets, metadata: &Metadata<'_>) -> bool {
    is_log_bridge(metadata) || targets.would_enable(metadata.target(), metadata.level())
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

    use super::*;
    use crate::Memory;
    use crate::capture::subscriber::OffloopSubscriber;
    use crate::drain::line::Content;

    #[test]
    fn a_target_called_log_is_filtered_as_any_other() {
        let memory = Memory::new();
        let builder = crate::builder().memory(&memory);
        let pipeline = builder.start(Content::Records).unwrap();
        let targets = parse_targets("filter", "info,log=error").unwrap();
        let subscriber = OffloopSubscriber::new(Arc::clone(&pipeline), targets);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "log", "unwanted");
            tracing::info!(target: "other", "wanted");
        });
        pipeline.running().end_with_process();
        assert_eq!(memory.lines().len(), 1);
        assert!(memory.text().contains(r#""message":"wanted""#));
    }
}
