//! What of a pipeline is to outlive the process, should that be killed: which sinks, and what a
//! reader of the pages is told of them.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::channel::arena::facts::{Fact, SinkFact};
use crate::channel::arena::layout::JOURNALS_MAX;
use crate::channel::arena::{Arena, Journal, Refusal};
use crate::channel::pool::page_bytes_for;
use crate::drain::line::Content;
use crate::pipeline::{Plan, SinkPlan};
use crate::sink::file::canonical;

/// What one sink has to do with it.
#[derive(Debug)]
pub(crate) struct Keeping {
    pub(crate) journal: Option<Journal>,
    /// Why records on their way to this sink never outlive the process.
    pub(crate) crash_unsafe: Option<&'static str>,
}

/// Makes the arena for the pages of a pipeline whose sinks are open.
pub(crate) fn arena_of(plan: &Plan) -> Arena {
    let arena = make_arena(plan);
    let program = plan.arena.program.to_string_lossy();
    arena.tell(&Fact::Process { program: &program });
    tell_rules(&arena, plan);
    arena
}

/// What is to be said of an arena that could not be made as it was wanted. Not here: who hears of it
/// may log, and what logs may be what has the arena made.
pub(crate) fn complaint_of(plan: &Plan, arena: &Arena) -> Option<String> {
    let Refusal { why, is_alarming } = arena.refusal()?;
    let is_news = *is_alarming || is_asked_for(plan);
    is_news.then(|| format!("records that wait do not outlive the process: {why}"))
}

/// Lets a reader of the pages know what must not be in the lines that it writes.
pub(crate) fn tell_rules(arena: &Arena, plan: &Plan) {
    let redaction = plan.redactor.told();
    arena.tell(&Fact::Rules { redaction });
}

fn make_arena(plan: &Plan) -> Arena {
    if plan.arena.is_wanted == Some(false) {
        return Arena::on_heap(Refusal::expected("switched off"));
    }
    let is_of_use = plan.content == Content::Records
        && plan
            .sinks
            .iter()
            .take(JOURNALS_MAX)
            .any(|sink| sink.target.regular_path().is_some());
    if !is_of_use {
        return Arena::on_heap(Refusal::expected("only for files"));
    }
    let page_bytes = page_bytes_for(plan.budget_bytes);
    Arena::in_file(&plan.arena, page_bytes, plan.budget_bytes, plan.sinks.len())
}

/// What the sink at `place` has to do with it. Lets a reader of the pages know of the sink.
pub(crate) fn keeping(arena: &Arena, sink: &SinkPlan, place: usize) -> Keeping {
    let never = |why| Keeping {
        journal: None,
        crash_unsafe: Some(why),
    };
    let Some(path) = sink.target.regular_path() else {
        return never("only for files");
    };
    if JOURNALS_MAX <= place {
        return never("only for the first 16 sinks");
    }
    let journal = arena.journal(place);
    if journal.is_none() && arena.is_in_file() {
        return never("no room to note what is on its way to it");
    }
    tell_of(arena, sink, path, place);
    Keeping {
        journal,
        crash_unsafe: None,
    }
}

/// Lets a reader of the pages know that the sink at `place` is written to otherwise from now on.
pub(crate) fn tell_change(arena: &Arena, sink: &SinkPlan, place: usize) {
    if let Some(path) = sink.target.regular_path().filter(|_| place < JOURNALS_MAX) {
        tell_of(arena, sink, path, place);
    }
}

fn tell_of(arena: &Arena, sink: &SinkPlan, path: &Path, place: usize) {
    arena.tell(&Fact::Sink(SinkFact {
        place: place as u32,
        path: canonical(path).as_os_str().as_bytes(),
        format: &sink.format.told(),
        filter: sink.directives.as_deref(),
    }));
}

fn is_asked_for(plan: &Plan) -> bool {
    plan.arena.is_wanted == Some(true) || plan.arena.directory.is_some()
}
