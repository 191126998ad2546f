//! A record's whole way in one place: channel and writers, for this process and, after a fork, for
//! each child.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard as Loaded};

use crate::capture::screen::{Screen, Screening};
use crate::capture::thread::{self as local, Pushed};
use crate::channel::arena::ArenaPlan;
use crate::channel::arena::facts::Fact;
use crate::channel::overflow::Overflow;
use crate::channel::sync::Instant;
use crate::channel::{self, Channel};
use crate::complaint::Complaints;
use crate::config::{Format, Limits};
use crate::deadline;
use crate::drain::line::{Content, LineWriter};
use crate::drain::sync::SyncPolicy;
use crate::drain::worker::Worker;
use crate::drain::{Delays, Drain, SinkState};
use crate::error::Error;
use crate::filter::SinkFilter;
use crate::recovery::replay::Replay;
use crate::recovery::scan::Scan;
use crate::redaction::Redactor;
use crate::sink::{Control, Sink, Target};
use crate::stats::{self, Stats};
use crate::{audit, crash, exit, fork, format, recovery};

/// Everything that a pipeline is made from. Kept, since a forked child makes its own.
pub(crate) struct Plan {
    pub(crate) sinks: Vec<SinkPlan>,
    pub(crate) content: Content,
    pub(crate) budget_bytes: usize,
    pub(crate) overflow: Overflow,
    pub(crate) delays: Delays,
    pub(crate) exit_timeout: Duration,
    pub(crate) arena: ArenaPlan,
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) limits: Limits,
    pub(crate) complaints: Complaints,
}

/// What one sink is made from.
pub(crate) struct SinkPlan {
    pub(crate) target: Target,
    pub(crate) format: Format,
    pub(crate) filter: SinkFilter,
    pub(crate) sync: SyncPolicy,
    /// The filter in words, for who writes to the sink after a crash.
    pub(crate) directives: Option<String>,
}

impl SinkPlan {
    fn keeps_audits(&self) -> bool {
        self.target.keeps_audits() && self.filter.would_want(audit::TARGET, audit::LEVEL)
    }
}

/// A pipeline that works in whichever process it is used.
pub(crate) struct Pipeline {
    id: u64,
    plan: Plan,
    screening: Screening,
    running: ArcSwap<Running>,
}

/// The part of a pipeline that belongs to one process.
#[derive(Debug)]
pub(crate) struct Running {
    generation: u64,
    channel: Arc<Channel>,
    drain: Drain,
    exit_timeout: Duration,
    complaints: Complaints,
    /// How long records that come after the end may still hold up their callers, all together.
    late_patience_us: AtomicU64,
}

impl Pipeline {
    /// Opens the sinks and starts the writers. What waits when the process ends is written then.
    pub(crate) fn start(plan: Plan) -> Result<Arc<Self>, Error> {
        let pipeline = Self::start_unregistered(plan)?;
        exit::register(&pipeline.running.load());
        Ok(pipeline)
    }

    /// The same, but the end of the process does not see to it.
    pub(crate) fn start_unregistered(mut plan: Plan) -> Result<Arc<Self>, Error> {
        static IDS: AtomicU64 = AtomicU64::new(0);
        fork::watch();
        recovery::watch_torn_tails(&plan.arena.directories());
        let sinks = plan.sinks.iter_mut().map(|sink| sink.target.open());
        let sinks = sinks
            .map(|sink| sink.map(Some))
            .collect::<Result<Vec<_>, _>>()?;
        let running = Arc::new(Running::new(&plan, sinks, Some(scan(&plan))));
        running.drain.start(plan.delays).map_err(|cause| {
            // Those that did start.
            running.drain.stop();
            running.channel.arena().discard();
            Error::start_writer(cause)
        })?;
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        let screen = Screen::new(Arc::clone(&plan.redactor), &plan.limits);
        Ok(Arc::new(Pipeline {
            id,
            screening: Screening::new(screen),
            plan,
            running: ArcSwap::new(running),
        }))
    }

    /// Distinguishes the pipelines of a process.
    #[inline]
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// What may enter its pages.
    #[inline]
    pub(crate) fn screening(&self) -> &Screening {
        &self.screening
    }

    /// Hands over a record that is encoded already.
    #[inline]
    pub(crate) fn push(&self, level: u8, record: &[u8]) {
        if local::push(self, level, record) == Pushed::Late {
            self.running().write_if_late();
        }
    }

    /// What runs in this process; after a fork that is started here.
    pub(crate) fn running(&self) -> Loaded<Arc<Running>> {
        let running = self.running.load();
        if running.is_current() {
            return running;
        }
        drop(running);
        self.start_in_child();
        self.running.load()
    }

    /// Has the sinks that are files do what `ask` tells their controls, soon.
    pub(crate) fn ask_files(&self, ask: impl Fn(&Control)) {
        let targets = self.plan.sinks.iter().map(|sink| &sink.target);
        targets.filter_map(Target::control).for_each(ask);
        // Nobody waits for it; it makes the writers look around.
        drop(self.running().drain().flush());
    }

    #[cold]
    fn start_in_child(&self) {
        let parents = self.running.load_full();
        if parents.is_current() {
            // Another thread of the child was faster, and has finished already.
            return;
        }
        let sinks = self
            .plan
            .sinks
            .iter()
            .map(|sink| sink.target.open_in_child())
            .collect();
        // What others left behind is seen to by the parent.
        let fresh = Arc::new(Running::new(&self.plan, sinks, None));
        let before = self.running.compare_and_swap(&parents, Arc::clone(&fresh));
        if !Arc::ptr_eq(&before, &parents) {
            // Another thread of the child was faster, by less.
            return;
        }
        if fresh.drain.start(self.plan.delays).is_err() {
            // No thread to be had: every caller writes for himself.
            fresh.channel.close();
        }
        exit::register(&fresh);
        leak(parents);
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let running = self.running.load_full();
        if running.is_current() {
            // The writers go on until everything is written; the process waits for them at its end.
            running.drain.stop();
        } else {
            leak(running);
        }
    }
}

