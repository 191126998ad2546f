//! The writer's part in durability: when it syncs its sink, and what it does if that fails.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Worker;
use crate::channel::ticks;
use crate::drain::notice;

impl Worker {
    /// Syncs the sink if somebody waits for that or the policy asks for it, now that everything up
    /// to `horizon` is written. Says no only if patience ended first.
    pub(super) fn keep_durable(&mut self, horizon: u64) -> bool {
        let is_ending = self.channel.is_closed();
        let durable = &self.state().durable;
        if self.unsynced.is_deferred() {
            if is_ending {
                // Nobody will come back to it.
                durable.fail();
            }
            return true;
        }
        if !self.unsynced.is_empty() {
            let is_wanted = durable.is_wanted_by(horizon) || self.unsynced.is_due(is_ending);
            return !is_wanted || self.sync(Some(horizon));
        }
        self.acknowledge(horizon);
        true
    }

    /// The same in the midst of a look at the pages, for what should not wait until its end.
    pub(super) fn sync_if_pressing(&mut self) -> bool {
        let is_pressing = self.unsynced.is_pressing() && !self.unsynced.is_deferred();
        !is_pressing || self.sync(None)
    }

    pub(super) fn sync(&mut self, horizon: Option<u64>) -> bool {
        let synced = self.sink.as_mut().map_or(Ok(()), |sink| {
            catch_unwind(AssertUnwindSafe(|| sink.sync()))
                .unwrap_or_else(|_| Err(io::Error::other("the writer panicked")))
        });
        if let Err(error) = synced {
            return self.write_again(&error.to_string());
        }
        self.unsynced.succeed();
        if let Some(horizon) = horizon {
            self.acknowledge(horizon);
        }
        true
    }

    fn acknowledge(&self, horizon: u64) {
        let state = self.state();
        let lost = state.counters.audits_lost();
        state.durable.reach(horizon, lost);
    }

    /// What was not synced may be gone, and the sink goes on in another place: there it is written
    /// once more, between two notices, so that a reader who finds both places knows which lines
    /// come twice.
    fn write_again(&mut self, error: &str) -> bool {
        let state = &self.sinks[self.place];
        state.durable.fail();
        state.counters.count_failed_sync();
        let keeps_lines = self.unsynced.keeps_lines();
        let lines = self.unsynced.fail();
        let count = lines.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let consequence = match keeps_lines {
            true => format!("{count} lines are written again into a new one"),
            false => "lines since its last sync may be lost".to_owned(),
        };
        self.complaints.say(&format!(
            "sync {}: {error}; it is set aside, {consequence}",
            state.destination
        ));
        let now = ticks::now();
        self.lines.write_notice(now, &mut self.batch, |record| {
            notice::sync_failed(record, state, error, count);
        });
        if !lines.is_empty() {
            self.batch
                .push(None, now, |bytes| bytes.extend_from_slice(&lines));
            self.lines.write_notice(now, &mut self.batch, |record| {
                notice::written_again(record, count);
            });
        }
        self.write_batch() && self.flush_sink()
    }
}
