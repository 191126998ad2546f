//! Where pages live: on the heap, or in a mapped file that outlives a process which is killed.
//!
//! The file lies on a tmpfs, so that it is memory like any other: no write to it and no page fault
//! waits for a disk. It outlives the process, however that ends, but not the machine. While the
//! process runs, its kernel lock says so; once it is gone, whoever opens the same sinks next finds
//! the lock free, and writes what was left behind.
//!
//! - In: requests for blocks; facts; what is being written to each sink.
//! - Out: blocks. Where the file cannot be made, or the tmpfs is full, they come from the heap, and
//!   [`Arena::safety`] says so.
//! - Runs on: any thread. A caller comes here only for a block that the pool does not have, and
//!   with a callsite that nobody has met before.
//! - Never: touches memory of the file that is not reserved, which would end in SIGBUS on a full
//!   tmpfs; allocates or logs under its lock.
//!
//! `layout` and `facts` say what is in the file, and `name` what it is called. `mapped` makes it and
//! writes it; on systems without such files, `unmapped` takes its place. `block` is the memory of one
//! page, in the file or not.

pub(crate) mod facts;
pub(crate) mod layout;
pub(crate) mod name;

#[cfg(not(any(offloop_loom, offloop_shuttle)))]
mod block;
#[cfg(any(offloop_loom, offloop_shuttle))]
#[path = "model.rs"]
mod block;
#[cfg(all(target_os = "linux", not(any(miri, offloop_loom, offloop_shuttle))))]
mod mapped;
#[cfg(not(all(target_os = "linux", not(any(miri, offloop_loom, offloop_shuttle)))))]
#[path = "unmapped.rs"]
mod mapped;
#[cfg(test)]
#[cfg(all(target_os = "linux", not(any(miri, offloop_loom, offloop_shuttle))))]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use self::block::{Block, Slice};
use self::facts::Fact;
use self::layout::{ClockCopy, End};
use self::mapped::Mapped;
pub(crate) use self::mapped::{Journal, boot_id, candidates, is_own};
use crate::stats::CrashSafety;

/// Below this budget the file's own structures would take too much of it.
pub(crate) const BUDGET_BYTES_MIN: usize = 1 << 20;

/// What the user wants, and what is known of the process before it has threads: a forked child can
/// ask for neither.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(all(target_os = "linux", not(any(miri, offloop_loom, offloop_shuttle)))),
    allow(dead_code, reason = "there is no file here that it would be for")
)]
pub(crate) struct ArenaPlan {
    /// Whether pages are to outlive the process. `None`: if that is possible and of use.
    pub(crate) is_wanted: Option<bool>,
    /// Where the file is to lie, if the user chose.
    pub(crate) directory: Option<PathBuf>,
    /// Where it may lie otherwise.
    pub(crate) candidates: Vec<PathBuf>,
    /// How the program was called.
    pub(crate) program: OsString,
    pub(crate) boot_id: [u8; 16],
}

impl ArenaPlan {
    /// What the user wants, here and now.
    pub(crate) fn new(is_wanted: Option<bool>, directory: Option<PathBuf>) -> Self {
        ArenaPlan {
            is_wanted,
            // The program may go elsewhere before the file is removed, or looked for in a child.
            directory: directory.map(|chosen| std::path::absolute(&chosen).unwrap_or(chosen)),
            candidates: candidates(),
            program: std::env::args_os().next().unwrap_or_default(),
            boot_id: mapped::boot_id(),
        }
    }

    /// Whether pages of a channel that one of them describes are as the other wants them.
    pub(crate) fn is_same_as(&self, other: &ArenaPlan) -> bool {
        self.is_wanted == other.is_wanted && self.directory == other.directory
    }

    /// Where files may lie of processes that had the same plan.
    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        let chosen = self.directory.iter();
        chosen.chain(&self.candidates).cloned().collect()
    }
}

/// Why there is no file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) why: String,
    /// Whether the operator should hear of it even if nobody asked for the file.
    pub(crate) is_alarming: bool,
}

impl Refusal {
    /// One that is no surprise: there is no use for a file, or this system offers none.
    pub(crate) fn expected(why: &str) -> Self {
        Refusal {
            why: why.to_owned(),
            is_alarming: false,
        }
    }

