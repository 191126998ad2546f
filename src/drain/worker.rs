//! The writer's loop: receive, format, write. The one place that sees all three.

mod change;
mod failure;
mod reports;
mod rest;
mod suppressed;
mod sync;
mod write;

use std::sync::Arc;
use std::time::Duration;

use super::batch::{BATCH_BYTES, Batch};
use super::change::{Change, Predecessor};
use super::housekeeper::Housekeeper;
use super::journal::BatchJournal;
use super::line::LineWriter;
use super::sync::{SyncPolicy, UnsyncedLines};
use super::{Delays, SinkState};
use crate::channel::Channel;
use crate::channel::arena::Journal;
use crate::channel::sync::Instant;
use crate::channel::ticks::{self, TICKS_MARGIN};
use crate::complaint::Complaints;
use crate::recovery::replay::{Next, Replay};
use crate::sink::Sink;
use crate::stats;
use failure::Failure;
use reports::Reports;
use rest::Rest;

/// How long to leave alone what cannot be recovered just now.
const REPLAY_PAUSE: Duration = Duration::from_millis(100);

/// What the writers of a pipeline have in common.
#[derive(Clone)]
pub(crate) struct Common {
    channel: Arc<Channel>,
    sinks: Arc<[SinkState]>,
    housekeeper: Arc<Housekeeper>,
}

impl Common {
    pub(crate) fn new(
        channel: &Arc<Channel>,
        sinks: &Arc<[SinkState]>,
        complaints: Complaints,
    ) -> Self {
        let housekeeper = Housekeeper::new(Arc::clone(channel), complaints);
        Common {
            channel: Arc::clone(channel),
            sinks: Arc::clone(sinks),
            housekeeper: Arc::new(housekeeper),
        }
    }
}

/// Writes the records of one pipeline to one sink.
pub(crate) struct Worker {
    channel: Arc<Channel>,
    /// All sinks of the pipeline, this one's at `place`.
    sinks: Arc<[SinkState]>,
    place: usize,
    housekeeper: Arc<Housekeeper>,
    /// `None` in a forked child, for a sink that only its parent can use.
    sink: Option<Box<dyn Sink>>,
    lines: LineWriter,
    batch: Batch,
    journal: BatchJournal,
    complaints: Complaints,
    /// What is to be said before anything is written.
    complaint: Option<String>,
    failure: Option<Failure>,
    /// Whether the sink may hold back what it accepted.
    must_flush: bool,
    unsynced: UnsyncedLines,
    reports: Reports,
    /// What processes that died left for this sink, until it is written.
    replay: Option<Replay>,
    /// Whose sink it is to go on with, and how, until that has been left to it.
    predecessor: Option<(Predecessor, Change)>,
    delays: Delays,
    /// Until when to try, where the thread is not the writer's own.
    patience: Option<Instant>,
}

impl Worker {
    pub(crate) fn new(
        common: Common,
        place: usize,
        sink: Option<Box<dyn Sink>>,
        lines: LineWriter,
        complaints: Complaints,
    ) -> Self {
        Worker {
            reports: Reports::new(common.sinks.len()),
            channel: common.channel,
            sinks: common.sinks,
            place,
            housekeeper: common.housekeeper,
            sink,
            lines,
            batch: Batch::default(),
            journal: BatchJournal::default(),
            complaints,
            complaint: None,
            failure: None,
            must_flush: false,
            unsynced: UnsyncedLines::default(),
            replay: None,
            predecessor: None,
            delays: Delays::default(),
            patience: None,
        }
    }

    /// Has the worker write what processes that died left for this sink, before anything else.
    pub(crate) fn replay_first(&mut self, replay: Replay) {
        self.replay = Some(replay);
    }

    /// With a policy when to sync the sink.
    pub(crate) fn syncing(mut self, policy: SyncPolicy) -> Self {
        self.unsynced = UnsyncedLines::new(policy);
        self
    }

    /// Has it complain before it writes anything.
    pub(crate) fn saying_first(mut self, complaint: Option<String>) -> Self {
        self.complaint = complaint;
        self
    }

    /// Notes what is on its way into the sink in this journal.
    pub(crate) fn keep_journal(&mut self, journal: Option<Journal>) {
        self.journal = BatchJournal::new(journal);
    }

    /// Writes records until it is told to stop and everything is written.
    pub(crate) fn run(&mut self, delays: Delays) {
        self.delays = delays;
        let sinks = Arc::clone(&self.sinks);
        let state = &sinks[self.place];
        let mut rest = Rest::new(delays);
        loop {
            let written = self.round();
            if state.may_end() || (state.is_retiring() && self.hand_over()) {
                return;
            }
            let pause = rest.after(written, self.delays);
            if BATCH_BYTES <= written {
                continue;
            }
            if rest.may_doze(&self.channel) && !self.has_waiting() {
                self.doze();
            } else {
                self.sleep(pause, || false);
            }
        }
    }

