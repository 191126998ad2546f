//! A pipeline goes on by another plan.
//!
//! What can go wrong comes first: words are read before this is called, files are opened and threads
//! started before anything is changed. Then it takes one of two ways:
//!
//! - *In place.* Where records go is the same, by the same names, and so is what holds them meanwhile. Each writer is
//!   told how to go on, and does so from its next batch on.
//! - *By another.* A channel and writers are made from the new plan, as after a fork, and take the
//!   place of those that run. Threads that log notice it with their next record. The former writers
//!   write all that they were given and end; where both have the same sink it is left to the new
//!   one then, which begins only after that. So each thread's records stay in order, whichever of the two
//!   they went through, and none is lost or written twice.
//!
//! At most one former channel is still being written out at any time, so the memory for what waits
//! is bounded by the budgets of two.
//!
//! A shutdown may come meanwhile. Either it ends the writers before others take their place, which
//! these then never do, or it ends the others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::making::Source;
use super::{Pipeline, Plan, Running, SinkPlan};
use crate::capture::screen::Screen;
use crate::channel::barrier;
use crate::channel::sync::Instant;
use crate::crash;
use crate::drain::flush::Flushed;
use crate::error::Error;
use crate::filter::{self, Directives};
use crate::fork::PerProcess;
use crate::sink::Target;
use crate::{deadline, exit, request};

/// How long the former writers may take to write what they were given, before they are left to
/// themselves.
const RETIREMENT: Duration = Duration::from_secs(2);
const RETIREMENT_POLL: Duration = Duration::from_micros(500);

const SHUT_DOWN: Error = Error::Reload("the log has been shut down");

/// Held while writers take the place of others, and while writers are told to end. Whoever holds it
/// waits for nobody.
static TURNING: PerProcess<Mutex<()>> = PerProcess::new();

fn turn() -> MutexGuard<'static, ()> {
    let turning = TURNING.get().lock();
    turning.unwrap_or_else(PoisonError::into_inner)
}

impl Pipeline {
    /// Goes on by this plan, and lets in what these directives say. Returns the plan of before.
    ///
    /// # Errors
    ///
    /// Nothing has changed then.
    pub(crate) fn reload(
        &self,
        mut plan: Plan,
        directives: Directives,
    ) -> Result<Arc<Plan>, Error> {
        let _changing = filter::change();
        let prepared = self.gate.prepare(directives, plan.settings.rates.clone())?;
        let running = Arc::clone(&self.running());
        if running.channel().is_closed() {
            return Err(SHUT_DOWN);
        }
        let before = self.plan.load_full();
        plan.complaints = before.complaints.clone();
        plan.limiter = Arc::clone(&before.limiter);
        if plan.settings.redaction == before.settings.redaction {
            // It goes on with the key that it may have made up.
            plan.redactor = Arc::clone(&before.redactor);
        }
        let origins = plan.inherit(&before)?;
        plan.handle_hangup()?;
        let changed = if plan.is_as_of(&before, &origins) {
            self.change_in_place(&running, plan);
            Ok(())
        } else {
            self.change_running(&running, plan, &origins)
        };
        if let Err(error) = changed {
            // Those that go on.
            let _ = before.handle_hangup();
            return Err(error);
        }
        self.gate.set(prepared);
        let plan = self.plan.load();
        self.screening
            .replace(Screen::new(Arc::clone(&plan.redactor), &plan.limits));
        let requests = &plan.settings.requests;
        if *requests != before.settings.requests {
            request::configure(requests.clone());
        }
        Ok(before)
    }

    fn change_in_place(&self, running: &Running, plan: Plan) {
        running.set_exit_timeout(plan.exit_timeout);
        let arena = running.channel().arena();
        crash::tell_rules(arena, &plan);
        let sinks = running.drain().sinks().iter().zip(&plan.sinks);
        for (place, (state, sink)) in sinks.enumerate() {
            crash::tell_change(arena, sink, place);
            state.keep_audits(sink.keeps_audits());
            state.change.put(sink.change(&plan));
        }
        self.plan.store(Arc::new(plan));
    }

    fn change_running(
        &self,
        running: &Arc<Running>,
        mut plan: Plan,
        origins: &[Option<usize>],
    ) -> Result<(), Error> {
        let until = deadline::after(RETIREMENT);
        if !has_settled(running, until) {
            return Err(Error::Reload(
                "a sink has not yet written what it was given before the last change of sinks",
            ));
        }
        let fresh = plan.start_after(running, origins)?;
        self.turn_to(&fresh, running, plan)?;
        if !has_settled(&fresh, until) {
            let complaint = "a sink that was changed has not yet written what it was given before";
            self.plan.load().complaints.clone().say(complaint);
        }
        Ok(())
    }

    /// Has the same sinks written to through another channel. Says no where that cannot be now.
    pub(super) fn renew(&self, running: &Arc<Running>) -> bool {
        if !running.settle() {
            return false;
        }
        let plan = self.plan.load();
        let sources = (0..plan.sinks.len()).map(Source::LeftBy).collect();
        let fresh = Running::new(&plan, sources, Some(running), None);
        if fresh.start(plan.delays).is_err() {
            return false;
        }
        let _turning = turn();
        if running.drain().is_stopping() {
            fresh.abandon();
            return false;
        }
        self.move_to(&Arc::new(fresh), running);
        true
    }

    /// Has what is logged from now on go to `fresh`, unless the log was shut down meanwhile.
    fn turn_to(&self, fresh: &Arc<Running>, before: &Running, plan: Plan) -> Result<(), Error> {
        let _turning = turn();
        if before.channel().is_closed() {
            // Its writers have ended, or will, and leave their sinks to nobody.
            fresh.abandon();
            return Err(SHUT_DOWN);
        }
        // A forked child would start from it.
        self.plan.store(Arc::new(plan));
        self.move_to(fresh, before);
        Ok(())
    }

