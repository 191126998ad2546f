//! A record's whole way in one place: channel and writers, for this process and, after a fork, for
//! each child.

mod expecting;
mod making;
mod reload;
mod running;

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard as Loaded};

use self::making::Source;
pub(crate) use self::running::Running;
use crate::capture::screen::{Screen, Screening};
use crate::capture::thread::{self as local, Pushed};
use crate::channel::arena::ArenaPlan;
use crate::channel::overflow::Overflow;
use crate::complaint::Complaints;
use crate::config::{Config, Format, Limits, OnHangup};
use crate::drain::Delays;
use crate::drain::line::Content;
use crate::drain::sync::SyncPolicy;
use crate::error::Error;
use crate::filter::{Gate, Limiter, SinkFilter};
use crate::recovery::scan::Scan;
use crate::redaction::Redactor;
use crate::sink::{Control, Target};
use crate::stats::Stats;
use crate::{audit, exit, fork, recovery};

/// Everything that a pipeline is made from. Kept, since a forked child makes its own.
pub(crate) struct Plan {
    pub(crate) sinks: Vec<SinkPlan>,
    pub(crate) content: Content,
    pub(crate) budget_bytes: usize,
    pub(crate) overflow: Overflow,
    pub(crate) delays: Delays,
    pub(crate) exit_timeout: Duration,
    pub(crate) arena: ArenaPlan,
    pub(crate) on_hangup: OnHangup,
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) limits: Limits,
    pub(crate) complaints: Complaints,
    /// What is left out although the filter wants it.
    pub(crate) limiter: Arc<Limiter>,
    /// What all of it was made from.
    pub(crate) settings: Config,
}

/// What one sink is made from.
pub(crate) struct SinkPlan {
    /// As the configuration calls it.
    pub(crate) name: String,
    pub(crate) target: Target,
    pub(crate) format: Format,
    pub(crate) filter: SinkFilter,
    pub(crate) sync: SyncPolicy,
    /// The filter in words, for who writes to the sink after a crash.
    pub(crate) directives: Option<String>,
}

impl SinkPlan {
    /// Whether an audit record that it is given is kept for good.
    fn keeps_audits(&self) -> bool {
        self.target.keeps_audits() && self.filter.would_want(audit::TARGET, audit::LEVEL)
    }
}

