//! The writer's loop: receive, format, write. The one place that sees all three.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::line::LineWriter;
use super::merge::Merge;
use super::{Delays, SinkState, notice};
use crate::channel::Channel;
use crate::channel::overflow::{LossCounters, LossReason, LossTable};
use crate::channel::page::PageReader;
use crate::channel::ticks::{self, TICKS_MARGIN};
use crate::complaint::Complaints;
use crate::sink::Sink;

/// Retries of a failing sink begin with this pause, which doubles up to the other.
const BACK_OFF_MIN: Duration = Duration::from_millis(10);
const BACK_OFF_MAX: Duration = Duration::from_millis(500);

/// How long to wait for room in a pipe before looking around again.
const ROOM_WAIT: Duration = Duration::from_millis(50);

/// Losses that go on are reported at most this often.
const REPORT_PAUSE: Duration = Duration::from_secs(1);

/// After this long without a record the writer begins to sleep longer.
const QUIET_AFTER: Duration = Duration::from_millis(100);

/// Writes the records of one pipeline to one sink.
pub(crate) struct Worker {
    channel: Arc<Channel>,
    /// All sinks of the pipeline, this one's at `place`.
    sinks: Arc<[SinkState]>,
    place: usize,
    /// `None` in a forked child, for a sink that only its parent can use.
    sink: Option<Box<dyn Sink>>,
    lines: LineWriter,
    batch: Batch,
    complaints: Complaints,
    failure: Option<Failure>,
    /// Whether the sink may hold back what it accepted.
    must_flush: bool,
    /// The losses that were reported, how many there were at the last look, and when the last
    /// report was.
    reported: LossTable,
    losses_seen: u64,
    reported_at: Option<Instant>,
    /// Until when to try, where the thread is not the writer's own.
    patience: Option<Instant>,
}

/// What is known of a sink that does not take records.
#[derive(Debug)]
struct Failure {
    since: Instant,
    error: String,
    back_off: Duration,
}

impl Worker {
    pub(crate) fn new(
        channel: Arc<Channel>,
        sinks: Arc<[SinkState]>,
        place: usize,
        sink: Option<Box<dyn Sink>>,
        lines: LineWriter,
        complaints: Complaints,
    ) -> Self {
        Worker {
            channel,
            sinks,
            place,
            sink,
            lines,
            batch: Batch::default(),
            complaints,
            failure: None,
            must_flush: false,
            reported: LossTable::default(),
            losses_seen: 0,
            reported_at: None,
            patience: None,
        }
    }

    /// Writes records until it is told to stop and everything is written.
    pub(crate) fn run(&mut self, delays: Delays) {
        let sinks = Arc::clone(&self.sinks);
        let state = &sinks[self.place];
        let mut delay = delays.busy;
        let mut busy_at = Instant::now();
        loop {
            let stopping = state.is_stopping.load(Ordering::Acquire);
            let written = self.round();
            if stopping && !state.progress.is_wanted() {
                return;
            }
            if written != 0 {
                busy_at = Instant::now();
                delay = delays.busy;
            } else if QUIET_AFTER < busy_at.elapsed() {
                delay = (delay * 2).min(delays.idle);
            }
            if written < super::batch::BATCH_BYTES {
                self.sleep(delay);
            }
        }
    }

    /// The same on a thread that is not the writer's own and cannot wait for ever.
    pub(crate) fn run_until(&mut self, deadline: Instant) {
        self.patience = Some(deadline);
        loop {
            self.round();
            let is_wanted = self.state().progress.is_wanted();
            if !is_wanted || deadline <= Instant::now() {
                break;
            }
        }
        self.patience = None;
    }

    /// Writes every record that was pushed before now. Returns how many bytes.
    fn round(&mut self) -> usize {
        let horizon = ticks::now().saturating_sub(TICKS_MARGIN);
        self.lines.clock.observe();
        let mut written = 0;
        loop {
            let more = self.fill_batch(horizon);
            written += self.batch.rest().len();
            if !self.write_batch() {
                return written;
            }
            if !more {
                break;
            }
        }
        self.report_losses();
        self.relieve_pool();
        if self.place == 0 {
            self.channel.pool.tend();
        }
        if self.settle() {
            self.state().progress.reach(horizon);
        }
        written
    }

