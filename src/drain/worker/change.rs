//! The writer's part in a reload: it writes otherwise, it leaves its sink to another, it takes one over.

use std::time::Duration;

use super::Worker;
use crate::drain::change::{Change, Handover, Predecessor};
use crate::stats;

/// How often to look whether a sink has been left to this writer.
const HANDOVER_POLL: Duration = Duration::from_millis(1);

impl Worker {
    /// Has the worker go on with the sink of another one, in place of its own.
    pub(crate) fn follow(&mut self, predecessor: Predecessor, change: Change) {
        self.predecessor = Some((predecessor, change));
    }

    /// Whether the sink is this writer's by now.
    pub(super) fn has_taken_over(&mut self) -> bool {
        let Some((predecessor, change)) = self.predecessor.take() else {
            return true;
        };
        let Some(handover) = predecessor.handover() else {
            self.predecessor = Some((predecessor, change));
            self.leave_alone(HANDOVER_POLL);
            return false;
        };
        self.sink = handover.sink;
        self.unsynced = handover.unsynced;
        self.lines.go_on_after(handover.lines);
        self.apply(change);
        true
    }

    /// Writes otherwise from now on, if it was told so.
    pub(super) fn take_up_change(&mut self) {
        let change = self.state().change.take();
        if let Some(change) = change {
            self.apply(change);
        }
    }

    fn apply(&mut self, change: Change) {
        self.lines
            .change(change.format, change.filter, change.redactor);
        self.unsynced.change(change.sync);
        self.delays = change.delays;
        if let Some((sink, file)) = self.sink.as_mut().zip(change.file) {
            sink.change(&file);
        }
    }

    /// Leaves the sink to the next writer, once everything that was ever handed over is written.
    /// What was written is brought onto the disk first: nobody speaks for it later.
    pub(super) fn hand_over(&mut self) -> bool {
        let state = &self.sinks[self.place];
        if let Some((predecessor, _)) = &self.predecessor {
            // Nobody will leave a sink to this writer if another one beside it could not be started.
            let is_in_vain = !predecessor.is_retiring();
            if is_in_vain {
                state.progress.reach(u64::MAX);
            }
            return is_in_vain;
        }
        let is_settled = self.replay.is_none()
            && (self.failure.is_none() || self.has_no_reader())
            && !self.must_flush;
        if !is_settled || stats::waiting_for(&self.channel, state) != 0 {
            return false;
        }
        if !self.sync_for_good() {
            return false;
        }
        let state = &self.sinks[self.place];
        if self.unsynced.is_empty() {
            state.durable.end(state.counters.audits_lost());
        } else {
            state.durable.give_up();
        }
        state.handover.put(Handover {
            sink: self.sink.take(),
            unsynced: std::mem::take(&mut self.unsynced),
            lines: self.lines.lines(),
        });
        state.progress.reach(u64::MAX);
        true
    }

    /// Brings onto the disk what was written, unless that has failed again and again. Says whether
    /// that is over: after a failure it is tried once more when the disk was left alone for a while.
    fn sync_for_good(&mut self) -> bool {
        if !self.unsynced.is_empty() && !self.unsynced.is_deferred() {
            self.sync(None);
        }
        self.unsynced.is_empty() || self.unsynced.is_hopeless()
    }
}
