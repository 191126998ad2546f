//! Makes the writers of a plan, each with a sink of its own: one that was opened, or one that another
//! writer will leave to it.

use std::sync::Arc;

use super::{Plan, Running, SinkPlan};
use crate::channel::Channel;
use crate::channel::arena::Journal;
use crate::crash::Keeping;
use crate::drain::SinkState;
use crate::drain::change::{Change, Predecessor};
use crate::drain::line::LineWriter;
use crate::drain::worker::{Common, Worker};
use crate::format;
use crate::recovery::replay::Replay;
use crate::recovery::scan::Scan;
use crate::sink::{Sink, Target};

/// Where a writer gets its sink from.
pub(super) enum Source {
    /// It was opened. `None` in a forked child, for a sink that only its parent can use.
    Opened(Option<Box<dyn Sink>>),
    /// The one at this place of what ran before leaves it to him.
    LeftBy(usize),
}

impl Source {
    pub(super) fn origin(&self) -> Option<usize> {
        match self {
            Source::Opened(_) => None,
            Source::LeftBy(place) => Some(*place),
        }
    }
}

/// What the threads are to know of each sink.
pub(super) fn states(
    channel: &Channel,
    plan: &Plan,
    sources: &[Source],
    keepings: &[Keeping],
) -> Arc<[SinkState]> {
    let places = channel
        .inlets()
        .iter()
        .zip(sources)
        .zip(&plan.sinks)
        .zip(keepings);
    places
        .map(|(((inlet, source), sink), keeping)| {
            let (name, destination) = (sink.name.clone(), sink.target.destination());
            let inlet = Arc::clone(inlet);
            let mut state = SinkState::new(name, destination, inlet, sources.len());
            state.crash_unsafe = keeping.crash_unsafe;
            state.is_usable = !matches!(source, Source::Opened(None));
            state.keep_audits(sink.keeps_audits());
            state
        })
        .collect()
}

/// What the writers are made from.
pub(super) struct Making<'p> {
    pub(super) plan: &'p Plan,
    pub(super) common: Common,
    /// What runs, whose sinks some of them are to go on with.
    pub(super) before: Option<&'p Arc<Running>>,
    /// What dead processes have left, for those whose sinks were opened.
    pub(super) left_behind: Option<Arc<Scan>>,
}

impl Making<'_> {
    pub(super) fn worker(&self, place: usize, source: Source, journal: Option<Journal>) -> Worker {
        let (plan, sink_plan) = (self.plan, &self.plan.sinks[place]);
        let lines = LineWriter::new(
            plan.content,
            format::make(&sink_plan.format),
            sink_plan.filter.clone(),
        );
        let lines = lines.redacting(Arc::clone(&plan.redactor));
        let (common, complaints) = (self.common.clone(), plan.complaints.clone());
        let mut worker = match source {
            Source::Opened(sink) => {
                let worker = Worker::new(common, place, sink, lines, complaints);
                let mut worker = worker.syncing(sink_plan.sync);
                self.replay_first(&mut worker, &sink_plan.target);
                worker
            }
            Source::LeftBy(former) => {
                let mut worker = Worker::new(common, place, None, lines, complaints);
                if let Some(before) = self.before {
                    let sinks = Arc::clone(before.drain().sinks());
                    let predecessor = Predecessor {
                        sinks,
                        place: former,
                    };
                    worker.follow(predecessor, sink_plan.change(plan));
                }
                worker
            }
        };
        worker.keep_journal(journal);
        worker.report_of(&plan.limiter);
        worker
    }

    /// What dead processes left comes before anything else.
    fn replay_first(&self, worker: &mut Worker, target: &Target) {
        if let Some((scan, path)) = self.left_behind.as_ref().zip(target.path()) {
            let (scan, complaints) = (Arc::clone(scan), self.plan.complaints.clone());
            worker.replay_first(Replay::new(path, scan, complaints));
        }
    }
}

impl SinkPlan {
    /// How the sink is to be written to, for a writer that has it already or will be left it.
    pub(super) fn change(&self, plan: &Plan) -> Change {
        Change {
            format: format::make(&self.format),
            filter: self.filter.clone(),
            redactor: Arc::clone(&plan.redactor),
            sync: self.sync,
            file: match &self.target {
                Target::File(plan) => Some(plan.clone()),
                _ => None,
            },
            delays: plan.delays,
        }
    }
}
