//! What one sink wants of what the pipeline captured.

mod by_span;
mod pattern;
mod rules;

use tracing::Level;

pub(super) use self::rules::{Rules, Verdict};
use super::directives;
use crate::capture::callsite::Callsites;
use crate::capture::record::Record;
use crate::config::Format;
use crate::error::Error;
use crate::request;

/// As errors call it.
pub(super) const SOURCE: &str = "sink filter";

/// What one sink wants. Asked on its writer thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct SinkFilter {
    /// `None` if it wants all.
    rules: Option<Rules>,
    /// Whether nothing but the records of requests is wanted.
    requests_alone: bool,
    /// What the rules by level, target and fields say of the callsites met so far.
    verdicts: Vec<Option<Verdict>>,
}

impl SinkFilter {
    /// Reads what somebody has written for a pipeline that is to start.
    pub(crate) fn of_user(directives: &str) -> Result<Self, Error> {
        directives::check_those_of(SOURCE, directives, true)?;
        SinkFilter::parse(directives)
    }

    /// Reads what a pipeline was started with, whatever was let through then.
    pub(crate) fn parse(directives: &str) -> Result<Self, Error> {
        Ok(SinkFilter {
            rules: Some(Rules::parse(SOURCE, directives)?),
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

    /// Whether records of this target and level, in no span, which are not those of requests, are
    /// wanted.
    pub(crate) fn would_want(&self, target: &str, level: Level) -> bool {
        let rules = self.rules.as_ref();
        !self.requests_alone
            && rules
                .is_none_or(|rules| rules.verdict(target, level, |_| false) != Verdict::Unwanted)
    }

    #[inline]
    pub(crate) fn wants(&mut self, record: &Record<'_>, callsites: &Callsites) -> bool {
        if self.requests_alone && !request::is_record(&record.callsite.facts) {
            return false;
        }
        if self.rules.is_none() {
            return !record.is_extra;
        }
        match self.verdict(record) {
            Verdict::WantedByField => true,
            Verdict::Wanted if !record.is_extra => true,
            _ => self.is_wanted_by_span(record, callsites),
        }
    }

    fn verdict(&mut self, record: &Record<'_>) -> Verdict {
        let Some(rules) = &self.rules else {
            return Verdict::Wanted;
        };
        let (callsite, facts) = (record.callsite, &record.callsite.facts);
        if callsite.is_log {
            // One callsite stands for all targets, and its records bring fields along.
            let has = |name: &str| record.fields().any(|(field, _)| field == name);
            return rules.verdict(record.origin.target, facts.level, has);
        }
        let has = |name: &str| facts.fields.iter().any(|field| **field == *name);
        let ask = || rules.verdict(&facts.target, facts.level, has);
        if self.verdicts.len() <= callsite.index() {
            self.verdicts.resize(callsite.index() + 1, None);
        }
        *self.verdicts[callsite.index()].get_or_insert_with(ask)
    }

    fn is_wanted_by_span(&mut self, record: &Record<'_>, callsites: &Callsites) -> bool {
        let rules = self.rules.as_mut();
        rules.is_some_and(|rules| rules.by_span.want(record, callsites))
    }
}