/// A pipeline that works in whichever process it is used.
pub(crate) struct Pipeline {
    id: u64,
    gate: Gate,
    screening: Screening,
    plan: ArcSwap<Plan>,
    running: ArcSwap<Running>,
    has_reloader: AtomicBool,
    /// Who wants to hear that other levels may be wanted than before.
    listener: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Pipeline {
    /// Opens the sinks and starts the writers. What waits when the process ends is written then.
    pub(crate) fn start(plan: Plan, gate: Gate) -> Result<Arc<Self>, Error> {
        let pipeline = Self::start_unregistered(plan, gate)?;
        exit::register(&pipeline.running.load());
        Ok(pipeline)
    }

    /// The same, but the end of the process does not see to it.
    pub(crate) fn start_unregistered(mut plan: Plan, gate: Gate) -> Result<Arc<Self>, Error> {
        static IDS: AtomicU64 = AtomicU64::new(0);
        fork::watch();
        recovery::watch_torn_tails(&plan.arena.directories());
        plan.handle_hangup()?;
        let sinks = plan.sinks.iter_mut().map(|sink| sink.target.open());
        let sinks = sinks.map(|sink| sink.map(|sink| Source::Opened(Some(sink))));
        let sinks = sinks.collect::<Result<Vec<_>, _>>()?;
        let left_behind = Arc::new(plan.scan(|_| true));
        let running = Arc::new(Running::new(&plan, sinks, None, Some(left_behind)));
        running.start(plan.delays)?;
        let id = IDS.fetch_add(1, Ordering::Relaxed);
        let screen = Screen::new(Arc::clone(&plan.redactor), &plan.limits);
        Ok(Arc::new(Pipeline {
            id,
            gate,
            screening: Screening::new(screen),
            plan: ArcSwap::from_pointee(plan),
            running: ArcSwap::new(running),
            has_reloader: AtomicBool::new(false),
            listener: OnceLock::new(),
        }))
    }

    /// Distinguishes the pipelines of a process.
    #[inline]
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// What the pages hold.
    pub(crate) fn content(&self) -> Content {
        self.plan.load().content
    }

    /// What it was made from, and changed to since.
    pub(crate) fn settings(&self) -> Config {
        self.plan.load().settings.clone()
    }

    /// Whether a thread reads the configuration anew when that has changed.
    pub(crate) fn has_reloader(&self) -> &AtomicBool {
        &self.has_reloader
    }

    /// Has somebody called each time that other levels may be wanted than before. The first one stays.
    pub(crate) fn listen(&self, listener: impl Fn() + Send + Sync + 'static) {
        let _ = self.listener.set(Box::new(listener));
    }

    /// Tells that other levels may be wanted than before.
    pub(crate) fn tell_of_levels(&self) {
        if let Some(listener) = self.listener.get() {
            listener();
        }
    }

    /// What became of all records.
    pub(crate) fn stats(&self) -> Stats {
        let stats = self.running().stats();
        stats.beside(self.gate.limiter().suppressed())
    }

    /// What passes into it.
    #[inline]
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// What may enter its pages.
    #[inline]
    pub(crate) fn screening(&self) -> &Screening {
        &self.screening
    }

    /// Hands over a record that is encoded already.
    #[inline]
    pub(crate) fn push(&self, level: u8, record: &[u8]) {
        self.see_to(local::push(self, level, record));
    }

    /// Sees to a record that was handed over: one that came after the end of the writers is written
    /// here, unless the current thread must not wait.
    #[inline]
    pub(crate) fn see_to(&self, pushed: Pushed) {
        if pushed == Pushed::Late {
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
        let plan = self.plan.load();
        let targets = plan.sinks.iter().map(|sink| &sink.target);
        targets.filter_map(Target::control).for_each(ask);
        // Nobody waits for it; it makes the writers look around.
        drop(self.running().flush());
    }

    #[cold]
    fn start_in_child(&self) {
        let parents = self.running.load_full();
        if parents.is_current() {
            // Another thread of the child was faster, and has finished already.
            return;
        }
        let plan = self.plan.load();
        plan.limiter.begin_anew();
        let sinks = plan.sinks.iter();
        let sinks = sinks.map(|sink| Source::Opened(sink.target.open_in_child()));
        // The parent may never start again: what a sibling said that was killed would wait for it. The
        // child's writers look for it, as at any start; whoever logs does not wait for that.
        let left_behind = Arc::new(plan.scan(|_| true).in_child());
        let fresh = Running::new(&plan, sinks.collect(), None, Some(left_behind));
        let fresh = Arc::new(fresh);
        if !self.replace(&parents, &fresh) {
            return;
        }
        if fresh.drain().start(plan.delays).is_err() {
            // No thread to be had: every caller writes for himself.
            fresh.channel().close();
        }
        exit::register(&fresh);
        leak(parents);
    }

    /// Has what is logged from now on go to `fresh`, unless another thread of the child was faster.
    fn replace(&self, parents: &Arc<Running>, fresh: &Arc<Running>) -> bool {
        let before = self.running.compare_and_swap(parents, Arc::clone(fresh));
        let is_first = Arc::ptr_eq(&before, parents);
        if !is_first {
            // Nobody else does, and it would be taken for what a dead process has left.
            fresh.discard_arena();
        }
        is_first
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let running = self.running.load_full();
        if running.is_current() {
            // The writers go on until everything is written; the process waits for them at its end.
            running.drain().stop();
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

impl Plan {
    /// A look at what earlier processes left for the sinks at some places of this plan.
    fn scan(&self, is_meant: impl Fn(usize) -> bool) -> Scan {
        let places = self.sinks.iter().enumerate();
        let meant = places.filter(|(place, _)| is_meant(*place));
        let paths = meant.filter_map(|(_, sink)| sink.target.path());
        let paths = paths.map(Path::to_owned).collect();
        let directories = self.arena.directories();
        Scan::new(paths, directories, self.complaints.clone())
    }

    /// Sees to it that SIGHUP does what this plan wants of it.
    fn handle_hangup(&self) -> Result<(), Error> {
        let mut files = self.sinks.iter().filter_map(|sink| sink.target.control());
        if self.on_hangup == OnHangup::Unhandled {
            files.for_each(Control::ignore_hangup);
            return Ok(());
        }
        files
            .try_for_each(Control::reopen_on_hangup)
            .map_err(Error::HandleHangup)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Memory, channel};

    #[test]
    fn who_must_not_wait_leaves_what_comes_late_to_others() {
        let memory = Memory::new();
        let pipeline = crate::builder().memory(&memory);
        let pipeline = pipeline.start(Content::Lines).unwrap();
        let (running, _) = pipeline.stop();
        while !running.drain().has_stopped() {
            std::thread::yield_now();
        }
        channel::without_waiting(|| pipeline.push(2, b"late\n"));
        assert!(memory.lines().is_empty());
        pipeline.see_to(Pushed::Late);
        assert_eq!(memory.lines(), ["late"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_that_starts_a_childs_pipeline_too_late_leaves_no_pages_behind() {
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
        let pages = memory.path().join("pages");
        let directory = tempfile::tempdir().unwrap();
        let builder = crate::builder().file(directory.path().join("app.jsonl"));
        let pipeline = builder.crash_directory(&pages);
        let pipeline = pipeline.start(Content::Records).unwrap();
        let files = || std::fs::read_dir(&pages).unwrap().count();
        assert_eq!(files(), 1);
        let plan = pipeline.plan.load();
        let fresh = || Arc::new(Running::new(&plan, vec![Source::Opened(None)], None, None));
        let (parents, too_late) = (fresh(), fresh());
        assert_eq!(files(), 3);
        assert!(!pipeline.replace(&parents, &too_late));
        assert_eq!(files(), 2);
        parents.discard_arena();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn why_records_do_not_outlive_the_process_is_said_by_the_writer() {
        // Whoever logs may be the one that starts the pipeline, in a forked child, and who is told
        // may log.
        let directory = tempfile::tempdir().unwrap();
        let builder = crate::builder().file(directory.path().join("app.jsonl"));
        let builder = builder.crash_directory(directory.path().join("missing"));
        let (told, said) = std::sync::mpsc::channel();
        let pipeline = builder.on_error(move |why| {
            let _ = told.send((why.to_owned(), channel::is_reader()));
        });
        let _pipeline = pipeline.start(Content::Records).unwrap();
        let (why, is_by_writer) = said.recv().unwrap();
        assert!(why.starts_with("records that wait do not outlive the process: "));
        assert!(is_by_writer);
    }
}
