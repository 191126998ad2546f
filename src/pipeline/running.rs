//! The part of a pipeline that belongs to one process, until its sinks are changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::Plan;
use super::making::{self, Making, Source};
use crate::channel::arena::facts::Fact;
use crate::channel::arena::layout::End;
use crate::channel::sync::Instant;
use crate::channel::{self, Channel};
use crate::complaint::Complaints;
use crate::crash;
use crate::deadline;
use crate::drain::durable::Synced;
use crate::drain::flush::Flushed;
use crate::drain::worker::Common;
use crate::drain::{Delays, Drain};
use crate::error::Error;
use crate::recovery::scan::Scan;
use crate::stats::{self, Stats};
use crate::{exit, fork};

/// For how long a late record holds up its caller at most, where the end was none.
const MOMENT: Duration = Duration::from_millis(1);

/// Channel and writers, as they run.
#[derive(Debug)]
pub(crate) struct Running {
    generation: u64,
    channel: Arc<Channel>,
    drain: Drain,
    exit_timeout_us: AtomicU64,
    complaints: Complaints,
    /// How long records that come after the end may still hold up their callers, all together.
    late_patience_us: AtomicU64,
    /// Whether the process may end at any moment, without another word.
    expects_end: AtomicBool,
    /// Whether it is known by now that it does not end.
    is_to_go_on: AtomicBool,
    /// Whether a thread writes for those who must not wait.
    writes_aside: AtomicBool,
    former: ArcSwap<Former>,
    /// For each sink, which one it was of what ran before, if it was there.
    origins: Vec<Option<usize>>,
}

/// What ran before the sinks were changed.
#[derive(Clone, Debug, Default)]
struct Former {
    /// What became of the records of those that have ended.
    ended: Stats,
    /// What still writes what it was given before the last change.
    retiring: Option<Arc<Running>>,
}

impl Running {
    /// Prepares channel and writers. Whoever wants to see to what dead processes left for the sinks
    /// that were opened passes `left_behind`.
    pub(super) fn new(
        plan: &Plan,
        sources: Vec<Source>,
        before: Option<&Arc<Running>>,
        left_behind: Option<Arc<Scan>>,
    ) -> Self {
        let arena = crash::arena_of(plan);
        let mut complaint = crash::complaint_of(plan, &arena);
        let plans = plan.sinks.iter().enumerate();
        let keepings: Vec<_> = plans
            .map(|(place, sink)| crash::keeping(&arena, sink, place))
            .collect();
        let (budget_bytes, overflow) = (plan.budget_bytes, plan.overflow);
        let channel = Channel::in_arena(budget_bytes, overflow, sources.len(), arena);
        let channel = Arc::new(channel);
        let states = making::states(&channel, plan, &sources, &keepings);
        let making = Making {
            plan,
            common: Common::new(&channel, &states, plan.complaints.clone()),
            before,
            left_behind,
        };
        let origins = sources.iter().map(Source::origin).collect();
        let workers = sources.into_iter().zip(keepings).enumerate();
        let workers = workers.map(|(place, (source, keeping))| {
            let worker = making.worker(place, source, keeping.journal);
            worker.saying_first(complaint.take())
        });
        let drain = Drain::new(Arc::clone(&channel), Arc::clone(&states), workers.collect());
        Running {
            generation: fork::generation(),
            channel,
            drain,
            exit_timeout_us: AtomicU64::new(micros(plan.exit_timeout)),
            complaints: plan.complaints.clone(),
            late_patience_us: AtomicU64::new(micros(plan.exit_timeout)),
            expects_end: AtomicBool::new(false),
            is_to_go_on: AtomicBool::new(false),
            writes_aside: AtomicBool::new(false),
            former: ArcSwap::from_pointee(Former {
                ended: before
                    .map(|before| before.former.load().ended.clone())
                    .unwrap_or_default(),
                retiring: before.cloned(),
            }),
            origins,
        }
    }

    /// Starts the writers, all or none.
    pub(super) fn start(&self, delays: Delays) -> Result<(), Error> {
        self.drain.start(delays).map_err(|cause| {
            // Those that did start.
            self.abandon();
            Error::start_writer(cause)
        })
    }

    /// Has the writers end again, who were given nothing.
    pub(super) fn abandon(&self) {
        self.drain.retire();
        self.channel.arena().discard();
    }

    /// Whether it was started in this very process.
    #[inline]
    pub(crate) fn is_current(&self) -> bool {
        self.generation == fork::generation()
    }