/// Keeps what belongs to the parent process from being torn down in the child: its locks may be
/// held by threads that do not exist here.
fn leak(parents: Arc<Running>) {
    let _ = Arc::into_raw(parents);
}

/// A look at what earlier processes left for the sinks of this plan.
fn scan(plan: &Plan) -> Arc<Scan> {
    let paths = plan.sinks.iter().filter_map(|sink| sink.target.path());
    let paths = paths.map(Path::to_owned).collect();
    let directories = plan.arena.directories();
    Scan::new(paths, directories, plan.complaints.clone())
}

impl Running {
    fn new(plan: &Plan, sinks: Vec<Option<Box<dyn Sink>>>, left_behind: Option<Arc<Scan>>) -> Self {
        let arena = crash::arena_of(plan);
        let plans = plan.sinks.iter().enumerate();
        let keepings = plans.map(|(place, sink)| crash::keeping(&arena, sink, place));
        let (journals, crash_unsafe): (Vec<_>, Vec<_>) = keepings
            .map(|keeping| (keeping.journal, keeping.crash_unsafe))
            .unzip();
        let (budget_bytes, overflow) = (plan.budget_bytes, plan.overflow);
        let channel = Channel::in_arena(budget_bytes, overflow, sinks.len(), arena);
        let channel = Arc::new(channel);
        let name = |sink: &Option<Box<dyn Sink>>| match sink {
            Some(sink) => sink.name().to_owned(),
            None => "sink that cannot be used after fork".to_owned(),
        };
        let states: Arc<[SinkState]> = channel
            .inlets()
            .iter()
            .zip(&sinks)
            .zip(&plan.sinks)
            .zip(crash_unsafe)
            .map(|(((inlet, sink), plan_of_sink), crash_unsafe)| {
                let mut state = SinkState::new(name(sink), Arc::clone(inlet), sinks.len());
                state.crash_unsafe = crash_unsafe;
                state.keeping_audits(sink.is_some() && plan_of_sink.keeps_audits())
            })
            .collect();
        let workers = sinks.into_iter().zip(&plan.sinks).zip(journals);
        let workers = workers.enumerate();
        let workers = workers.map(|(place, ((sink, plan_of_sink), journal))| {
            let filter = plan_of_sink.filter.clone();
            let lines = LineWriter::new(plan.content, format::make(&plan_of_sink.format), filter);
            let lines = lines.redacting(Arc::clone(&plan.redactor));
            let (channel, states) = (Arc::clone(&channel), Arc::clone(&states));
            let complaints = plan.complaints.clone();
            let worker = Worker::new(channel, states, place, sink, lines, complaints);
            let mut worker = worker.syncing(plan_of_sink.sync);
            if let Some((scan, path)) = left_behind.as_ref().zip(plan_of_sink.target.path()) {
                let (scan, complaints) = (Arc::clone(scan), plan.complaints.clone());
                worker.replay_first(Replay::new(path, scan, complaints));
            }
            worker.keep_journal(journal);
            worker
        });
        let drain = Drain::new(Arc::clone(&channel), Arc::clone(&states), workers.collect());
        let late_patience_us = u64::try_from(plan.exit_timeout.as_micros()).unwrap_or(u64::MAX);
        Running {
            generation: fork::generation(),
            channel,
            drain,
            exit_timeout: plan.exit_timeout,
            complaints: plan.complaints.clone(),
            late_patience_us: AtomicU64::new(late_patience_us),
        }
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
        self.drain.has_stopped() && self.stats().waiting() == 0
    }

    pub(crate) fn stats(&self) -> Stats {
        stats::take(&self.channel, self.drain.sinks())
    }

    /// Whether a record that comes after the end may still hold up its caller.
    pub(crate) fn has_late_patience(&self) -> bool {
        self.late_patience_us.load(Ordering::Relaxed) != 0
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
        self.drain
            .flush_until(deadline::after(Duration::from_micros(patience_us)));
        let left = patience_us.saturating_sub(began.elapsed().as_micros() as u64);
        self.late_patience_us.fetch_min(left, Ordering::Relaxed);
    }

    /// Writes what waits now on a thread of its own, for somebody who must not wait himself: once
    /// the writers have been told to end, nobody else may come to it.
    pub(crate) fn write_aside(self: &Arc<Self>) {
        let running = Arc::clone(self);
        let write = move || {
            running.drain.flush_until(deadline::after(Duration::MAX));
        };
        // No thread to be had: the writers' own, if they still run, are all that is left.
        let _ = fork::spawn("offloop-flush".to_owned(), write);
    }

    /// Writes what waits, as the process ends. Records that come later, from destructors and from
    /// other exit handlers, are written by their callers.
    pub(crate) fn end_with_process(&self) {
        self.channel.close();
        let is_written = self.drain.flush_until(deadline::after(self.exit_timeout));
        let waiting = self.stats().waiting();
        if !is_written {
            let complaint = format!("the process ends with {waiting} records not written");
            self.complaints.clone().say(&complaint);
            // Whoever logs after this has been waited for already.
            self.late_patience_us.store(0, Ordering::Relaxed);
        } else if waiting == 0 {
            self.discard_arena();
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

impl fmt::Debug for Pipeline {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pipeline")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
