//! The signals that ask a service to end, watched from a thread of their own: a runtime that hangs
//! could not hear of the second one.

use std::ffi::c_int;
use std::future::poll_fn;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use signal_hook::low_level::emulate_default_handler;

use super::handler;
use crate::exit;
use crate::fork::{self, PerProcess};

/// Who waits for a signal, and whether there was one.
#[derive(Debug, Default)]
pub(super) struct Signals {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Those that are gone by now wait for nothing.
    waiting: Vec<Weak<Slot>>,
    has_come: bool,
    /// Whether the first one has come while nobody waited.
    is_pending: bool,
}

/// Where one who waits hears of it.
#[derive(Debug, Default)]
struct Slot(Mutex<Heard>);

#[derive(Debug, Default)]
struct Heard {
    has_come: bool,
    waker: Option<Waker>,
}

impl Signals {
    /// The signals of this process, once a thread watches for them. `None`, and said, if there is no
    /// thread to be had: they do what they do without a handler.
    pub(super) fn watched() -> Option<&'static Signals> {
        static WATCHED: PerProcess<OnceLock<Option<Arc<Signals>>>> = PerProcess::new();
        let watched = WATCHED.get().get_or_init(|| match start() {
            Ok(signals) => Some(signals),
            Err(cause) => {
                tracing::warn!(target: "offloop", %cause, "signals cannot be watched for");
                None
            }
        });
        watched.as_deref()
    }

    /// Waits for the next one.
    pub(super) async fn next(&self) {
        let Some(slot) = self.enter() else {
            return;
        };
        poll_fn(|context| slot.poll(context)).await;
    }

    /// `None` if one has come that nobody has heard of.
    fn enter(&self) -> Option<Arc<Slot>> {
        let mut state = self.lock();
        if std::mem::take(&mut state.is_pending) {
            return None;
        }
        let slot = Arc::new(Slot::default());
        state.waiting.retain(|other| other.strong_count() != 0);
        state.waiting.push(Arc::downgrade(&slot));
        Some(slot)
    }

    /// Tells those who wait of a signal. Says no if nobody does, and it is not the first one: the
    /// process is to end.
    fn tell(&self) -> bool {
        let mut state = self.lock();
        let is_first = !std::mem::replace(&mut state.has_come, true);
        let waiting = state.waiting.drain(..);
        let waiting: Vec<_> = waiting.filter_map(|slot| slot.upgrade()).collect();
        state.is_pending |= is_first && waiting.is_empty();
        drop(state);
        waiting.iter().for_each(|slot| slot.fill());
        is_first || !waiting.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    fn fill(&self) {
        let mut heard = self.lock();
        heard.has_come = true;
        let waker = heard.waker.take();
        // It runs code of the executor's.
        drop(heard);
        waker.into_iter().for_each(Waker::wake);
    }

    fn poll(&self, context: &Context<'_>) -> Poll<()> {
        let mut heard = self.lock();
        if heard.has_come {
            return Poll::Ready(());
        }
        heard.waker = Some(context.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the thread, and then has the signals go there.
fn start() -> io::Result<Arc<Signals>> {
    fork::watch();
    let signals = Arc::new(Signals::default());
    let (wakes, wake) = UnixStream::pair()?;
    let told = Arc::clone(&signals);
    fork::spawn("offloop-signals".to_owned(), move || watch(wakes, &told))?;
    for cause in handler::install(wake) {
        tracing::warn!(target: "offloop", %cause, "a signal handler could not be installed");
    }
    Ok(signals)
}

fn watch(mut wakes: UnixStream, signals: &Signals) {
    loop {
        match wakes.read(&mut [0]) {
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return,
        }
        // A byte alone says nothing: a forked child has the pipe as well.
        for signal in handler::take() {
            if !signals.tell() {
                end_by(signal);
            }
        }
    }
}

/// Ends the process as this signal does without a handler, once what waits is written.
fn end_by(signal: c_int) {
    // Whatever goes wrong there, the process ends.
    let _ = catch_unwind(exit::write_all);
    let _ = emulate_default_handler(signal);
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    fn has_heard(waiting: std::pin::Pin<&mut impl Future>) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        waiting.poll(&mut context).is_ready()
    }

    #[test]
    fn all_who_wait_hear_of_the_first_signal_and_the_second_ends_the_process() {
        let signals = Signals::default();
        let (mut one, mut other) = (pin!(signals.next()), pin!(signals.next()));
        assert!(!has_heard(one.as_mut()) && !has_heard(other.as_mut()));
        assert!(signals.tell());
        // Whether or not they have had the time to see it.
        assert!(!signals.tell());
        assert!(has_heard(one) && has_heard(other));
    }

    #[test]
    fn who_waits_for_a_second_signal_hears_of_it() {
        let signals = Signals::default();
        for _ in 0..2 {
            let mut waiting = pin!(signals.next());
            assert!(!has_heard(waiting.as_mut()));
            assert!(signals.tell());
            assert!(has_heard(waiting));
        }
        assert!(!signals.tell());
    }

    #[test]
    fn a_first_signal_that_nobody_waits_for_is_kept_for_who_asks_next() {
        let signals = Signals::default();
        assert!(!has_heard(pin!(signals.next())));
        assert!(signals.tell());
        assert!(has_heard(pin!(signals.next())));
        assert!(!has_heard(pin!(signals.next())));
        assert!(!signals.tell());
    }
}
