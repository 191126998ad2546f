//! Stage 3, drain: the threads that write.
//!
//! - In: announced pages, from the channel.
//! - Out: batches of whole lines, to the sinks.
//! - Runs on: one dedicated thread for each sink, so that a sink that stalls holds up no other.
//!   With one sink, which is the rule, that is one writer thread for the pipeline.
//! - Never: logs through `tracing`; panics on what a sink does; keeps more than one batch beside
//!   the pages.
//!
//! Every thread reads the same pages for itself: it merges, filters and formats for its own sink.
//! A page is free again once all of them have handed its records over. That costs the decoding
//! once more for each sink, and saves a second queue of formatted lines with a budget of its own.

pub(crate) mod batch;
pub(crate) mod change;
pub(crate) mod clock;
pub(crate) mod durable;
pub(crate) mod flush;
mod housekeeper;
mod journal;
pub(crate) mod line;
pub(crate) mod merge;
pub(crate) mod notice;
mod priority;
#[cfg(all(offloop_shuttle, test))]
mod schedules;
#[cfg(not(any(offloop_loom, offloop_shuttle)))]
#[cfg(test)]
mod simulator;
mod state;
pub(crate) mod sync;
pub(crate) mod worker;

use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use self::durable::{Mark, Synced};
use self::flush::Flushed;
pub(crate) use self::state::SinkState;
use self::worker::Worker;
use crate::channel::overflow::LossReason;
use crate::channel::sync::{
    AtomicUsize, Instant, Mutex, MutexGuard, Ordering, spawn, thread, try_lock,
};
use crate::channel::ticks::{self, TICKS_MARGIN};
use crate::channel::{self, Channel};
use crate::{deadline, stats};

/// How often a thread that waits looks whether it has to write for itself.
const PARKED_POLL: Duration = Duration::from_millis(10);

/// How long a writer sleeps between two looks at the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delays {
    /// While records come.
    pub(crate) busy: Duration,
    /// Once the program has gone quiet.
    pub(crate) idle: Duration,
}

/// The writers of a pipeline.
pub(crate) struct Drain {
    channel: Arc<Channel>,
    sinks: Arc<[SinkState]>,
    /// Each sink's worker, while no thread of its own runs it.
    parked: Arc<[Mutex<Option<Worker>>]>,
    running: Arc<()>,
    /// How many threads have not ended.
    threads: Arc<AtomicUsize>,
}

impl Drain {
    /// Prepares the writers. They run once [`start`](Self::start) is called.
    pub(crate) fn new(
        channel: Arc<Channel>,
        sinks: Arc<[SinkState]>,
        workers: Vec<Worker>,
    ) -> Self {
        let parked = workers
            .into_iter()
            .map(|worker| Mutex::new(Some(worker)))
            .collect();
        Drain {
            channel,
            sinks,
            parked,
            running: Arc::default(),
            threads: Arc::default(),
        }
    }

    /// Starts a thread for each sink.
    pub(crate) fn start(&self, delays: Delays) -> io::Result<()> {
        // Before the first of them can end. One that does not start never ends: the file of pages
        // stays until the process does.
        self.threads.store(self.sinks.len(), Ordering::Relaxed);
        (0..self.sinks.len()).try_for_each(|place| self.start_thread(place, delays))
    }

    fn start_thread(&self, place: usize, delays: Delays) -> io::Result<()> {
        // Nobody else may find the worker before its thread has begun: a flush right after the
        // start would run it, and with it the sink, on its own thread.
        let handed_over = Arc::new(Mutex::new(lock(&self.parked[place]).take()));
        let (worker, running) = (Arc::clone(&handed_over), Arc::clone(&self.running));
        let parked = Arc::clone(&self.parked);
        let threads = Arc::clone(&self.threads);
        let (channel, sinks) = (Arc::clone(&self.channel), Arc::clone(&self.sinks));
        let kind = self.sinks[place].name.split(' ').next();
        let name = format!("offloop-{}", kind.unwrap_or_default());
        let started = spawn(name, move || {
            let _running = running;
            priority::wake_politely();
            let worker = lock(&worker).take();
            if let Some(mut worker) = worker {
                let inlet = &sinks[place].inlet;
                channel::as_reader_of(inlet, || run(&mut worker, delays));
                *lock(&parked[place]) = Some(worker);
            }
            // AcqRel: the last one sees what all others have written.
            let is_last = threads.fetch_sub(1, Ordering::AcqRel) == 1;
            if is_last {
                channel.pool.close();
            }
            if is_last && stats::take(&channel, &sinks).waiting() == 0 {
                channel.arena().discard();
            }
        });
        if started.is_err() {
            *lock(&self.parked[place]) = lock(&handed_over).take();
        }
        started
    }