    /// The same on a thread that is not the writer's own and cannot wait for ever.
    pub(crate) fn run_until(&mut self, deadline: Instant) {
        self.patience = Some(deadline);
        loop {
            self.round();
            let state = self.state();
            let is_wanted = state.progress.is_wanted() || state.durable.is_wanted();
            if !is_wanted || deadline <= Instant::now() {
                break;
            }
        }
        self.patience = None;
    }

    /// Writes every record that was pushed before now. Returns how many bytes.
    pub(super) fn round(&mut self) -> usize {
        if let Some(complaint) = self.complaint.take() {
            self.complaints.say(&complaint);
        }
        self.housekeeper.come_by();
        if !self.has_taken_over() {
            return 0;
        }
        let horizon = ticks::look().saturating_sub(TICKS_MARGIN);
        self.lines.clock.observe();
        if !self.replay() {
            return 0;
        }
        let mut written = 0;
        loop {
            let more = self.fill_batch(horizon);
            written += self.batch.rest().len();
            if !(self.write_batch() && self.sync_if_pressing()) {
                return written;
            }
            if !more {
                break;
            }
            if self.is_out_of_patience() {
                return written;
            }
        }
        self.report();
        self.relieve_pool();
        self.tend_sink(horizon);
        if self.settle() && self.keep_durable(horizon) {
            self.state().progress.reach(horizon);
        }
        written
    }

    fn tend_sink(&mut self, written: u64) {
        if let Some(sink) = &mut self.sink {
            sink.tend(written, &mut |warning| self.complaints.say(warning));
        }
    }

    /// Writes what processes that died left behind. Says no if that is not done yet.
    fn replay(&mut self) -> bool {
        loop {
            if !self.write_batch() {
                return false;
            }
            let Some(replay) = &mut self.replay else {
                return true;
            };
            let next = replay.fill(&mut self.lines, &mut self.batch);
            let counters = &self.sinks[self.place].counters;
            counters.note_recovered(replay.recovered());
            match next {
                Next::Batch => {}
                Next::Later => {
                    self.leave_alone(REPLAY_PAUSE);
                    return false;
                }
                Next::Nothing => self.replay = None,
            }
        }
    }

    /// Sees to it that the sink keeps nothing back. Only then a sink that failed has recovered: one
    /// that buffers may take lines and fail to hand them over.
    fn settle(&mut self) -> bool {
        if !(self.write_batch() && self.flush_sink()) {
            return false;
        }
        if self.failure.is_none() || self.has_no_reader() {
            return true;
        }
        self.report_recovery();
        self.write_batch() && self.flush_sink()
    }

    /// Sleeps until there is a record, but for the looks that the sink needs now and then.
    fn doze(&self) {
        self.channel.let_doze();
        self.sleep(rest::DOZE.max(self.delays.idle), || self.has_waiting());
    }

    fn has_waiting(&self) -> bool {
        stats::waiting_for(&self.channel, self.state()) != 0
    }

    fn sleep(&self, delay: Duration, has_work: impl Fn() -> bool) {
        let state = self.state();
        let delay = self.unsynced.due_in().map_or(delay, |due| due.min(delay));
        let can_sync = !self.unsynced.is_deferred();
        state.inlet.sleeper.sleep(delay, || {
            state.progress.is_wanted()
                || (can_sync && state.durable.is_wanted())
                || state.is_stopping()
                || self.channel.is_behind(&state.inlet)
                || has_work()
        });
    }

    /// Formats records into the batch until it is full. Says whether more may be there.
    fn fill_batch(&mut self, horizon: u64) -> bool {
        if !self.batch.is_empty() {
            // Left over from a call that ran out of patience.
            return true;
        }
        self.take_up_change();
        let sinks = Arc::clone(&self.sinks);
        let state = &sinks[self.place];
        let mut merge = state.lock_merge();
        merge.collect(&state.inlet);
        let (lines, batch) = (&mut self.lines, &mut self.batch);
        merge
            .drain(horizon, |frame, source| {
                lines.write(frame, source, batch, &state.counters)
            })
            .is_break()
    }

    fn is_out_of_patience(&self) -> bool {
        self.patience
            .is_some_and(|deadline| deadline <= Instant::now())
    }

    /// As much of a wait as patience allows.
    fn limited(&self, wait: Duration) -> Duration {
        self.patience.map_or(wait, |deadline| {
            wait.min(deadline.saturating_duration_since(Instant::now()))
        })
    }

    /// A sink that is up to date sees to it that one that lags does not use up the budget of all.
    fn relieve_pool(&self) {
        let pool = &self.channel.pool;
        let fair_bytes = pool.budget_bytes() / 2;
        if self.sinks.len() < 2 || self.channel.blocks_callers() || pool.used_bytes() < fair_bytes {
            return;
        }
        for (_, laggard) in self
            .sinks
            .iter()
            .enumerate()
            .filter(|(place, _)| *place != self.place)
        {
            laggard.drop_newest(fair_bytes, &self.channel);
        }
    }

    fn state(&self) -> &SinkState {
        &self.sinks[self.place]
    }
}
