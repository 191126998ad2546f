//! Tickets for what must be on the disk: "everything that was logged before now survives a power
//! cut".
//!
//! Whoever waits is entered in a list of each sink with his ticket, a point in time. One sync of
//! the sink serves all whose tickets lie before the horizon up to which it has written. If a sync
//! fails, nobody knows what of the file is on the disk, and no later sync will tell: so everybody
//! in the list is told no, whatever his ticket.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, atomic};
use std::task::{Context, Poll, Waker};

use crate::channel::sync::{AtomicU64, Mutex, MutexGuard, Ordering};
use crate::fork;

/// Who waits until one sink's lines are on the disk.
#[derive(Debug, Default)]
pub(crate) struct Durable {
    /// By ticket; the number keeps apart those with the same.
    waiting: Mutex<BTreeMap<(u64, u64), Waiting>>,
    failures: AtomicU64,
    /// Once the writer has ended and left everything on the disk: how many records it had lost, and
    /// 1. [`GIVEN_UP`] if it has ended without that. Else 0.
    ended: AtomicU64,
}

/// See [`Durable::give_up`].
const GIVEN_UP: u64 = u64::MAX;

#[derive(Debug)]
struct Waiting {
    verdict: Arc<Mutex<Verdict>>,
    /// How many records the sink had lost, or audit records left out, before his own came: if it is more
    /// by now, his may be among them. `None` for who waits for no record of his own.
    lost: Option<u64>,
}

/// Why something is not known to be on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotDurable {
    SyncFailed,
    Lost,
    /// The process that asked is another one.
    Forked,
}

/// What the sinks have said so far.
#[derive(Debug)]
struct Verdict {
    /// How many sinks have not answered. The first no is the answer of all.
    missing: usize,
    answer: Result<(), NotDurable>,
    waker: Option<Waker>,
}

/// The state of a sink before a record was handed over. What went wrong since may concern it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) failures: u64,
    pub(crate) lost: u64,
}

impl Durable {
    /// How many syncs have failed.
    pub(crate) fn failures(&self) -> u64 {
        // Pairs with the Release addition in `fail`.
        self.failures.load(Ordering::Acquire)
    }