    /// Has records go to writers that have started, and those of before end. Not without its
    /// [turn](turn).
    fn move_to(&self, fresh: &Arc<Running>, before: &Running) {
        exit::register(fresh);
        // Before the channel is left, so that whoever finds it left finds the other one.
        self.running.store(Arc::clone(fresh));
        before.channel().leave();
        barrier::heavy();
        before.drain().retire();
    }

    /// Has records go through the channel again that was closed for an expected end, unless the log
    /// was shut down meanwhile.
    pub(super) fn reopen(&self, running: &Running) {
        let _turning = turn();
        if !running.drain().is_stopping() {
            running.channel().reopen();
        }
    }

    /// Tells the writers to end once everything is written that was logged before now. No reload
    /// has others take their place after that.
    pub(crate) fn stop(&self) -> (Arc<Running>, Flushed) {
        // In a forked child this may start them, which takes its time.
        drop(self.running());
        let _turning = turn();
        let running = Arc::clone(&self.running());
        let stopped = running.drain().stop();
        (running, stopped)
    }
}

/// Whether what ran before has written everything, or has by `deadline`.
fn has_settled(running: &Running, deadline: Instant) -> bool {
    while !running.settle() {
        if deadline <= Instant::now() {
            return false;
        }
        thread::sleep(RETIREMENT_POLL);
    }
    true
}

impl Plan {
    /// Takes over from an earlier plan what sinks keep that both have. Says which sink of that plan
    /// each of these is.
    fn inherit(&mut self, before: &Plan) -> Result<Vec<Option<usize>>, Error> {
        let mut origins = Vec::new();
        for (place, sink) in self.sinks.iter_mut().enumerate() {
            sink.target.name_absolutely()?;
            let is_same = |former: usize| {
                self.settings.shares_live(place, &before.settings, former)
                    && before.sinks[former].target.is_same_as(&sink.target)
            };
            let mut formers = 0..before.sinks.len();
            let origin =
                formers.find(|former| !origins.contains(&Some(*former)) && is_same(*former));
            if let Some(former) = origin {
                sink.inherit(&before.sinks[former]);
            }
            origins.push(origin);
        }
        Ok(origins)
    }

    /// Whether what an earlier plan started can go on by this one.
    fn is_as_of(&self, before: &Plan, origins: &[Option<usize>]) -> bool {
        let places = (0..before.sinks.len()).map(Some);
        let mut sinks = self.sinks.iter().zip(&before.sinks);
        origins.iter().copied().eq(places)
            && sinks.all(|(sink, former)| sink.name == former.name)
            && self.budget_bytes == before.budget_bytes
            && self.overflow == before.overflow
            && self.arena.is_same_as(&before.arena)
    }

    /// Starts channel and writers that may take the place of what runs.
    fn start_after(
        &mut self,
        running: &Arc<Running>,
        origins: &[Option<usize>],
    ) -> Result<Arc<Running>, Error> {
        let sources = self.open(origins)?;
        let left_behind = Arc::new(self.scan(|place| origins[place].is_none()));
        let fresh = Running::new(self, sources, Some(running), Some(left_behind));
        fresh.start(self.delays)?;
        Ok(Arc::new(fresh))
    }

    /// Opens the sinks that an earlier plan does not have.
    fn open(&mut self, origins: &[Option<usize>]) -> Result<Vec<Source>, Error> {
        let sinks = self.sinks.iter_mut().zip(origins);
        sinks
            .map(|(sink, origin)| match origin {
                Some(former) => Ok(Source::LeftBy(*former)),
                None => sink.target.open().map(Some).map(Source::Opened),
            })
            .collect()
    }
}

impl SinkPlan {
    fn inherit(&mut self, before: &SinkPlan) {
        if let (Target::File(own), Target::File(former)) = (&mut self.target, &before.target) {
            own.control = former.control.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Memory;
    use crate::drain::line::Content;

    #[test]
    fn a_log_that_is_shut_down_while_other_writers_start_stays_with_its_own() {
        let memory = Memory::new();
        let builder = || crate::builder().memory(&memory);
        let pipeline = builder().start(Content::Lines).unwrap();
        let (mut plan, _) = builder().budget(1 << 20).plan(Content::Lines).unwrap();
        let running = Arc::clone(&pipeline.running());
        let origins = plan.inherit(&pipeline.plan.load()).unwrap();
        let fresh = plan.start_after(&running, &origins).unwrap();
        let (stopped, _) = pipeline.stop();
        assert!(Arc::ptr_eq(&stopped, &running));

        let turned = pipeline.turn_to(&fresh, &running, plan);
        assert!(matches!(turned, Err(Error::Reload(_))));
        pipeline.push(2, b"late\n");
        assert_eq!(memory.lines(), ["late"]);
        while !fresh.drain().has_stopped() {
            thread::yield_now();
        }
    }

    #[test]
    fn a_channel_that_was_left_keeps_no_memory_for_threads_that_log_no_more() {
        let memory = Memory::new();
        let builder = || crate::builder().memory(&memory);
        let pipeline = builder().start(Content::Lines).unwrap();
        pipeline.push(2, b"the thread has a lane now\n");
        let running = Arc::clone(&pipeline.running());
        let (plan, directives) = builder().budget(1 << 20).plan(Content::Lines).unwrap();
        pipeline.reload(plan, directives).unwrap();
        while !running.drain().has_stopped() {
            thread::yield_now();
        }
        let pool = &running.channel().pool;
        assert_eq!(pool.idle(), 0);
        // It is the lane's own page.
        assert_ne!(pool.used_bytes(), 0);
    }
}