    /// Sees to it that the sink keeps nothing back. Only then a sink that failed has recovered: one
    /// that buffers may take lines and fail to hand them over.
    fn settle(&mut self) -> bool {
        if !(self.write_batch() && self.flush_sink()) {
            return false;
        }
        if self.failure.is_none() {
            return true;
        }
        self.report_recovery();
        self.write_batch() && self.flush_sink()
    }

    fn sleep(&self, delay: Duration) {
        let state = self.state();
        state.inlet.sleeper.sleep(delay, || {
            state.progress.is_wanted()
                || state.is_stopping.load(Ordering::Acquire)
                || self.channel.is_behind(&state.inlet)
        });
    }

    /// Formats records into the batch until it is full. Says whether more may be there.
    fn fill_batch(&mut self, horizon: u64) -> bool {
        if !self.batch.is_empty() {
            // Left over from a call that ran out of patience.
            return true;
        }
        let sinks = Arc::clone(&self.sinks);
        let state = &sinks[self.place];
        let mut merge = lock(state);
        merge.collect(&state.inlet);
        let (lines, batch) = (&mut self.lines, &mut self.batch);
        merge
            .drain(horizon, |frame, source| {
                lines.write(frame, source, batch, &state.counters)
            })
            .is_break()
    }

    /// Writes the batch to the sink, however long it takes. Says no only if patience ended first.
    fn write_batch(&mut self) -> bool {
        while !self.batch.is_empty() {
            let Some(sink) = &mut self.sink else {
                self.abandon_batch(LossReason::Fork);
                break;
            };
            let batch = &self.batch;
            match catch_unwind(AssertUnwindSafe(|| sink.write(batch.rest()))) {
                Ok(Ok(bytes)) => self.accepted(bytes),
                Ok(Err(error)) => {
                    if self
                        .patience
                        .is_some_and(|deadline| deadline <= Instant::now())
                    {
                        return false;
                    }
                    self.wait_for_sink(&error);
                }
                Err(_) => {
                    self.complain_of_panic();
                    self.abandon_batch(LossReason::Io);
                }
            }
        }
        self.end_batch();
        true
    }

    fn accepted(&mut self, bytes: usize) {
        let counters = &self.sinks[self.place].counters;
        self.batch
            .accept(bytes, |level| counters.count_written(level));
        self.must_flush = true;
        if let Some(failure) = &mut self.failure {
            failure.back_off = BACK_OFF_MIN;
        }
    }

    /// A batch is done: its pages are free for others.
    fn end_batch(&mut self) {
        if let Some(oldest) = self.batch.clear() {
            let wait_ns = self
                .lines
                .clock
                .duration_ns(ticks::now().saturating_sub(oldest));
            self.state().counters.count_wait(wait_ns);
        }
        let channel = &self.channel;
        lock(self.state()).release_finished(|page| channel.put(page.release()));
    }

    fn wait_for_sink(&mut self, error: &io::Error) {
        if error.kind() == io::ErrorKind::WouldBlock {
            let at_most = self.limited(ROOM_WAIT);
            self.sink
                .iter_mut()
                .for_each(|sink| sink.wait_for_room(at_most));
            return;
        }
        let pause = self.note_failure(&error.to_string());
        self.leave_alone(pause);
    }

    /// Gives a sink that failed some time. Nobody can cut that short: callers whose records find no
    /// room would, each time.
    fn leave_alone(&self, pause: Duration) {
        thread::sleep(self.limited(pause));
    }

    /// As much of a wait as patience allows.
    fn limited(&self, wait: Duration) -> Duration {
        self.patience.map_or(wait, |deadline| {
            wait.min(deadline.saturating_duration_since(Instant::now()))
        })
    }

    /// Notes that the sink failed, says so if that is new, and returns how long to leave it alone.
    fn note_failure(&mut self, error: &str) -> Duration {
        let state = &self.sinks[self.place];
        if let Some(failure) = &mut self.failure {
            failure.back_off = (failure.back_off * 2).min(BACK_OFF_MAX);
            return failure.back_off;
        }
        state.counters.is_failing.store(true, Ordering::Relaxed);
        self.complaints.say(&format!(
            "write to {}: {error}; records wait in memory",
            state.name
        ));
        self.failure = Some(Failure {
            since: Instant::now(),
            error: error.into(),
            back_off: BACK_OFF_MIN,
        });
        BACK_OFF_MIN
    }

