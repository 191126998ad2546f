//! A pipeline goes on by another plan.
//!
//! What can go wrong comes first: words are read before this is called, files are opened and threads
//! started before anything is changed. Then it takes one of two ways:
//!
//! - *In place.* Where records go is the same, and so is what holds them meanwhile. Each writer is
//!   told how to go on, and does so from its next batch on.
//! - *By another.* A channel and writers are made from the new plan, as after a fork, and take the
//!   place of those that run. Threads that log notice it with their next record. The former writers
//!   write all that they were given and end; where both have the same sink it is left to the new
//!   one then, which begins only after that. So each thread's records stay in order, whichever of the two
//!   they went through, and none is lost or written twice.
//!
//! At most one former channel is still being written out at any time, so the memory for what waits
//! is bounded by the budgets of two.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::running::{Running, Source};
use super::{Pipeline, Plan, SinkPlan};
use crate::capture::screen::Screen;
use crate::channel::barrier;
use crate::channel::sync::Instant;
use crate::crash;
use crate::error::Error;
use crate::filter::{self, Directives};
use crate::sink::Target;
use crate::{deadline, exit, request};

/// How long the former writers may take to write what they were given, before they are left to
/// themselves.
const RETIREMENT: Duration = Duration::from_secs(2);
const RETIREMENT_POLL: Duration = Duration::from_micros(500);

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
            return Err(Error::Reload("the log has been shut down"));
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
        let sources = plan.open(origins)?;
        let left_behind = plan.scan(|place| origins[place].is_none());
        let fresh = Running::new(&plan, sources, Some(running), Some(left_behind));
        fresh.start(plan.delays)?;
        let fresh = Arc::new(fresh);
        // A forked child would start from it.
        self.plan.store(Arc::new(plan));
        self.move_to(&fresh, running);
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
        self.move_to(&Arc::new(fresh), running);
        true
    }

    /// Has records go to writers that have started, and those of before end.
    fn move_to(&self, fresh: &Arc<Running>, before: &Running) {
        exit::register(fresh);
        // Before the channel is left, so that whoever finds it left finds the other one.
        self.running.store(Arc::clone(fresh));
        before.channel().leave();
        barrier::heavy();
        before.drain().retire();
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
        origins.iter().copied().eq(places)
            && self.budget_bytes == before.budget_bytes
            && self.overflow == before.overflow
            && self.arena.is_same_as(&before.arena)
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