    pub(crate) fn channel(&self) -> &Arc<Channel> {
        &self.channel
    }

    pub(crate) fn drain(&self) -> &Drain {
        &self.drain
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.drain.has_stopped() && self.own_stats().waiting() == 0
    }

    /// What became of all records, of those before a change of sinks too.
    pub(crate) fn stats(&self) -> Stats {
        self.settle();
        let former = self.former.load();
        let before = match &former.retiring {
            Some(retiring) => retiring.stats_after(&former.ended),
            None => former.ended.clone(),
        };
        self.stats_after(&before)
    }

    /// Its own figures with those of what ran before.
    fn stats_after(&self, before: &Stats) -> Stats {
        self.own_stats().after(before, &self.origins)
    }

    fn own_stats(&self) -> Stats {
        stats::take(&self.channel, self.drain.sinks())
    }

    /// What still writes what it was given before the last change of sinks.
    pub(crate) fn retiring(&self) -> Option<Arc<Running>> {
        self.former.load().retiring.clone()
    }

    /// Lets go of what ran before, once it has written everything. Says whether it has.
    pub(super) fn settle(&self) -> bool {
        let former = self.former.load_full();
        let Some(retiring) = &former.retiring else {
            return true;
        };
        if !retiring.drain.has_retired() || !retiring.drain.has_stopped() {
            return false;
        }
        let settled = Arc::new(Former {
            ended: retiring.stats_after(&former.ended),
            retiring: None,
        });
        // Another thread may have done the same.
        self.former.compare_and_swap(&former, settled);
        exit::forget(retiring);
        true
    }

    /// Asks for all that was logged before now to be written, whichever sinks it was given to.
    pub(crate) fn flush(&self) -> Flushed {
        match self.retiring() {
            Some(retiring) => self.drain.flush().and(retiring.drain.flush()),
            None => self.drain.flush(),
        }
    }

    /// The same for all that was logged before now to be on the disk.
    pub(crate) fn flush_durable(&self) -> Synced {
        let before = self.retiring();
        self.drain
            .flush_durable(before.iter().flat_map(|before| before.drain.sinks().iter()))
    }

    /// Writes all that was logged before now, or what can be written until `deadline`.
    pub(crate) fn flush_until(&self, deadline: Instant) -> bool {
        let before = self.retiring();
        before.is_none_or(|before| before.drain.flush_until(deadline))
            && self.drain.flush_until(deadline)
    }

    /// From now on, the end of the process waits so long.
    pub(super) fn set_exit_timeout(&self, timeout: Duration) {
        self.exit_timeout_us
            .store(micros(timeout), Ordering::Relaxed);
        self.late_patience_us
            .store(micros(timeout), Ordering::Relaxed);
    }

    /// Whether a record that comes after the end may still hold up its caller.
    pub(crate) fn has_late_patience(&self) -> bool {
        let patience = Duration::from_micros(self.late_patience_us.load(Ordering::Relaxed));
        self.drain.has_patience_left(patience)
    }

    /// Writes a record that came after the end of the writers, on the caller's thread.
    #[cold]
    pub(crate) fn write_if_late(&self) {
        // The writer itself may be the one that logs, in a user's writer: nobody else would write
        // for it, and it comes to its own records by itself.
        if !self.channel.is_closed() || channel::is_reader() {
            return;
        }
        let patience_us = self.late_patience_us.load(Ordering::Relaxed);
        let began = Instant::now();
        let until = deadline::counted_from(began, Duration::from_micros(patience_us));
        let Some(until) = channel::may_wait_until(until) else {
            return;
        };
        let patience = until.saturating_duration_since(began);
        self.drain.flush_in_the_end(began, patience);
        let left = patience_us.saturating_sub(began.elapsed().as_micros() as u64);
        self.late_patience_us.fetch_min(left, Ordering::Relaxed);
    }

    /// Writes what waits now on a thread of its own, for somebody who must not wait himself: once
    /// the writers have been told to end, nobody else may come to it.
    pub(crate) fn write_aside(self: &Arc<Self>) {
        // Pairs with the other swap: a thread that is found there finds what is wanted.
        if self.writes_aside.swap(true, Ordering::AcqRel) {
            return;
        }
        let running = Arc::clone(self);
        let write = move || running.write_while_wanted();
        if fork::spawn("offloop-flush".to_owned(), write).is_err() {
            // The writers' own threads, if they still run, are all that is left. Relaxed: nothing is
            // published by it.
            self.writes_aside.store(false, Ordering::Relaxed);
        }
    }