    fn report_recovery(&mut self) {
        let Some(failure) = self.failure.take() else {
            return;
        };
        let state = &self.sinks[self.place];
        state.counters.is_failing.store(false, Ordering::Relaxed);
        let failed_ms = failure.since.elapsed().as_millis() as u64;
        self.complaints.say(&format!(
            "{} takes records again after {failed_ms} ms",
            state.name
        ));
        self.lines
            .write_notice(ticks::now(), &mut self.batch, |record| {
                notice::recovered(record, &state.name, &failure.error, failed_ms);
            });
    }

    /// Gives up on what the sink has not accepted, and counts it. After a panic what the sink did
    /// with the bytes is unknown, so they are not offered again.
    pub(crate) fn abandon_batch(&mut self, reason: LossReason) {
        let state = &self.sinks[self.place];
        let now = ticks::now();
        self.batch
            .abandon(|level| state.counters.lost.count(reason, level, now));
    }

    /// Says that there was a panic where there must be none.
    pub(crate) fn complain_of_panic(&mut self) {
        let name = &self.sinks[self.place].name;
        self.complaints
            .say(&format!("write to {name}: the writer panicked"));
    }

    fn flush_sink(&mut self) -> bool {
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

    /// Writes into the log what was lost since the last report. Losses that go on are summed up.
    fn report_losses(&mut self) {
        let too_soon = self
            .reported_at
            .is_some_and(|at| at.elapsed() < REPORT_PAUSE);
        let is_ending = self.patience.is_some() || self.state().is_stopping.load(Ordering::Relaxed);
        let losses_seen = self.losses().map(LossCounters::total).sum();
        if losses_seen == self.losses_seen || (too_soon && !is_ending) {
            return;
        }
        self.losses_seen = losses_seen;
        let first = self
            .losses()
            .filter_map(|lost| lost.take_first_ticks(self.place));
        let first = first.min();
        let last = self.losses().map(LossCounters::last_ticks).max();
        let lost = self
            .losses()
            .fold(LossTable::default(), |sum, lost| sum.plus(&lost.snapshot()));
        let news = lost.minus(&self.reported);
        let count = news.total();
        if count == 0 {
            // They were counted in the midst of the last look, and reported with it.
            return;
        }
        let last = last.unwrap_or_default();
        let first = self.lines.timestamp(first.unwrap_or(last));
        let last = self.lines.timestamp(last);
        self.lines
            .write_notice(ticks::now(), &mut self.batch, |record| {
                notice::lost(record, &news, &first, &last);
            });
        let name = &self.state().name;
        self.complaints
            .say(&format!("{count} records lost on the way to {name}"));
        self.reported = lost;
        self.reported_at = Some(Instant::now());
    }

    /// Everywhere where losses of this sink are counted.
    fn losses(&self) -> impl Iterator<Item = &LossCounters> {
        let own = &self.state().counters.lost;
        self.channel.lanes().map(|lane| &lane.lost).chain([own])
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
            let mut merge = lock(laggard);
            merge.collect(&laggard.inlet);
            merge.drop_newest(fair_bytes, |page| {
                self.channel.put(count_lost(page, laggard));
            });
        }
    }

    fn state(&self) -> &SinkState {
        &self.sinks[self.place]
    }
}

/// Counts what a reader will not read any more, and lets go of the page.
fn count_lost(mut page: PageReader, state: &SinkState) -> Option<crate::channel::page::IdlePage> {
    let now = ticks::now();
    while let Some(frame) = page.next() {
        state
            .counters
            .lost
            .count(LossReason::QueueFull, frame.level, now);
        let len = frame.record().len();
        page.advance(len);
    }
    page.release()
}

fn lock(state: &SinkState) -> MutexGuard<'_, Merge> {
    // A panic inside leaves no half-done step: the merge only moves whole pages.
    state.merge.lock().unwrap_or_else(PoisonError::into_inner)
}
