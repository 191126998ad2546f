//! What the threads of a pipeline know of one sink: those that write to it, and those that want
//! something of it.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::change::{Change, Handover, Slot};
use super::durable::Durable;
use super::flush::Progress;
use super::merge::Merge;
use crate::channel::overflow::LossReason;
use crate::channel::sync::{AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering};
use crate::channel::{Channel, Inlet, ticks};
use crate::stats::SinkCounters;

/// More than any sink takes.
const NOT_GIVEN_UP: u64 = u64::MAX;

/// What the threads of a pipeline know of one sink.
#[derive(Debug)]
pub(crate) struct SinkState {
    /// As the configuration calls it.
    pub(crate) name: String,
    /// Where it writes, as reports say it.
    pub(crate) destination: String,
    pub(crate) inlet: Arc<Inlet>,
    pub(crate) counters: SinkCounters,
    /// Why records on their way to it never outlive the process; `None` if that depends on the
    /// arena alone.
    pub(crate) crash_unsafe: Option<&'static str>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) durable: Arc<Durable>,
    /// Whether it can be written to: a forked child cannot use what is no file.
    pub(crate) is_usable: bool,
    /// Whether an audit record that it takes is kept for good.
    keeps_audits: AtomicBool,
    /// Locked by the sink's writer while it formats a batch, never while it writes one.
    merge: Mutex<Merge>,
    /// Once everything up to this ticket is written, the writer's thread ends.
    stop_ticket: AtomicU64,
    /// How many records it had taken when a shutdown gave up waiting for it; [`NOT_GIVEN_UP`] if none
    /// has.
    given_up_at: AtomicU64,
    /// For how long that shutdown had waited.
    waited_us: AtomicU64,
    /// How the writer is to go on.
    pub(crate) change: Slot<Change>,
    /// Whether no record comes any more that is not counted, and the writer ends once it has all.
    is_retiring: AtomicBool,
    /// The sink, once the writer has left it to the next one.
    pub(super) handover: Slot<Handover>,
}

impl SinkState {
    /// The state of one of `sinks` sinks.
    pub(crate) fn new(name: String, destination: String, inlet: Arc<Inlet>, sinks: usize) -> Self {
        SinkState {
            name,
            destination,
            inlet,
            counters: SinkCounters::new(sinks),
            crash_unsafe: Some("only for files"),
            progress: Arc::default(),
            durable: Arc::default(),
            is_usable: true,
            keeps_audits: AtomicBool::new(false),
            merge: Mutex::default(),
            stop_ticket: AtomicU64::new(u64::MAX),
            given_up_at: AtomicU64::new(NOT_GIVEN_UP),
            waited_us: AtomicU64::new(0),
            change: Slot::default(),
            is_retiring: AtomicBool::new(false),
            handover: Slot::default(),
        }
    }

    /// Says whether an audit record that it takes is kept for good. Relaxed: one that is left out all the
    /// same, since the writer goes by another filter, is counted.
    pub(crate) fn keep_audits(&self, keeps_audits: bool) {
        let keeps_audits = keeps_audits && self.is_usable;
        self.keeps_audits.store(keeps_audits, Ordering::Relaxed);
    }

    pub(super) fn keeps_audits(&self) -> bool {
        // Relaxed: see above.
        self.keeps_audits.load(Ordering::Relaxed)
    }

    /// Tells the writer to end once everything up to `ticket` is written, which is wanted already. The
    /// first such order counts.
    pub(super) fn stop(&self, ticket: u64) {
        // Pairs with the Acquire loads below: who sees the order sees that its ticket is wanted.
        self.stop_ticket.fetch_min(ticket, Ordering::Release);
        self.inlet.sleeper.wake();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop_ticket.load(Ordering::Acquire) != u64::MAX
    }

    /// Whether what the order to end waits for is written. Records that come after it, and keep
    /// coming, do not put the end off: their callers write them.
    pub(super) fn may_end(&self) -> bool {
        self.progress
            .has_reached(self.stop_ticket.load(Ordering::Acquire))
    }

    /// Notes that a shutdown has waited for it in vain, for so long.
    pub(super) fn give_up(&self, waited: Duration) {
        // Relaxed, as below: it publishes nothing, and who sees the one without the other waits longer.
        let waited_us = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        self.waited_us.store(waited_us, Ordering::Relaxed);
        let written = self.counters.written();
        self.given_up_at.store(written, Ordering::Relaxed);
    }

    /// What is left of `timeout` for it, after what a shutdown has waited for it in vain.
    pub(super) fn patience_left(&self, timeout: Duration) -> Duration {
        if !self.is_given_up() {
            return timeout;
        }
        let waited = Duration::from_micros(self.waited_us.load(Ordering::Relaxed));
        timeout.saturating_sub(waited)
    }

    /// Whether a shutdown has waited for it in vain, and it has taken nothing since.
    pub(super) fn is_given_up(&self) -> bool {
        let given_up_at = self.given_up_at.load(Ordering::Relaxed);
        given_up_at == self.counters.written() && !self.may_end()
    }

    /// Tells the writer to end once it has written everything, of which all is counted by now.
    pub(super) fn retire(&self) {
        // Pairs with the Acquire load in `is_retiring`: who sees the order sees all counts.
        self.is_retiring.store(true, Ordering::Release);
        self.inlet.sleeper.wake();
    }

    pub(super) fn is_retiring(&self) -> bool {
        // Pairs with the Release store in `retire`.
        self.is_retiring.load(Ordering::Acquire)
    }

    pub(super) fn lock_merge(&self) -> MutexGuard<'_, Merge> {
        // A panic inside leaves no half-done step: the merge only moves whole pages.
        self.merge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the newest pages that wait for this sink beyond `kept_bytes`, and counts what was in
    /// them as lost.
    pub(super) fn drop_newest(&self, kept_bytes: usize, channel: &Channel) {
        let mut merge = self.lock_merge();
        merge.collect(&self.inlet);
        merge.drop_newest(kept_bytes, |mut page| {
            let now = ticks::now();
            while let Some(frame) = page.next() {
                let lost = &self.counters.lost;
                lost.count(LossReason::QueueFull, frame.level, now);
                let len = frame.record().len();
                page.advance(len);
            }
            // Counted before it is settled: what nobody counts is written after a crash.
            page.settle();
            channel.put(page.release());
        });
    }
}

#[cfg(all(test, not(any(offloop_loom, offloop_shuttle))))]
mod tests {
    use super::*;
    use crate::channel::overflow::Overflow;

    #[test]
    fn what_a_shutdown_has_waited_in_vain_is_taken_off_until_the_sink_takes_something() {
        let channel = Channel::new(1 << 20, Overflow::default(), 1);
        let (name, destination) = ("main".to_owned(), "stdout".to_owned());
        let inlet = Arc::clone(&channel.inlets()[0]);
        let state = SinkState::new(name, destination, inlet, 1);
        let [one, three, five] = [1, 3, 5].map(Duration::from_secs);
        assert_eq!(state.patience_left(five), five);
        state.give_up(three);
        assert_eq!(state.patience_left(five), five - three);
        assert_eq!(state.patience_left(one), Duration::ZERO);
        state.counters.count_written([1, 0, 0, 0, 0]);
        assert_eq!(state.patience_left(five), five);
    }
}
