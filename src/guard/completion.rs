//! What an async shutdown waits for.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::Report;

/// A result that one thread sets and one task waits for.
#[derive(Default)]
pub(super) struct Completion {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    report: Option<Report>,
    waker: Option<Waker>,
}

impl Completion {
    pub(super) fn complete(&self, report: Report) {
        let mut state = self.lock();
        state.report = Some(report);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    pub(super) async fn wait(&self) -> Report {
        poll_fn(|context| {
            let mut state = self.lock();
            if let Some(report) = state.report {
                return Poll::Ready(report);
            }
            state.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
