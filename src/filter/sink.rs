//! What one sink wants of what the pipeline captured.

use tracing::Level;
use tracing_subscriber::filter::Targets;

use super::parse_targets;
use crate::capture::record::Record;
use crate::config::Format;
use crate::error::Error;
use crate::request;

/// What one sink wants. Asked on its writer thread.
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
