//! The file of pages, mapped into memory.
//!
//! `directory` finds a place for it, `create` makes it, `live` keeps this process from opening it a
//! second time. Then `slots` hands out its pages, `told` writes facts into it, and `journal` notes
//! what is on its way into a sink.

#![expect(unsafe_code, reason = "a file is used as memory")]

mod create;
mod directory;
mod journal;
mod live;
mod slots;
mod told;

use std::fs::File;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, compiler_fence};

use rustix::fs::FallocateFlags;

pub(crate) use self::create::boot_id;
pub(crate) use self::directory::candidates;
pub(crate) use self::journal::Journal;
use self::live::LivePath;
pub(crate) use self::live::is_own;
use self::told::Told;
use super::layout::{ClockCopy, End, Layout, header};
use crate::channel::sync::Queue;
use crate::fork;
use crate::stats::CrashSafety;

/// Facts and batches get room in steps of this.
const STEP_BYTES: u64 = 64 << 10;

/// A file of pages, mapped into memory.
#[derive(Debug)]
pub(crate) struct Mapped {
    layout: Layout,
    /// Holds the lock. Closed before its path is let go of: who opened it in between would lose the
    /// lock that he believes to have.
    file: File,
    live: LivePath,
    memory: NonNull<u8>,
    /// Which process made it: no other may touch it.
    generation: u64,
    /// For each class, slots that were used and given back.
    free: Vec<Queue<u32>>,
    /// Counts the uses of all slots.
    uses: AtomicU64,
    told: Mutex<Told>,
    /// What is reserved beside pages.
    overhead_bytes: AtomicUsize,
    /// Pages that are on the heap for want of room.
    stopgaps: AtomicUsize,
    is_full: AtomicBool,
    was_full: AtomicBool,
    /// Whether there was no room for a fact.
    is_untold: AtomicBool,
    is_discarded: AtomicBool,
    /// Whether somebody else has removed the file's name.
    is_removed: AtomicBool,
    clock_notes: AtomicU64,
}

// SAFETY: `memory` stays mapped as long as `self` lives. What several threads access in it are
// words, as atomics. The bytes of facts are written under the lock of `told`, those of a journal by
// its one owner, and those of a slot by the one who was given it.
unsafe impl Send for Mapped {}
// SAFETY: as for `Send`.
unsafe impl Sync for Mapped {}

