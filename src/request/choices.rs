//! What the options come to for one request.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tracing::Level;

use super::options::Options;
use super::outcome::{Ended, Outcome};
use super::trace_context::TraceContext;

impl Options {
    pub(super) fn is_sampled(&self, trace: &TraceContext) -> bool {
        1.0 <= self.sample_rate || trace.random_share() < self.sample_rate
    }

    /// Counts a request that has ended. A session that lasts is not slow.
    pub(super) fn is_among_slowest(&self, outcome: Outcome, duration: Duration) -> bool {
        let latencies = self.latencies.as_ref();
        outcome != Outcome::Upgraded && latencies.is_some_and(|latencies| latencies.note(duration))
    }

    pub(super) fn shown_rate(&self) -> Option<f64> {
        (self.sample_rate < 1.0).then_some(self.sample_rate)
    }

    pub(super) fn wants_detail_of(&self, ended: &Ended<'_>) -> bool {
        let chosen = self
            .wants_detail
            .as_ref()
            .and_then(|wants| catch_unwind(AssertUnwindSafe(|| (wants.0)(ended))).ok());
        chosen.unwrap_or_else(|| ended.wants_detail())
    }

    pub(super) fn level_of(&self, ended: &Ended<'_>) -> Level {
        let chosen = self.level.as_ref().and_then(|choose| {
            // A request may end in a destructor, during a panic: one more would abort the process.
            catch_unwind(AssertUnwindSafe(|| (choose.0)(ended))).ok()
        });
        chosen.unwrap_or_else(|| ended.level())
    }

    pub(super) fn is_quiet(&self, path: &str) -> bool {
        self.quiet
            .iter()
            .any(|quiet| match quiet.strip_suffix('*') {
                Some(start) => path.starts_with(start),
                None => path == &**quiet,
            })
    }
}