    fn write_while_wanted(&self) {
        loop {
            self.drain.write_what_is_wanted();
            // Pairs with the other swap: who has found this thread there is seen to.
            self.writes_aside.swap(false, Ordering::AcqRel);
            if !self.drain.is_wanted() || self.writes_aside.swap(true, Ordering::AcqRel) {
                return;
            }
        }
    }

    /// Writes what waits, and has callers write what comes later, as after the end, but holds them up
    /// for no longer than `patience` all together. The writers go on, too. Where that time does not
    /// suffice now, nothing has changed.
    pub(super) fn expect_end(&self, patience: Duration) -> bool {
        let deadline = deadline::after(patience);
        if !self.flush_until(deadline) {
            return false;
        }
        self.late_patience_us
            .store(micros(patience), Ordering::Relaxed);
        self.is_to_go_on.store(false, Ordering::Relaxed);
        self.expects_end.store(true, Ordering::Relaxed);
        self.channel.close();
        // What came in between.
        let is_written = self.flush_until(deadline);
        if is_written {
            self.discard_arena();
        }
        is_written
    }

    /// Whether the process may end at any moment. Relaxed: it publishes nothing.
    pub(crate) fn expects_end(&self) -> bool {
        self.expects_end.load(Ordering::Relaxed)
    }

    /// Notes that the process does not end, where nothing can be done about that just now. Until it can, no
    /// record is lost for want of patience.
    pub(super) fn go_on_soon(&self) {
        // Relaxed, both: see `expects_end`.
        self.is_to_go_on.store(true, Ordering::Relaxed);
        let moment_us = micros(MOMENT);
        self.late_patience_us
            .fetch_max(moment_us, Ordering::Relaxed);
    }

    /// Whether it was taken for the end and is none: nobody logs that much on his way out.
    pub(crate) fn is_to_go_on(&self) -> bool {
        let is_known = self.is_to_go_on.load(Ordering::Relaxed);
        self.expects_end() && (is_known || !self.has_late_patience())
    }

    /// Takes back that the process may end.
    pub(super) fn expect_no_end(&self) {
        self.expects_end.store(false, Ordering::Relaxed);
    }

    /// Writes what waits, as the process ends; its end has begun at `began`. Records that come later,
    /// from destructors and from other exit handlers, are written by their callers.
    pub(crate) fn end_with_process(&self, began: Instant) {
        self.channel.close();
        // It does end now.
        self.expect_no_end();
        let timeout = Duration::from_micros(self.exit_timeout_us.load(Ordering::Relaxed));
        let is_written = self.drain.flush_in_the_end(began, timeout);
        let waiting = self.own_stats().waiting();
        let is_left = channel::is_reader() || self.drain.has_given_up_any();
        if !is_written || (is_left && waiting != 0) {
            let complaint = format!("the process ends with {waiting} records not written");
            self.complaints.clone().say(&complaint);
            // Whoever logs after this has been waited for already.
            self.late_patience_us.store(0, Ordering::Relaxed);
            self.channel.arena().note_end(End::OutOfTime);
        } else if waiting == 0 {
            self.discard_arena();
        } else {
            // Other threads log on, and write what they log while they can.
            self.channel.arena().note_end(End::InOrder);
        }
    }

    /// Leaves nothing behind for a reader of the pages. For when nothing waits.
    pub(crate) fn discard_arena(&self) {
        self.channel.arena().discard();
    }

    /// Lets a reader of the pages know of a panic that ends the process.
    pub(crate) fn note_panic(&self, message: &str, location: Option<&str>) {
        let panic = Fact::Panic { message, location };
        self.channel.arena().tell(&panic);
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use super::*;
    use crate::drain::line::Content;

    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("broken"))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn one_thread_writes_for_all_who_must_not_wait() {
        let builder = crate::builder().writer(Broken).on_error(|_| {});
        let builder = builder.exit_timeout(Duration::ZERO);
        let pipeline = builder.start(Content::Lines).unwrap();
        pipeline.push(2, b"line\n");
        let (running, _) = pipeline.stop();
        let holders = Arc::strong_count(&running);
        for _ in 0..10 {
            drop(running.flush());
            running.write_aside();
        }
        assert_eq!(Arc::strong_count(&running), holders + 1);
    }
}
