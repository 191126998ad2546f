//! Flush tickets: "everything that was logged before now is written".
//!
//! A ticket is a point in time. It is done once every sink has accepted all records up to it. Since
//! a writer looks at the horizon before it looks at the records (see [`super::merge`]), whatever was
//! logged before the ticket was drawn is among them, and threads that go on logging do not
//! put it off.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

/// How far one sink has got, and who waits for it.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Up to which time somebody wants everything written.
    wanted: AtomicU64,
    /// Up to which time everything is written.
    reached: AtomicU64,
    waiting: Mutex<Vec<(u64, Waker)>>,
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

    /// Notes that everything up to `horizon` is written, and wakes whoever waited for that.
    pub(crate) fn reach(&self, horizon: u64) {
        // Pairs with the Acquire load in `poll`: who sees the time sees what was written.
        self.reached.fetch_max(horizon, Ordering::Release);
        if self.wanted.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let done = waiting
            .extract_if(.., |(ticket, _)| *ticket <= horizon)
            .collect::<Vec<_>>();
        // A waker runs code of the executor's: not under the lock.
        drop(waiting);
        done.into_iter().for_each(|(_, waker)| waker.wake());
    }

    fn poll(&self, ticket: u64, waker: &Waker) -> bool {
        if ticket <= self.reached.load(Ordering::Acquire) {
            return true;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // Once more, under the lock: `reach` stores the time before it takes the lock.
        if ticket <= self.reached.load(Ordering::Acquire) {
            return true;
        }
        if !waiting
            .iter()
            .any(|(other, known)| *other == ticket && known.will_wake(waker))
        {
            waiting.push((ticket, waker.clone()));
        }
        false
    }
}

/// Done once all sinks have reached a ticket.
#[derive(Debug)]
pub(crate) struct Flushed {
    ticket: u64,
    sinks: Vec<Arc<Progress>>,
}

impl Flushed {
    pub(crate) fn new(ticket: u64, sinks: impl Iterator<Item = Arc<Progress>>) -> Self {
        Flushed {
            ticket,
            sinks: sinks.collect(),
        }
    }

    /// Waits on this thread until `deadline`. Says whether everything was written by then.
    pub(crate) fn wait_until(&mut self, deadline: Instant) -> bool {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        while Pin::new(&mut *self).poll(&mut context).is_pending() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            thread::park_timeout(left);
        }
        true
    }
}

impl Future for Flushed {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let ticket = self.ticket;
        self.sinks
            .retain(|sink| !sink.poll(ticket, context.waker()));
        if self.sinks.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