    pub(crate) fn sinks(&self) -> &Arc<[SinkState]> {
        &self.sinks
    }

    /// Everything that was logged before now comes before this ticket.
    pub(crate) fn ticket() -> u64 {
        ticks::look() + TICKS_MARGIN
    }

    /// Asks for all that was logged before now to be written. The result is done when it is.
    pub(crate) fn flush(&self) -> Flushed {
        self.flush_those(|_| true)
    }

    fn flush_those(&self, are_meant: impl Fn(&SinkState) -> bool) -> Flushed {
        let ticket = Drain::ticket();
        let meant = || self.sinks.iter().filter(|state| are_meant(state));
        for state in meant() {
            state.progress.want(ticket);
            state.inlet.sleeper.wake();
        }
        Flushed::new(ticket, meant().map(|state| Arc::clone(&state.progress)))
    }

    /// Asks for all that was logged before now to be on the disk. The result is done when it is, or
    /// when that can no longer be.
    /// So it is with other sinks.
    pub(crate) fn flush_durable<'s>(
        &'s self,
        others: impl Iterator<Item = &'s SinkState>,
    ) -> Synced {
        let sinks = self.sinks.iter().chain(others);
        self.sync(sinks.map(|state| (state, None)).collect())
    }

    /// How the sinks stand that keep audit records for good, before one is handed over.
    pub(crate) fn marks(&self) -> Vec<(usize, Mark)> {
        let sinks = self.sinks.iter().enumerate();
        let keeping = sinks.filter(|(_, state)| state.keeps_audits());
        keeping
            .map(|(place, state)| {
                let mark = Mark {
                    failures: state.durable.failures(),
                    lost: state.counters.audits_lost(),
                };
                (place, mark)
            })
            .collect()
    }

    /// How they stood before there was any record.
    pub(crate) fn marks_of_beginning(&self) -> Vec<(usize, Mark)> {
        let nothing = Mark {
            failures: 0,
            lost: 0,
        };
        let marks = self.marks().into_iter();
        marks.map(|(place, _)| (place, nothing)).collect()
    }

    /// The same as [`flush_durable`](Self::flush_durable) for a record that was handed over after
    /// these marks were taken.
    pub(crate) fn flush_marked(&self, marks: &[(usize, Mark)]) -> Synced {
        let sinks = marks.iter();
        self.sync(
            sinks
                .map(|(place, mark)| (&self.sinks[*place], Some(*mark)))
                .collect(),
        )
    }

    fn sync(&self, sinks: Vec<(&SinkState, Option<Mark>)>) -> Synced {
        let ticket = Drain::ticket();
        let entered = sinks.iter();
        let entered = entered.map(|(state, mark)| (Arc::clone(&state.durable), *mark));
        let synced = Synced::new(ticket, entered.collect());
        for (state, _) in sinks {
            state.inlet.sleeper.wake();
        }
        synced
    }

    /// Writes all that was logged before now, or what can be written until `deadline`: by the
    /// writers' own threads where they run, else on this one. Says whether it was everything.
    pub(crate) fn flush_until(&self, deadline: Instant) -> bool {
        self.finish(self.flush(), deadline).is_some()
    }

    /// Whether somebody waits for what is not written, or not on the disk.
    pub(crate) fn is_wanted(&self) -> bool {
        let mut sinks = self.sinks.iter();
        sinks.any(|state| state.progress.is_wanted() || state.durable.is_wanted())
    }

    /// Writes that, however long it takes.
    pub(crate) fn write_what_is_wanted(&self) {
        let never = deadline::after(Duration::MAX);
        let mut sinks = self.sinks.iter();
        if sinks.any(|state| state.durable.is_wanted()) {
            let _ = self.finish(self.flush_durable(std::iter::empty()), never);
        } else {
            self.flush_until(never);
        }
    }

    /// The same for `timeout` from `began` on, as the process ends: for as much of it as is left, where a
    /// shutdown has waited for a sink in vain. If a writer's own thread ends the process, in the midst of
    /// its work, it would wait for itself in vain: then this is about the sinks of others.
    pub(crate) fn flush_in_the_end(&self, began: Instant, timeout: Duration) -> bool {
        let is_meant = |state: &SinkState| !channel::is_reader_of(&state.inlet);
        let left = self.sinks.iter().map(|state| state.patience_left(timeout));
        let least = left.min().unwrap_or(timeout);
        let all = self.flush_those(is_meant);
        let deadline = deadline::counted_from(began, least);
        let is_written = self.finish(all, deadline).is_some();
        if is_written || least == timeout {
            return is_written;
        }
        let others = self.flush_those(|state| is_meant(state) && !state.is_given_up());
        let deadline = deadline::counted_from(began, timeout);
        self.finish(others, deadline).is_some()
    }

    /// Notes that a shutdown has waited in vain, for so long, for those that have not got everything.
    pub(crate) fn give_up(&self, waited: Duration) {
        self.sinks.iter().for_each(|state| state.give_up(waited));
    }

    /// Whether there are sinks that a shutdown gave up, and that have taken nothing since.
    pub(crate) fn has_given_up_any(&self) -> bool {
        self.sinks.iter().any(SinkState::is_given_up)
    }

    /// Whether there is a sink for which something of `timeout` is left.
    pub(crate) fn has_patience_left(&self, timeout: Duration) -> bool {
        let mut sinks = self.sinks.iter();
        sinks.any(|state| state.patience_left(timeout) != Duration::ZERO)
    }

    /// The same for what an earlier call has asked for. `None` if time ran out.
    pub(crate) fn finish<F>(&self, mut asked: F, deadline: Instant) -> Option<F::Output>
    where
        F: Future + Unpin,
    {
        let waker = flush::current_thread();
        loop {
            self.run_parked(deadline);
            // In pieces: another thread that ran a worker just now may have missed this ticket.
            let soon = deadline.min(Instant::now() + PARKED_POLL);
            let done = flush::wait_until(&mut asked, &waker, soon);
            if done.is_some() || deadline <= Instant::now() {
                return done;
            }
        }
    }

    /// Tells the threads to end once everything that was logged before now is written. The result is
    /// done when it is.
    pub(crate) fn stop(&self) -> Flushed {
        self.channel.close();
        let flushed = self.flush();
        let ticket = flushed.ticket();
        self.sinks.iter().for_each(|state| state.stop(ticket));
        flushed
    }

    /// Whether they were told to.
    pub(crate) fn is_stopping(&self) -> bool {
        self.sinks.iter().any(SinkState::is_stopping)
    }

    /// Tells the threads to end once everything is written that was ever handed over. The channel has
    /// moved, and whoever was still in the midst of a hand-over has counted his record.
    pub(crate) fn retire(&self) {
        self.channel.close();
        self.sinks.iter().for_each(SinkState::retire);
    }

    /// Whether they have.
    pub(crate) fn has_retired(&self) -> bool {
        let mut sinks = self.sinks.iter();
        sinks.all(|state| state.progress.has_reached(u64::MAX))
    }

    /// Whether all threads have ended.
    pub(crate) fn has_stopped(&self) -> bool {
        Arc::strong_count(&self.running) == 1
    }

    /// Runs the workers that no thread runs any more. One that somebody else is running just now
    /// sees to this caller's records as well.
    fn run_parked(&self, deadline: Instant) {
        for (worker, state) in self.parked.iter().zip(&*self.sinks) {
            let Some(mut worker) = try_lock(worker) else {
                continue;
            };
            if let Some(worker) = &mut *worker {
                // Each is tried, but one that was waited for in vain holds up no other.
                let deadline = match state.is_given_up() {
                    true => Instant::now(),
                    false => deadline,
                };
                channel::as_reader_of(&state.inlet, || {
                    fenced(worker, |worker| worker.run_until(deadline));
                });
            }
        }
    }
}

/// Runs a worker to its end, whatever happens. Foreign code is fenced in where it is called; should
/// something panic all the same, a batch is the most that it may cost.
fn run(worker: &mut Worker, delays: Delays) {
    while !fenced(worker, |worker| worker.run(delays)) {
        thread::sleep(PARKED_POLL);
    }
}

/// Says whether `part` came to its end.
fn fenced(worker: &mut Worker, part: impl FnOnce(&mut Worker)) -> bool {
    let outcome = catch_unwind(AssertUnwindSafe(|| part(worker)));
    if outcome.is_err() {
        worker.complain_of_panic();
        worker.abandon_batch(LossReason::Io);
    }
    outcome.is_ok()
}

/// No panic leaves a worker half moved.
fn lock(worker: &Mutex<Option<Worker>>) -> MutexGuard<'_, Option<Worker>> {
    worker.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Drain {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Drain")
            .field("sinks", &self.sinks)
            .finish_non_exhaustive()
    }
}
