//! A request while Rocket has it: in the cache of Rocket's own request.

use std::mem;
use std::panic::resume_unwind;
use std::sync::{Mutex, MutexGuard, PoisonError};

use offloop::request::{Outcome, Request, RequestContext};

/// The cache's entry. The fairing leaves it there when the request arrives; the response's body takes
/// the request over.
pub(crate) struct Held {
    context: RequestContext,
    state: Mutex<State>,
}

enum State {
    Working(Request),
    /// Rocket keeps its own request until the upgraded connection has ended.
    Upgraded(Request),
    HandedOver,
}

impl Held {
    pub(crate) fn put(http: &rocket::Request<'_>, request: Request) {
        http.local_cache(|| {
            Some(Held {
                context: request.context().clone(),
                state: Mutex::new(State::Working(request)),
            })
        });
    }

    /// `None` where the fairing is not attached.
    pub(crate) fn of<'r>(http: &'r rocket::Request<'_>) -> Option<&'r Held> {
        http.local_cache(|| None).as_ref()
    }

    pub(crate) fn context(&self) -> &RequestContext {
        &self.context
    }

    /// Runs a part of the request's work. A panic of it is in the record, and goes on: Rocket catches
    /// it, and answers with 500.
    pub(crate) fn run<T>(&self, part: impl FnOnce() -> T) -> T {
        let result = match &mut *self.lock() {
            State::Working(request) => request.try_run(part),
            State::Upgraded(_) | State::HandedOver => Ok(self.context.run(part)),
        };
        result.unwrap_or_else(|payload| resume_unwind(payload))
    }

    /// Hands the request over to who sees its end.
    pub(crate) fn take(&self) -> Option<Request> {
        let mut state = self.lock();
        match mem::replace(&mut *state, State::HandedOver) {
            State::Working(request) => Some(request),
            other => {
                *state = other;
                None
            }
        }
    }

    /// Lets the request last until the connection ends.
    pub(crate) fn upgrade(&self, request: Request) {
        *self.lock() = State::Upgraded(request);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let State::Upgraded(request) = &mut *self.lock() {
            request.end(Outcome::Upgraded);
        }
    }
}