    /// One that has a cause which somebody can remove.
    #[cfg(all(target_os = "linux", not(any(miri, offloop_loom, offloop_shuttle))))]
    pub(crate) fn alarming(why: String) -> Self {
        Refusal {
            why,
            is_alarming: true,
        }
    }
}

/// Where the pages of one channel live.
#[derive(Debug)]
pub(crate) struct Arena(Result<Arc<Mapped>, Refusal>);

impl Arena {
    /// An arena without a file.
    pub(crate) fn on_heap(refusal: Refusal) -> Self {
        Arena(Err(refusal))
    }

    /// An arena in a file of its own, if one can be made. `journals` sinks will keep journals.
    pub(crate) fn in_file(
        plan: &ArenaPlan,
        page_bytes: usize,
        budget_bytes: usize,
        journals: usize,
    ) -> Self {
        if budget_bytes < BUDGET_BYTES_MIN {
            let why = "a budget below 1 MiB has no room for what surrounds the pages";
            return Arena::on_heap(Refusal::expected(why));
        }
        Arena(Mapped::create(plan, page_bytes, budget_bytes, journals))
    }

    /// Why there is no file.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        self.0.as_ref().err()
    }

    /// A block of `bytes`: in the file, or, where that has no room, on the heap.
    pub(crate) fn block(&self, bytes: usize) -> Block {
        match &self.0 {
            #[cfg(not(any(offloop_loom, offloop_shuttle)))]
            Ok(mapped) => mapped.block(bytes).unwrap_or_else(|| mapped.stopgap(bytes)),
            #[cfg(any(offloop_loom, offloop_shuttle))]
            Ok(_) => Block::on_heap(bytes),
            Err(_) => Block::on_heap(bytes),
        }
    }

    /// How many bytes are charged for a block that holds `bytes` and no more: what the system takes
    /// for it.
    pub(crate) fn block_bytes(&self, bytes: usize) -> usize {
        const SYSTEM_PAGE_BYTES: usize = 4096;
        match &self.0 {
            Ok(_) => bytes.next_multiple_of(SYSTEM_PAGE_BYTES),
            Err(_) => bytes,
        }
    }

    /// How many bytes the file takes beside the pages.
    pub(crate) fn overhead_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |mapped| mapped.overhead_bytes())
    }

    /// Whether the tmpfs had no room when it was last asked.
    pub(crate) fn is_full(&self) -> bool {
        self.0.as_ref().is_ok_and(|mapped| mapped.is_full())
    }

    /// Asks a full tmpfs once more.
    pub(crate) fn retry(&self) {
        self.0.iter().for_each(|mapped| mapped.retry());
    }

    /// Sees to it that a reader of the file knows all callsites that are on the list.
    pub(crate) fn tell_callsites(&self) {
        self.0.iter().for_each(|mapped| mapped.tell_callsites());
    }

    /// Whether callsites are to be told at all.
    pub(crate) fn is_in_file(&self) -> bool {
        self.0.is_ok()
    }

    /// Lets a reader of the file know something.
    pub(crate) fn tell(&self, fact: &Fact<'_>) {
        self.0.iter().for_each(|mapped| mapped.tell(fact));
    }

    /// Notes what the clocks say. For one thread at a time.
    pub(crate) fn note_clock(&self, clock: ClockCopy) {
        self.0.iter().for_each(|mapped| mapped.note_clock(clock));
    }

    /// Lets a reader of the file know how the process ends, should it come to that. Takes no lock: it may
    /// end anywhere.
    pub(crate) fn note_end(&self, end: End) {
        self.0.iter().for_each(|mapped| mapped.note_end(end));
    }

    /// The journal of the sink at `place`, if it may have one.
    pub(crate) fn journal(&self, place: usize) -> Option<Journal> {
        Journal::open(self.0.as_ref().ok()?, place)
    }

    /// What has changed for the operator since the last call.
    pub(crate) fn news(&self) -> Option<String> {
        self.0.as_ref().ok()?.news()
    }

    /// Removes the file: nothing in it is needed any more. Pages stay usable.
    pub(crate) fn discard(&self) {
        self.0.iter().for_each(|mapped| mapped.discard());
    }

    /// Whether records in the pages outlive the process, for a sink with a journal.
    pub(crate) fn safety(&self) -> CrashSafety {
        match &self.0 {
            Ok(mapped) => mapped.safety(),
            Err(refusal) => CrashSafety::Unsafe(refusal.why.clone()),
        }
    }
}
