//! What the writer says in the log of records that are not in it: lost on the way to its sink, meant for
//! a sink that nobody reads, left out by limits.
//!
//! Each round ends with it, since what it says is to be written like any record.

use std::sync::Arc;

use super::Worker;
use super::suppressed::SuppressionReport;
use crate::channel::sync::Ordering;
use crate::channel::ticks;
use crate::drain::notice::{self, LossReport};
use crate::filter::Limiter;

/// What one sink's log has been told so far, so that nothing is told twice.
#[derive(Debug)]
pub(super) struct Reports {
    losses: LossReport,
    /// Of which sinks it is in the log that nobody reads them.
    without_reader: Vec<bool>,
    pub(super) suppressed: SuppressionReport,
}

impl Reports {
    /// Those in the log of one of `sinks` sinks.
    pub(super) fn new(sinks: usize) -> Self {
        Reports {
            losses: LossReport::default(),
            without_reader: vec![false; sinks],
            suppressed: SuppressionReport::default(),
        }
    }
}

impl Worker {
    /// Reports what this one leaves out from now on.
    pub(crate) fn report_of(&mut self, limiter: &Arc<Limiter>) {
        self.reports.suppressed = SuppressionReport::from_now(limiter);
    }

    /// Puts into the batch what there is to report. What goes on is summed up for a while, but for the
    /// last time.
    pub(super) fn report(&mut self) {
        let is_last = self.patience.is_some() || self.channel.is_closed();
        self.report_losses(is_last);
        self.report_lost_readers();
        self.report_suppressed(is_last);
    }

    /// Writes into the log what was lost since the last report.
    fn report_losses(&mut self, is_last: bool) {
        if self.has_no_reader() && !is_last {
            // Nobody would read it, and that they are lost is said already.
            return;
        }
        let state = &self.sinks[self.place];
        // Losses are counted where a lane has no room, and where this sink fails.
        let lanes = || self.channel.lanes().map(|lane| &lane.lost);
        let losses = || lanes().chain([&state.counters.lost]);
        let Some(news) = self.reports.losses.news(losses, self.place, is_last) else {
            return;
        };
        let first = self.lines.timestamp(news.first_ticks);
        let last = self.lines.timestamp(news.last_ticks);
        self.lines
            .write_notice(ticks::now(), &mut self.batch, |record| {
                notice::lost(record, &news.table, &first, &last);
            });
        let (count, destination) = (news.table.total(), &state.destination);
        self.complaints
            .say(&format!("{count} records lost on the way to {destination}"));
    }

    /// Writes into the log which of the other sinks have lost their readers since the last look.
    fn report_lost_readers(&mut self) {
        let sinks = Arc::clone(&self.sinks);
        for (place, state) in sinks.iter().enumerate() {
            if place == self.place {
                continue;
            }
            // Relaxed: it publishes nothing.
            let is_lost = state.counters.has_no_reader.load(Ordering::Relaxed);
            let was_lost = std::mem::replace(&mut self.reports.without_reader[place], is_lost);
            if is_lost && !was_lost {
                self.lines
                    .write_notice(ticks::now(), &mut self.batch, |record| {
                        notice::lost_reader(record, state);
                    });
            }
        }
    }
}
