//! A batch goes to the sink, until all of it is accepted.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Worker;
use crate::channel::overflow::LossReason;
use crate::channel::ticks;

impl Worker {
    /// Writes the batch to the sink, however long it takes. Says no only if patience ended first.
    pub(super) fn write_batch(&mut self) -> bool {
        while !self.batch.is_empty() {
            self.housekeeper.come_by();
            self.stage_batch();
            let Some(sink) = &mut self.sink else {
                self.abandon_batch(LossReason::Fork);
                break;
            };
            let (batch, journal, replay) = (&self.batch, &mut self.journal, &self.replay);
            // What is replayed is in the journal of the process that left it.
            let mut note = |place, accepted| match replay {
                Some(replay) => replay.note(place, accepted),
                None => journal.note(place, accepted),
            };
            let offered = || batch.offer(&mut **sink, &mut note);
            match catch_unwind(AssertUnwindSafe(offered)) {
                Ok(Ok(bytes)) => {
                    self.accepted(bytes);
                    if self.is_out_of_patience() && !self.batch.is_empty() {
                        return false;
                    }
                }
                Ok(Err(error)) if sink.has_lost_reader(&error) => self.lose_reader(&error),
                Ok(Err(_)) if self.is_out_of_patience() => return false,
                Ok(Err(error)) => self.wait_for_sink(&error),
                Err(_) => {
                    self.complain_of_panic();
                    self.abandon_batch(LossReason::Io);
                }
            }
        }
        self.end_batch();
        true
    }

    /// Puts the batch down before it is offered for the first time.
    fn stage_batch(&mut self) {
        // What is replayed is in the journal of the process that left it.
        if self.replay.is_none() && self.journal.is_due() {
            let merge = self.sinks[self.place].lock_merge();
            let (rest, accepted) = (self.batch.rest(), self.batch.accepted());
            self.journal.stage(rest, accepted, &merge);
        }
    }

    fn accepted(&mut self, bytes: usize) {
        let records = self.batch.accept(bytes);
        if self.sink.as_ref().is_some_and(|sink| sink.has_given_up()) {
            self.count_lost(records, LossReason::Io);
            return;
        }
        self.state().counters.count_written(records);
        self.must_flush = true;
        if let Some(failure) = &mut self.failure {
            failure.saw_success();
        }
    }

    /// A batch is done: its pages are free for others.
    fn end_batch(&mut self) {
        self.unsynced.note(&self.batch);
        if let Some(oldest) = self.batch.clear() {
            let wait_ns = self
                .lines
                .clock
                .duration_ns(ticks::now().saturating_sub(oldest));
            self.state().counters.count_wait(wait_ns);
        }
        let channel = &self.channel;
        let mut merge = self.sinks[self.place].lock_merge();
        self.journal.settle(&mut merge);
        merge.release_finished(|page| channel.put(page.release()));
    }

    pub(super) fn flush_sink(&mut self) -> bool {
        if !self.must_flush {
            return true;
        }
        let Some(sink) = &mut self.sink else {
            return true;
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| sink.flush()))
            .unwrap_or_else(|_| Err(io::Error::other("the writer panicked")));
        match outcome {
            Ok(()) => self.must_flush = false,
            Err(error) => {
                let pause = self.note_failure(&format!("flush: {error}"));
                self.leave_alone(pause);
            }
        }
        !self.must_flush
    }
}
