//! What the writer does when its sink does not take what it is given: wait, try again, give up, and
//! say so.

use std::io;
use std::time::Duration;

use super::Worker;
use crate::channel::overflow::LossReason;
use crate::channel::sync::{Instant, Ordering, thread};
use crate::channel::ticks;
use crate::drain::batch::LevelCounts;
use crate::drain::notice;

/// Retries of a failing sink begin with this pause, which doubles up to the other.
const BACK_OFF_MIN: Duration = Duration::from_millis(10);
const BACK_OFF_MAX: Duration = Duration::from_millis(500);

/// How long to wait for a sink before looking around again.
const LOOK_AROUND: Duration = Duration::from_millis(50);

/// What is known of a sink that does not take records.
#[derive(Debug)]
pub(super) struct Failure {
    since: Instant,
    error: String,
    back_off: Duration,
    /// Whether there is nothing to wait for: what it is given is lost.
    has_no_reader: bool,
}

impl Failure {
    /// The sink has taken something: what fails next is left alone briefly.
    pub(super) fn saw_success(&mut self) {
        self.back_off = BACK_OFF_MIN;
        self.has_no_reader = false;
    }
}

impl Worker {
    /// Waits until the sink, which answered this, may take more.
    pub(super) fn wait_for_sink(&mut self, error: &io::Error) {
        if error.kind() == io::ErrorKind::WouldBlock {
            let at_most = self.limited(LOOK_AROUND);
            self.sink
                .iter_mut()
                .for_each(|sink| sink.wait_for_room(at_most));
            return;
        }
        let pause = self.note_failure(&error.to_string());
        self.leave_alone(pause);
    }

    /// Gives up what a sink did not take that nobody reads any more, and says so if that is new. The next
    /// batch is tried all the same: a program may put another descriptor into the place of its stdout.
    pub(super) fn lose_reader(&mut self, error: &io::Error) {
        self.abandon_batch(LossReason::Io);
        if self.has_no_reader() {
            return;
        }
        let state = &self.sinks[self.place];
        state.counters.is_failing.store(true, Ordering::Relaxed);
        state.counters.has_no_reader.store(true, Ordering::Relaxed);
        self.complaints.say(&format!(
            "write to {}: {error}; nobody can read it any more, its records are lost",
            state.destination
        ));
        let since = self.failure.take().map(|failure| failure.since);
        self.failure = Some(Failure {
            since: since.unwrap_or_else(Instant::now),
            error: error.to_string(),
            back_off: BACK_OFF_MIN,
            has_no_reader: true,
        });
        // The writers of other sinks have it in their logs.
        let sinks = self.sinks.iter();
        sinks.for_each(|state| state.inlet.sleeper.wake());
    }

    pub(super) fn has_no_reader(&self) -> bool {
        let failure = self.failure.as_ref();
        failure.is_some_and(|failure| failure.has_no_reader)
    }

    /// Gives a sink that failed some time. Nobody can cut that short: callers whose records find no
    /// room would, each time.
    pub(super) fn leave_alone(&self, pause: Duration) {
        let mut left = self.limited(pause);
        while !left.is_zero() {
            let part = left.min(LOOK_AROUND);
            thread::sleep(part);
            self.housekeeper.come_by();
            left -= part;
        }
    }

    /// Notes that the sink failed, says so if that is new, and returns how long to leave it alone.
    pub(super) fn note_failure(&mut self, error: &str) -> Duration {
        let state = &self.sinks[self.place];
        if let Some(failure) = &mut self.failure {
            failure.back_off = (failure.back_off * 2).min(BACK_OFF_MAX);
            return failure.back_off;
        }
        state.counters.is_failing.store(true, Ordering::Relaxed);
        self.complaints.say(&format!(
            "write to {}: {error}; records wait in memory",
            state.destination
        ));
        self.failure = Some(Failure {
            since: Instant::now(),
            error: error.into(),
            back_off: BACK_OFF_MIN,
            has_no_reader: false,
        });
        BACK_OFF_MIN
    }

    pub(super) fn report_recovery(&mut self) {
        let Some(failure) = self.failure.take() else {
            return;
        };
        let state = &self.sinks[self.place];
        state.counters.is_failing.store(false, Ordering::Relaxed);
        state.counters.has_no_reader.store(false, Ordering::Relaxed);
        let failed_ms = failure.since.elapsed().as_millis() as u64;
        self.complaints.say(&format!(
            "{} takes records again after {failed_ms} ms",
            state.destination
        ));
        self.lines
            .write_notice(ticks::now(), &mut self.batch, |record| {
                notice::recovered(record, state, &failure.error, failed_ms);
            });
    }

    /// Gives up on what the sink has not accepted, and counts it. After a panic what the sink did
    /// with the bytes is unknown, so they are not offered again.
    pub(crate) fn abandon_batch(&mut self, reason: LossReason) {
        let lost = self.batch.abandon();
        self.count_lost(lost, reason);
        self.journal
            .settle(&mut self.sinks[self.place].lock_merge());
    }

    pub(super) fn count_lost(&self, records: LevelCounts, reason: LossReason) {
        let (lost, now) = (&self.state().counters.lost, ticks::now());
        for (level, count) in (0..).zip(records) {
            (0..count).for_each(|_| lost.count(reason, level, now));
        }
    }

    /// Says that there was a panic where there must be none.
    pub(crate) fn complain_of_panic(&mut self) {
        let destination = &self.state().destination;
        self.complaints
            .say(&format!("write to {destination}: the writer panicked"));
    }
}
