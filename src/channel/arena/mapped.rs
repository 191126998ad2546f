//! The mapped file: making it, handing out its slots, writing facts into it.

#![expect(unsafe_code, reason = "a file is used as memory")]

use std::fs::File;
use std::io;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, compiler_fence};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{FallocateFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};
use rustix::process::Resource;

use super::block::Block;
use super::facts::{self, Fact};
use super::layout::{
    ClockCopy, FACTS_BYTES_MAX, HEADER_BYTES, JOURNALS_MAX, Layout, Owner, header, slot,
};
use super::live::LivePath;
use super::{ArenaPlan, Refusal, directory, name};
use crate::capture::known;
use crate::capture::record::ThreadLabel;
use crate::channel::sync::Queue;
use crate::channel::ticks;
use crate::fork;
use crate::stats::CrashSafety;

/// Facts and batches get room in steps of this.
pub(super) const STEP_BYTES: u64 = 64 << 10;

/// How many names are tried.
const NAMES_MAX: u32 = 16;

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
    clock_notes: AtomicU32,
}

/// What a reader of the file has been told.
#[derive(Debug, Default)]
struct Told {
    used_bytes: u64,
    reserved_bytes: u64,
    /// All callsites before this place of the list.
    callsites: usize,
}

// SAFETY: `memory` stays mapped as long as `self` lives. What several threads access in it are
// words, as atomics. The bytes of facts are written under the lock of `told`, those of a journal by
// its one owner, and those of a slot by the one who was given it.
unsafe impl Send for Mapped {}
// SAFETY: as for `Send`.
unsafe impl Sync for Mapped {}

impl Mapped {
    /// Makes a file in the first directory that serves.
    pub(super) fn create(
        plan: &ArenaPlan,
        page_bytes: usize,
        budget_bytes: usize,
        journals: usize,
    ) -> Result<Arc<Self>, Refusal> {
        let journals = journals.min(JOURNALS_MAX) as u32;
        let layout = Layout::new(page_bytes as u64, budget_bytes as u64, journals)
            .ok_or_else(|| Refusal::expected("pages of that size have no place in a file"))?;
        let directory = match &plan.directory {
            Some(chosen) => directory::first_usable(std::slice::from_ref(chosen)),
            None => directory::first_usable(&plan.candidates),
        }?;
        let limit = rustix::process::getrlimit(Resource::Fsize).current;
        if limit.is_some_and(|limit| limit < layout.file_bytes()) {
            // Making the file would end the process by SIGXFSZ.
            let why = "the limit of the size of files (ulimit -f) is too low";
            return Err(Refusal::alarming(why.to_owned()));
        }
        Mapped::create_in(directory, layout, plan).map_err(|error| {
            let directory = directory.display();
            Refusal::alarming(format!("make a file of pages in {directory}: {error}"))
        })
    }

    fn create_in(directory: &Path, layout: Layout, plan: &ArenaPlan) -> io::Result<Arc<Self>> {
        let (file, live) = open_new(directory)?;
        let path = live.path().to_owned();
        let made = Mapped::map(file, live, layout, plan).and_then(|mapped| {
            std::fs::rename(name::unfinished(&path), &path)?;
            Ok(Arc::new(mapped))
        });
        if made.is_err() {
            let _ = std::fs::remove_file(name::unfinished(&path));
        }
        made
    }