impl Mapped {
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn overhead_bytes(&self) -> usize {
        self.overhead_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// Notes what the clocks say, for one thread at a time.
    pub(crate) fn note_clock(&self, clock: ClockCopy) {
        let stamp = 1 + self.clock_notes.fetch_add(1, Ordering::Relaxed);
        let copy = header::CLOCK_COPY_BYTES as u64 * (stamp % 2);
        self.overwrite(header::CLOCK as u64 + copy, stamp, &clock.words());
    }

    pub(crate) fn note_end(&self, end: End) {
        // Relaxed: who reads it does so once this process is gone.
        self.word(header::END as u64)
            .store(end.word(), Ordering::Relaxed);
    }

    /// Overwrites one of two copies, so that it is invalid while it is half done.
    pub(crate) fn overwrite(&self, at: u64, stamp: u64, words: &[u64]) {
        self.word(at).store(0, Ordering::Release);
        compiler_fence(Ordering::SeqCst);
        for (place, value) in words.iter().enumerate() {
            self.word(at + 8 + 8 * place as u64)
                .store(*value, Ordering::Relaxed);
        }
        compiler_fence(Ordering::SeqCst);
        self.word(at).store(stamp, Ordering::Release);
    }

    pub(crate) fn news(&self) -> Option<String> {
        self.news_of_removal().or_else(|| self.news_of_room())
    }

    /// That nobody will find the pages, once: what a user has in memory may be cleaned away when his
    /// last session ends.
    fn news_of_removal(&self) -> Option<String> {
        if self.is_removed.load(Ordering::Relaxed) || self.is_discarded.load(Ordering::Relaxed) {
            return None;
        }
        let found = rustix::fs::fstat(&self.file).ok()?;
        // Relaxed: it publishes nothing.
        let is_news = found.st_nlink == 0 && !self.is_removed.swap(true, Ordering::Relaxed);
        let path = self.live.path().display();
        is_news.then(|| {
            format!(
                "{path} was removed: records that wait for their sinks do not outlive the process"
            )
        })
    }

    fn news_of_room(&self) -> Option<String> {
        let is_full = self.is_full();
        if self.was_full.swap(is_full, Ordering::Relaxed) == is_full {
            return None;
        }
        let directory = self.directory().display();
        Some(if is_full {
            format!(
                "no room in {directory}: records that wait for their sinks do not outlive the process"
            )
        } else {
            format!("there is room in {directory} again: records that wait outlive the process")
        })
    }

    pub(crate) fn safety(&self) -> CrashSafety {
        let stopgaps = self.stopgaps.load(Ordering::Relaxed);
        let directory = self.directory().display();
        if self.is_removed.load(Ordering::Relaxed) {
            let why = format!("{} was removed", self.live.path().display());
            return CrashSafety::Unsafe(why);
        }
        if stopgaps != 0 {
            let why = format!("{directory} had no room for {stopgaps} of the pages");
            return CrashSafety::Unsafe(why);
        }
        if self.is_untold.load(Ordering::Relaxed) {
            let why = format!("{directory} or the budget had no room to describe all callsites");
            return CrashSafety::Unsafe(why);
        }
        CrashSafety::Safe(self.directory().to_owned())
    }

    /// Removes the file's name. What is mapped stays mapped.
    pub(crate) fn discard(&self) {
        if self.is_of_this_process() && !self.is_discarded.swap(true, Ordering::Relaxed) {
            let _ = std::fs::remove_file(self.live.path());
        }
    }

    /// Reserves memory that is charged beside the pages, at most half of the budget in all.
    pub(crate) fn reserve_beside(&self, start: u64, bytes: u64) -> bool {
        let most = self.layout.budget_bytes() as usize / 2;
        let allowed = |overhead: usize| Some(overhead + bytes as usize).filter(|sum| *sum <= most);
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        if self
            .overhead_bytes
            .fetch_update(set, fetch, allowed)
            .is_err()
        {
            return false;
        }
        let reserved = self.reserve(start, bytes).is_ok();
        if !reserved {
            self.overhead_bytes
                .fetch_sub(bytes as usize, Ordering::Relaxed);
        }
        reserved
    }

    /// The word at an offset. It must be reserved.
    pub(crate) fn word(&self, offset: u64) -> &AtomicU64 {
        debug_assert!(offset.is_multiple_of(8));
        // SAFETY: offsets come from the layout, so they are aligned and within the mapping, which
        // lives as long as `self`. Words are only ever accessed as atomics.
        unsafe { self.at(offset).cast::<AtomicU64>().as_ref() }
    }

    /// # Safety
    ///
    /// The range belongs to one region of the layout and is reserved, and nobody else accesses it.
    unsafe fn write(&self, offset: u64, bytes: &[u8]) {
        let target = self.at(offset);
        // SAFETY: by this function's contract; what is written comes from elsewhere.
        unsafe { target.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
    }

    fn at(&self, offset: u64) -> NonNull<u8> {
        debug_assert!(offset <= self.layout.file_bytes());
        // SAFETY: offsets come from the layout, so they are within the mapping.
        unsafe { self.memory.add(offset as usize) }
    }

    fn slot(&self, slot: u32) -> u64 {
        self.layout.slot(slot.into())
    }

    /// Has the system back a range with memory, so that touching it cannot fail.
    fn reserve(&self, start: u64, bytes: u64) -> rustix::io::Result<()> {
        rustix::io::retry_on_intr(|| {
            rustix::fs::fallocate(&self.file, FallocateFlags::empty(), start, bytes)
        })
    }

    fn directory(&self) -> &Path {
        let path = self.live.path();
        path.parent().unwrap_or(path)
    }

    fn is_of_this_process(&self) -> bool {
        self.generation == fork::generation()
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // Where nobody has said that nothing in it is needed, the file stays, and is found by its name.
        let len = self.layout.file_bytes() as usize;
        // SAFETY: it was mapped with this length, and nothing that refers to it is left: blocks hold
        // the arena.
        let _ = unsafe { rustix::mm::munmap(self.memory.as_ptr().cast(), len) };
    }
}
