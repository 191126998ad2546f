//! Flush tickets: "everything that was logged before now is written".
//!
//! A ticket is a point in time. It is done once every sink has accepted all records up to it. Since
//! a writer looks at the horizon before it looks at the records (see [`super::merge`]), whatever
//! was logged before the ticket was drawn is among them, and threads that go on logging do not put
//! it off.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, atomic};
use std::task::{Context, Poll, Wake, Waker};

use crate::channel::sync::thread::{self, Thread};
use crate::channel::sync::{AtomicU64, Instant, Mutex, MutexGuard, Ordering};
use crate::fork;

/// How far one sink has got, and who waits for it.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Up to which time somebody wants everything written.
    wanted: AtomicU64,
    /// Up to which time everything is written.
    reached: AtomicU64,
    waiting: Mutex<Vec<Waiting>>,
}

/// Who waits, for which ticket, and how he is woken.
#[derive(Debug)]
struct Waiting {
    flush: u64,
    ticket: u64,
    waker: Waker,
}

impl Progress {
    /// Asks for everything up to `ticket`. The writer must be woken after that.
    pub(crate) fn want(&self, ticket: u64) {
        self.wanted.fetch_max(ticket, Ordering::Release);
    }

    /// Whether somebody waits for what is not written yet.
    pub(crate) fn is_wanted(&self) -> bool {
        self.reached.load(Ordering::Relaxed) < self.wanted.load(Ordering::Acquire)
    }

    pub(crate) fn has_reached(&self, ticket: u64) -> bool {
        ticket <= self.reached.load(Ordering::Acquire)
    }

    /// Notes that everything up to `horizon` is written, and wakes whoever waited for that.
    pub(crate) fn reach(&self, horizon: u64) {
        // Pairs with the Acquire load in `has_reached`: who sees the time sees what was written.
        self.reached.fetch_max(horizon, Ordering::Release);
        if self.wanted.load(Ordering::Acquire) == 0 {
            return;
        }
        let done = self.extract(|waiting| waiting.ticket <= horizon);
        done.into_iter().for_each(|waiting| waiting.waker.wake());
    }

    /// Takes out those who `are_meant`. Wakers run code of the executor's, also when they are
    /// dropped: not under the lock.
    fn extract(&self, are_meant: impl Fn(&Waiting) -> bool) -> Vec<Waiting> {
        self.lock()
            .extract_if(.., |waiting| are_meant(waiting))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll(&self, flush: u64, ticket: u64, waker: &Waker) -> bool {
        if self.has_reached(ticket) {
            return true;
        }
        let waker = waker.clone();
        let mut waiting = self.lock();
        // Once more, under the lock: `reach` stores the time before it takes the lock.
        if self.has_reached(ticket) {
            return true;
        }
        let known = waiting.iter_mut().find(|other| other.flush == flush);
        let replaced = match known {
            Some(known) => Some(std::mem::replace(&mut known.waker, waker)),
            None => {
                waiting.push(Waiting {
                    flush,
                    ticket,
                    waker,
                });
                None
            }
        };
        drop(waiting);
        drop(replaced);
        false
    }
}

/// Done once all sinks have reached a ticket.
#[derive(Debug)]
pub(crate) struct Flushed {
    /// No two of a process have the same.
    number: u64,
    generation: u64,
    ticket: u64,
    sinks: Vec<Arc<Progress>>,
}

impl Flushed {
    pub(crate) fn new(ticket: u64, sinks: impl Iterator<Item = Arc<Progress>>) -> Self {
        // The standard library's: models share it, and nothing depends on it.
        static NUMBERS: atomic::AtomicU64 = atomic::AtomicU64::new(0);
        Flushed {
            number: NUMBERS.fetch_add(1, atomic::Ordering::Relaxed),
            generation: fork::generation(),
            ticket,
            sinks: sinks.collect(),
        }
    }

    /// Done once the other one is, too.
    pub(crate) fn and(mut self, mut other: Flushed) -> Self {
        self.ticket = self.ticket.max(other.ticket);
        self.sinks.append(&mut other.sinks);
        self
    }

    pub(crate) fn ticket(&self) -> u64 {
        self.ticket
    }

    fn is_of_another_process(&self) -> bool {
        self.generation != fork::generation()
    }
}

impl Future for Flushed {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.is_of_another_process() {
            // What it waits for is written there, if at all. Nobody would answer here, and the locks may
            // be held by threads that do not exist.
            return Poll::Ready(());
        }
        let (number, ticket) = (self.number, self.ticket);
        self.sinks
            .retain(|sink| !sink.poll(number, ticket, context.waker()));
        if self.sinks.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Flushed {
    /// Whoever gives up is not kept: a sink may stall for long, and be waited for again and again.
    fn drop(&mut self) {
        if self.is_of_another_process() {
            return;
        }
        for sink in &self.sinks {
            drop(sink.extract(|waiting| waiting.flush == self.number));
        }
    }
}

/// Waits on this thread, which `waker` wakes, until `deadline`. `None` if it was not done by then.
pub(crate) fn wait_until<F: Future + Unpin>(
    asked: &mut F,
    waker: &Waker,
    deadline: Instant,
) -> Option<F::Output> {
    let mut context = Context::from_waker(waker);
    loop {
        if let Poll::Ready(answer) = Pin::new(&mut *asked).poll(&mut context) {
            return Some(answer);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        thread::park_timeout(left);
    }
}

/// Wakes the current thread where it is parked.
pub(crate) fn current_thread() -> Waker {
    Waker::from(Arc::new(Unpark(thread::current())))
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_of_another_process_is_done_and_waits_for_none_of_its_locks() {
        let progress = Arc::new(Progress::default());
        progress.want(1);
        let mut flushed = Flushed::new(1, [Arc::clone(&progress)].into_iter());
        flushed.generation += 1;
        let _held = progress.lock();
        assert!(wait_until(&mut flushed, &current_thread(), Instant::now()).is_some());
        drop(flushed);
    }

    #[test]
    fn those_who_wait_are_kept_once_and_only_while_they_wait() {
        let progress = Arc::new(Progress::default());
        let mut flushes = [1, 2].map(|ticket| {
            progress.want(ticket);
            Flushed::new(ticket, [Arc::clone(&progress)].into_iter())
        });
        for flushed in &mut flushes {
            for _ in 0..3 {
                assert!(wait_until(flushed, &current_thread(), Instant::now()).is_none());
            }
        }
        assert_eq!(progress.lock().len(), 2);
        let [first, mut second] = flushes;
        drop(first);
        assert_eq!(progress.lock().len(), 1);
        progress.reach(2);
        assert!(progress.lock().is_empty() && !progress.is_wanted());
        assert!(wait_until(&mut second, &current_thread(), Instant::now()).is_some());
    }
}