    /// Makes a new file one of pages. Nobody else knows it yet.
    fn map(file: File, live: LivePath, layout: Layout, plan: &ArenaPlan) -> io::Result<Self> {
        rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive)?;
        let file_bytes = layout.file_bytes();
        rustix::fs::ftruncate(&file, file_bytes)?;
        rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, HEADER_BYTES)?;
        let mut header = [0; HEADER_BYTES as usize];
        layout.write_header(&mut header, &owner(plan));
        rustix::io::pwrite(&file, &header, 0)?;
        let len = usize::try_from(file_bytes).map_err(io::Error::other)?;
        let (access, sharing) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: a new mapping at a place that the system chooses overlaps nothing. The file
        // belongs to this process: others of this user only read it once its lock is free.
        let memory =
            unsafe { rustix::mm::mmap(std::ptr::null_mut(), len, access, sharing, &file, 0) }?;
        let memory = NonNull::new(memory.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let slots_of = |class| layout.slots_of(class) as usize;
        Ok(Mapped {
            layout,
            file,
            live,
            memory,
            generation: fork::generation(),
            free: (0..layout.classes())
                .map(|class| Queue::new(slots_of(class)))
                .collect(),
            uses: AtomicU64::new(0),
            told: Mutex::default(),
            overhead_bytes: AtomicUsize::new(HEADER_BYTES as usize),
            stopgaps: AtomicUsize::new(0),
            is_full: AtomicBool::new(false),
            was_full: AtomicBool::new(false),
            is_untold: AtomicBool::new(false),
            is_discarded: AtomicBool::new(false),
            clock_notes: AtomicU32::new(0),
        })
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn overhead_bytes(&self) -> usize {
        self.overhead_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// A block of `bytes` in a slot, if the tmpfs has room.
    pub(super) fn block(self: &Arc<Self>, bytes: usize) -> Option<Block> {
        if self.is_full() {
            return None;
        }
        let class = self.layout.class_for(bytes as u64)?;
        let free = self.free.get(class as usize)?;
        let slot = free.pop().or_else(|| self.make_slot(class))?;
        let (page, _) = self.layout.page(slot.into())?;
        // The slot as well, should there have been no room for it the first time.
        let reserved = self.reserve(self.slot(slot), slot::SLOT_BYTES);
        if reserved
            .and_then(|()| self.reserve(page, bytes as u64))
            .is_err()
        {
            self.is_full.store(true, Ordering::Relaxed);
            // For when there is room again. Until then it reads as one that was never used.
            let _ = free.push(slot);
            return None;
        }
        let state = self.word(self.slot(slot) + slot::STATE as u64).into();
        let bytes_at = self.at(page);
        // SAFETY: slot and page were reserved just now, and the slot was taken out of the free ones or
        // never used.
        Some(unsafe { Block::in_slot(Arc::clone(self), slot, state, bytes_at, bytes) })
    }

    /// A block on the heap for want of room.
    pub(super) fn stopgap(self: &Arc<Self>, bytes: usize) -> Block {
        self.stopgaps.fetch_add(1, Ordering::Relaxed);
        Block::instead_of_slot(bytes, Some(Arc::clone(self)))
    }

    pub(super) fn forget_stopgap(&self) {
        self.stopgaps.fetch_sub(1, Ordering::Relaxed);
    }

    /// Asks a full tmpfs for a page; if there is room, for all that come later as well.
    pub(super) fn retry(self: &Arc<Self>) {
        if self.is_full.swap(false, Ordering::Relaxed) {
            // Dropped at once: only whether there is one matters.
            let _ = self.block(self.layout.page_bytes() as usize);
        }
    }

    /// Takes a slot back. Its memory goes back to the system.
    pub(super) fn give_back(&self, slot: u32, bytes: usize) {
        if !self.is_of_this_process() {
            return;
        }
        let place = self.layout.page(slot.into());
        if let (Some((page, _)), Some(class)) = (place, self.layout.class_of(slot.into())) {
            // Nothing is in a page that reads as zeros.
            self.word(self.slot(slot) + slot::STATE as u64)
                .store(0, Ordering::Release);
            let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            // Where that fails the memory stays with the slot until its next use.
            let _ = rustix::fs::fallocate(&self.file, hole, page, bytes as u64);
            let _ = self.free[class as usize].push(slot);
        }
    }

    /// Says whose page a slot will be. Whenever the process is killed, a reader finds what was in
    /// the slot before, and all of it settled, or nothing, or the new label.
    pub(super) fn label(&self, slot: u32, lane: u64, thread: &ThreadLabel) {
        let at = self.slot(slot);
        self.word(at + slot::STATE as u64)
            .store(1, Ordering::Release);
        // What a killed thread has done is what stands before the instruction that it did not reach:
        // as with a signal, it is the compiler alone that must not change the order.
        compiler_fence(Ordering::SeqCst);
        for word in 0..JOURNALS_MAX as u64 / 2 {
            self.word(at + slot::WRITTEN as u64 + 8 * word)
                .store(0, Ordering::Relaxed);
        }
        let number = 1 + self.uses.fetch_add(1, Ordering::Relaxed);
        let words = [
            (slot::LANE, lane),
            (slot::THREAD, thread.id),
            (slot::USE, number),
        ];
        for (offset, value) in words {
            self.word(at + offset as u64)
                .store(value, Ordering::Relaxed);
        }
        let name = thread.name.as_deref().unwrap_or_default();
        let name = &name[..name.floor_char_boundary(slot::NAME_BYTES_MAX)];
        let name_at = at + slot::NAME as u64;
        // SAFETY: the name lies within the slot, which is reserved, and nobody else accesses it.
        unsafe { self.write(name_at, &[name.len() as u8]) };
        // SAFETY: as above; it was cut to the room that there is.
        unsafe { self.write(name_at + 1, name.as_bytes()) };
        compiler_fence(Ordering::SeqCst);
    }

    /// Notes how far a sink has written a slot's page.
    pub(super) fn settle(&self, slot: u32, place: usize, position: u32) {
        if place < JOURNALS_MAX {
            let at = self.slot(slot) + slot::WRITTEN as u64 + 4 * place as u64;
            // SAFETY: it lies within the slot, which is reserved, is aligned, and is accessed as
            // an atomic of this size or, by the one who uses the slot anew, as half of a larger one
            // while nobody else does.
            let written = unsafe { self.at(at).cast::<AtomicU32>().as_ref() };
            written.store(position, Ordering::Release);
        }
    }

    /// Which use of a slot it is.
    pub(super) fn use_of(&self, slot: u32) -> u64 {
        self.word(self.slot(slot) + slot::USE as u64)
            .load(Ordering::Relaxed)
    }

    /// Lets a reader know all callsites that are on the list by now.
    #[expect(
        clippy::disallowed_methods,
        reason = "held by whoever meets a callsite that is new to the process, for as long as writing it takes"
    )]
    pub(super) fn tell_callsites(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = told.callsites;
        for (place, metadata) in known::list_from(told.callsites) {
            let address = known::address_of(metadata) as u64;
            self.append(&mut told, |room| {
                facts::write_callsite(room, address, metadata)
            });
            if place == next {
                next += 1;
            }
        }
        // Behind a gap some are told again: the one in the gap is not on the list yet.
        told.callsites = next;
    }

    /// Lets a reader know something. Not if the thread is doing that already, as it may be when it
    /// panics.
    pub(super) fn tell(&self, fact: &Fact<'_>) {
        if let Ok(mut told) = self.told.try_lock() {
            self.append(&mut told, |room| facts::write_fact(room, fact));
        }
    }

    /// Appends a fact where there is room for it, and makes room as long as it is allowed.
    fn append(&self, told: &mut Told, mut write: impl FnMut(&mut [u8]) -> Option<usize>) {
        loop {
            let start = self.layout.facts() + told.used_bytes;
            let room = told.reserved_bytes - told.used_bytes;
            // SAFETY: the range is reserved, behind the facts that are valid, and only accessed
            // by the one who holds the lock of `told`.
            let room =
                unsafe { std::slice::from_raw_parts_mut(self.at(start).as_ptr(), room as usize) };
            if let Some(bytes) = write(room) {
                told.used_bytes += bytes as u64;
                // Release: a fact is complete before it counts.
                self.word(header::FACTS_USED as u64)
                    .store(told.used_bytes, Ordering::Release);
                return;
            }
            let end = self.layout.facts() + told.reserved_bytes;
            if FACTS_BYTES_MAX <= told.reserved_bytes || !self.reserve_beside(end, STEP_BYTES) {
                self.is_untold.store(true, Ordering::Relaxed);
                return;
            }
            told.reserved_bytes += STEP_BYTES;
        }
    }

    /// Notes what the clocks say, for one thread at a time.
    pub(super) fn note_clock(&self, clock: ClockCopy) {
        let stamp = 1 + self.clock_notes.fetch_add(1, Ordering::Relaxed);
        let copy = header::CLOCK_COPY_BYTES as u64 * u64::from(stamp % 2);
        self.overwrite(header::CLOCK as u64 + copy, stamp.into(), &clock.words());
    }

    /// Overwrites one of two copies, so that it is invalid while it is half done.
    pub(super) fn overwrite(&self, at: u64, stamp: u64, words: &[u64]) {
        self.word(at).store(0, Ordering::Release);
        compiler_fence(Ordering::SeqCst);
        for (place, value) in words.iter().enumerate() {
            self.word(at + 8 + 8 * place as u64)
                .store(*value, Ordering::Relaxed);
        }
        compiler_fence(Ordering::SeqCst);
        self.word(at).store(stamp, Ordering::Release);
    }

    pub(super) fn news(&self) -> Option<String> {
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

    pub(super) fn safety(&self) -> CrashSafety {
        let stopgaps = self.stopgaps.load(Ordering::Relaxed);
        let directory = self.directory().display();
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
    pub(super) fn discard(&self) {
        if self.is_of_this_process() && !self.is_discarded.swap(true, Ordering::Relaxed) {
            let _ = std::fs::remove_file(self.live.path());
        }
    }

    /// Reserves memory that is charged beside the pages, at most half of the budget in all.
    pub(super) fn reserve_beside(&self, start: u64, bytes: u64) -> bool {
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
    pub(super) fn word(&self, offset: u64) -> &AtomicU64 {
        debug_assert!(offset.is_multiple_of(8));
        // SAFETY: offsets come from the layout, so they are aligned and within the mapping, which
        // lives as long as `self`. Words are only ever accessed as atomics.
        unsafe { self.at(offset).cast::<AtomicU64>().as_ref() }
    }

    /// # Safety
    ///
    /// The range belongs to one region of the layout and is reserved, and nobody else accesses it.
    pub(super) unsafe fn write(&self, offset: u64, bytes: &[u8]) {
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

    /// A slot of a class that was never used.
    fn make_slot(&self, class: u32) -> Option<u32> {
        let made = self.word(header::MADE as u64 + 8 * u64::from(class));
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        let more = |made| Some(made + 1).filter(|made| *made <= self.layout.slots_of(class));
        let place = made.fetch_update(set, fetch, more).ok()?;
        let slot = u32::try_from(self.layout.first_slot_of(class) + place).ok()?;
        self.overhead_bytes
            .fetch_add(slot::SLOT_BYTES as usize, Ordering::Relaxed);
        Some(slot)
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

/// Opens a file that nobody has, under the name that it has until it is complete.
fn open_new(directory: &Path) -> io::Result<(File, LivePath)> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    let mut refused = Errno::EXIST;
    for _ in 0..NAMES_MAX {
        let name = name::name(std::process::id(), any_number());
        // Before it can be found.
        let live = LivePath::new(directory.join(name));
        match rustix::fs::open(name::unfinished(live.path()), flags, mode) {
            Ok(file) => return Ok((file.into(), live)),
            Err(Errno::EXIST) => {}
            Err(errno) => {
                refused = errno;
                break;
            }
        }
    }
    Err(refused.into())
}

/// A number that is hardly drawn twice. Needs no lock of the system library's.
fn any_number() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    let drawn = DRAWN.fetch_add(1, Ordering::Relaxed);
    RandomState::new().hash_one((ticks::now(), drawn, std::process::id()))
}

fn owner(plan: &ArenaPlan) -> Owner {
    let started = SystemTime::now().duration_since(UNIX_EPOCH);
    Owner {
        pid: std::process::id(),
        started_ns: started.map_or(0, |since| since.as_nanos() as i64),
        boot_id: plan.boot_id,
        ticks_kind: ticks::kind(),
    }
}

/// The system's number of this boot; zero where it has none.
pub(crate) fn boot_id() -> [u8; 16] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let digits = text.unwrap_or_default().replace('-', "");
    u128::from_str_radix(digits.trim(), 16).map_or([0; 16], u128::to_be_bytes)
}
