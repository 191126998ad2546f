//! What limits left out, reported by the writer while it goes on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::Worker;
use crate::channel::sync::Instant;
use crate::channel::ticks;
use crate::drain::notice;
use crate::filter::Limiter;

/// For one callsite it is reported at most this often.
const REPORT_PAUSE: Duration = Duration::from_secs(10);

/// What one sink has reported of the records that limits left out.
#[derive(Debug, Default)]
pub(super) struct SuppressionReport {
    limiter: Arc<Limiter>,
    /// By the number of the source: how many, and when.
    reported: HashMap<usize, (u64, Option<Instant>)>,
    /// How many there were in all at the last look.
    seen: u64,
    /// Whether some of these are left for a later report, not before then.
    next: Option<Instant>,
}

impl SuppressionReport {
    /// One that leaves aside what was left out so far.
    pub(super) fn from_now(limiter: &Arc<Limiter>) -> Self {
        let counts = limiter.limited_by_source();
        SuppressionReport {
            limiter: Arc::clone(limiter),
            seen: limiter.limited(),
            reported: counts
                .map(|(source, count, _)| (source, (count, None)))
                .collect(),
            next: None,
        }
    }

    /// Whether it is worth to look at each callsite.
    fn is_due(&mut self, limited: u64, is_last: bool) -> bool {
        let has_news = self.seen != limited;
        let has_more = self
            .next
            .is_some_and(|next| is_last || next <= Instant::now());
        self.seen = limited;
        has_news || has_more
    }

    /// How many there are to report of a callsite, if it is time for that.
    fn take(&mut self, source: usize, limited: u64, is_last: bool) -> Option<u64> {
        let (reported, at) = self.reported.entry(source).or_default();
        let news = limited.saturating_sub(*reported);
        if news == 0 {
            return None;
        }
        let next = at.map(|at| at + REPORT_PAUSE);
        if !is_last && next.is_some_and(|next| Instant::now() < next) {
            self.next = self.next.into_iter().chain(next).min();
            return None;
        }
        (*reported, *at) = (limited, Some(Instant::now()));
        Some(news)
    }
}

impl Worker {
    /// Writes into the log what limits have left out since the last report, of the callsites whose
    /// records the sink would want.
    pub(super) fn report_suppressed(&mut self, is_last: bool) {
        let report = &mut self.reports.suppressed;
        if !report.is_due(report.limiter.limited(), is_last) {
            return;
        }
        report.next = None;
        let limiter = Arc::clone(&report.limiter);
        for (source, limited, origin) in limiter.limited_by_source() {
            if !self.lines.wants_of(&origin.target, origin.level) {
                continue;
            }
            if let Some(count) = report.take(source, limited, is_last) {
                self.lines
                    .write_notice(ticks::now(), &mut self.batch, |record| {
                        notice::suppressed(record, count, &origin);
                    });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callsite_is_reported_at_once_and_then_not_for_a_while_but_in_the_end() {
        let mut report = SuppressionReport::default();
        assert!(report.is_due(3, false));
        assert_eq!(report.take(7, 3, false), Some(3));
        assert!(!report.is_due(3, false));
        assert!(report.is_due(5, false));
        assert_eq!(report.take(7, 5, false), None);
        assert_eq!(report.take(8, 1, false), Some(1));
        assert!(!report.is_due(5, false) && report.is_due(5, true));
        assert_eq!(report.take(7, 5, true), Some(2));
        assert_eq!(report.take(7, 5, true), None);
    }
}