    /// Whether somebody waits.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.lock().is_empty()
    }

    /// Whether a sync would serve somebody, once everything up to `horizon` is written.
    pub(crate) fn is_wanted_by(&self, horizon: u64) -> bool {
        self.lock()
            .first_key_value()
            .is_some_and(|((ticket, _), _)| *ticket <= horizon)
    }

    /// Notes that everything up to `horizon` is on the disk, but for records lost, `lost` so far.
    pub(crate) fn reach(&self, horizon: u64, lost: u64) {
        let mut waiting = self.lock();
        let later = waiting.split_off(&(horizon.saturating_add(1), 0));
        let served = std::mem::replace(&mut *waiting, later);
        drop(waiting);
        for waiting in served.into_values() {
            let may_be_lost = waiting.lost.is_some_and(|before| before != lost);
            answer(
                &waiting.verdict,
                if may_be_lost {
                    Err(NotDurable::Lost)
                } else {
                    Ok(())
                },
            );
        }
    }

    /// Notes that everything that there was or will be is on the disk, but for records lost.
    pub(crate) fn end(&self, lost: u64) {
        // Before the list is looked at: who enters himself later looks here. Pairs with the Acquire
        // load in `serve_if_ended`.
        self.ended.store(lost + 1, Ordering::Release);
        self.reach(u64::MAX - 1, lost);
    }

    /// Notes that not everything is on the disk, and that nobody will come back to it.
    pub(crate) fn give_up(&self) {
        // As in `end`.
        self.ended.store(GIVEN_UP, Ordering::Release);
        self.fail();
    }

    fn serve_if_ended(&self) {
        match self.ended.load(Ordering::Acquire) {
            0 => {}
            GIVEN_UP => self.fail(),
            lost => self.reach(u64::MAX - 1, lost - 1),
        }
    }

    /// Notes that a sync failed, or that none will be tried.
    pub(crate) fn fail(&self) {
        // Before the list is taken, so that who finds himself in the next one knows of it. Pairs
        // with the Acquire load in `failures`.
        self.failures.fetch_add(1, Ordering::Release);
        let refused = std::mem::take(&mut *self.lock());
        for waiting in refused.into_values() {
            answer(&waiting.verdict, Err(NotDurable::SyncFailed));
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(u64, u64), Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Passes on what one sink says. Wakers run code of the executor's: not under a lock.
fn answer(verdict: &Mutex<Verdict>, answer: Result<(), NotDurable>) {
    let mut verdict = lock(verdict);
    if verdict.missing == 0 {
        return;
    }
    verdict.answer = answer;
    verdict.missing = answer.map_or(0, |()| verdict.missing - 1);
    let waker = match verdict.missing {
        0 => verdict.waker.take(),
        _ => None,
    };
    drop(verdict);
    waker.into_iter().for_each(Waker::wake);
}

fn lock(verdict: &Mutex<Verdict>) -> MutexGuard<'_, Verdict> {
    verdict.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Done once all sinks have everything up to a ticket on the disk, or one of them cannot say so.
#[derive(Debug)]
pub(crate) struct Synced {
    /// No two of a process have the same.
    number: u64,
    generation: u64,
    ticket: u64,
    verdict: Arc<Mutex<Verdict>>,
    sinks: Vec<Arc<Durable>>,
}

impl Synced {
    /// Enters a ticket with sinks. Their writers must be woken after that.
    pub(crate) fn new(ticket: u64, sinks: Vec<(Arc<Durable>, Option<Mark>)>) -> Self {
        // The standard library's: models share it, and nothing depends on it.
        static NUMBERS: atomic::AtomicU64 = atomic::AtomicU64::new(0);
        let number = NUMBERS.fetch_add(1, atomic::Ordering::Relaxed);
        let verdict = Arc::new(Mutex::new(Verdict {
            missing: sinks.len(),
            answer: Ok(()),
            waker: None,
        }));
        for (sink, mark) in &sinks {
            let waiting = Waiting {
                verdict: Arc::clone(&verdict),
                lost: mark.map(|mark| mark.lost),
            };
            sink.lock().insert((ticket, number), waiting);
            if mark.is_some_and(|mark| mark.failures != sink.failures()) {
                answer(&verdict, Err(NotDurable::SyncFailed));
            }
            sink.serve_if_ended();
        }
        Synced {
            number,
            generation: fork::generation(),
            ticket,
            verdict,
            sinks: sinks.into_iter().map(|(sink, _)| sink).collect(),
        }
    }

    fn is_of_another_process(&self) -> bool {
        self.generation != fork::generation()
    }
}

impl Future for Synced {
    type Output = Result<(), NotDurable>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.is_of_another_process() {
            // Nobody will answer here, and the locks may be held by threads that do not exist.
            return Poll::Ready(Err(NotDurable::Forked));
        }
        let waker = context.waker().clone();
        let mut verdict = lock(&self.verdict);
        if verdict.missing == 0 {
            return Poll::Ready(verdict.answer);
        }
        let replaced = verdict.waker.replace(waker);
        drop(verdict);
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for Synced {
    /// Whoever gives up is not kept: a disk may stall for long, and be waited for again and again.
    fn drop(&mut self) {
        if self.is_of_another_process() {
            return;
        }
        for sink in &self.sinks {
            let waiting = sink.lock().remove(&(self.ticket, self.number));
            drop(waiting);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(synced: &mut Synced) -> Poll<Result<(), NotDurable>> {
        Pin::new(synced).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn synced(ticket: u64, sinks: &[&Arc<Durable>]) -> Synced {
        let sinks = sinks.iter().map(|sink| (Arc::clone(sink), None));
        Synced::new(ticket, sinks.collect())
    }

    #[test]
    fn one_sync_serves_every_ticket_before_its_horizon() {
        let sink = Arc::default();
        let mut early: Vec<_> = (1..=3).map(|ticket| synced(ticket, &[&sink])).collect();
        let mut same_time = synced(3, &[&sink]);
        let mut later = synced(4, &[&sink]);
        assert!(!sink.is_wanted_by(0) && sink.is_wanted_by(1));
        sink.reach(3, 0);
        for served in early.iter_mut().chain([&mut same_time]) {
            assert_eq!(poll(served), Poll::Ready(Ok(())));
        }
        assert_eq!(poll(&mut later), Poll::Pending);
        assert!(!sink.is_wanted_by(3) && sink.is_wanted_by(4));
        sink.reach(4, 0);
        assert_eq!(poll(&mut later), Poll::Ready(Ok(())));
    }

    #[test]
    fn a_failed_sync_is_a_no_for_everybody_and_stays_one() {
        let sink = Arc::default();
        let mut refused = [1, u64::MAX].map(|ticket| synced(ticket, &[&sink]));
        sink.fail();
        sink.reach(u64::MAX, 0);
        for refused in &mut refused {
            assert_eq!(poll(refused), Poll::Ready(Err(NotDurable::SyncFailed)));
        }
        let mut after = synced(1, &[&sink]);
        sink.reach(1, 0);
        assert_eq!(poll(&mut after), Poll::Ready(Ok(())));
    }

    #[test]
    fn who_asks_after_the_end_is_told_how_it_ended() {
        for (end, expected) in [
            (
                Durable::give_up as fn(&Durable),
                Err(NotDurable::SyncFailed),
            ),
            (|sink| sink.end(0), Ok(())),
        ] {
            let sink = Arc::<Durable>::default();
            let mut before = synced(1, &[&sink]);
            end(&sink);
            let mut after = synced(2, &[&sink]);
            assert_eq!(poll(&mut before), Poll::Ready(expected));
            assert_eq!(poll(&mut after), Poll::Ready(expected));
        }
    }

    #[test]
    fn all_sinks_must_agree_and_one_no_is_enough() {
        let (one, other) = (Arc::default(), Arc::default());
        let mut both = synced(1, &[&one, &other]);
        one.reach(1, 0);
        assert_eq!(poll(&mut both), Poll::Pending);
        other.reach(1, 0);
        assert_eq!(poll(&mut both), Poll::Ready(Ok(())));
        let mut refused = synced(2, &[&one, &other]);
        one.fail();
        other.reach(2, 0);
        assert_eq!(poll(&mut refused), Poll::Ready(Err(NotDurable::SyncFailed)));
    }

    #[test]
    fn what_went_wrong_since_a_record_was_handed_over_is_a_no() {
        let sink = Arc::<Durable>::default();
        let mark = |failures, lost| Some(Mark { failures, lost });
        assert_eq!(sink.failures(), 0);
        sink.fail();
        let mut failed_since = Synced::new(1, vec![(Arc::clone(&sink), mark(0, 0))]);
        let mut lost_since = Synced::new(1, vec![(Arc::clone(&sink), mark(1, 0))]);
        let mut well = Synced::new(1, vec![(Arc::clone(&sink), mark(1, 7))]);
        sink.reach(1, 7);
        let no = |why| Poll::Ready(Err(why));
        assert_eq!(poll(&mut failed_since), no(NotDurable::SyncFailed));
        assert_eq!(poll(&mut lost_since), no(NotDurable::Lost));
        assert_eq!(poll(&mut well), Poll::Ready(Ok(())));
    }

    #[test]
    fn who_gives_up_is_not_kept() {
        let sink = Arc::default();
        let (first, second) = (synced(1, &[&sink]), synced(1, &[&sink]));
        drop(first);
        assert_eq!(sink.lock().len(), 1);
        drop(second);
        assert!(!sink.is_wanted());
    }
}
