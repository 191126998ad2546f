//! The memory budget: every byte that waits for a writer is part of a page from here.

use std::time::Duration;

use super::arena::Arena;
#[cfg(test)]
use super::arena::Refusal;
use super::page::{IdlePage, frame_bytes};
use super::sync::{AtomicBool, AtomicUsize, Ordering, Queue};

/// How many idle pages there are at least, so that a caller seldom has to make one: the first
/// touch of fresh memory costs more than all else that it does.
const SPARE_PAGES: usize = 8;

/// What was needed lately is forgotten in about this time: half of it in two thirds. Sooner, and each
/// burst would have to make its pages anew.
const FORGETTING: Duration = Duration::from_secs(3);

/// How many pages more than needed are given back to the system at a time.
const FREED_PAGES_MAX: usize = 16;

/// All pages of a channel, made on demand and used again and again.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) arena: Arena,
    budget_bytes: usize,
    page_bytes: usize,
    /// Bytes of the pages in use. Idle pages beside them may take what is left of the budget.
    used_bytes: AtomicUsize,
    /// What was in use when the pool was last tended, the most that was since then, and the most that
    /// lately was.
    tended_bytes: AtomicUsize,
    peak_bytes: AtomicUsize,
    recent_peak_bytes: AtomicUsize,
    pub(super) idle: Queue<IdlePage>,
    /// Whether the readers have ended, so that hardly anybody needs a page any more.
    is_closed: AtomicBool,
}

impl Pool {
    /// Makes a pool on the heap that will not exceed `budget_bytes`, which is at least one page.
    #[cfg(test)]
    pub(crate) fn new(budget_bytes: usize, page_bytes: usize) -> Self {
        let arena = Arena::on_heap(Refusal::expected("this is a test"));
        Pool::in_arena(budget_bytes, page_bytes, arena)
    }

    /// Makes a pool that will not exceed `budget_bytes`, which is at least one page.
    pub(crate) fn in_arena(budget_bytes: usize, page_bytes: usize, arena: Arena) -> Self {
        let budget_bytes = budget_bytes.max(page_bytes);
        Pool {
            arena,
            budget_bytes,
            page_bytes,
            used_bytes: AtomicUsize::new(0),
            tended_bytes: AtomicUsize::new(0),
            peak_bytes: AtomicUsize::new(0),
            recent_peak_bytes: AtomicUsize::new(0),
            idle: Queue::new(budget_bytes / page_bytes),
            is_closed: AtomicBool::new(false),
        }
    }

    /// How many pages can be in use at once.
    pub(crate) fn pages_max(&self) -> usize {
        self.budget_bytes / self.page_bytes
    }

    pub(crate) fn budget_bytes(&self) -> usize {
        self.budget_bytes
    }

    /// Whether a record of `len` bytes can ever fit.
    pub(crate) fn can_hold(&self, len: usize, urgent: bool) -> bool {
        // A frame tells its length in 32 bits.
        u32::try_from(len).is_ok() && self.bytes_for(len) <= self.limit(urgent)
    }

    /// Whether a record of `len` bytes gets a page of its own size.
    pub(crate) fn is_large(&self, len: usize) -> bool {
        self.page_bytes < frame_bytes(len)
    }

    /// Takes a page with room for a record of `len` bytes: a warm one, else a new one, or one of
    /// its own size for a record that is larger than a page. `None` if the budget does not allow
    /// it. Only `urgent` records may use the last eighth.
    pub(crate) fn take(&self, len: usize, urgent: bool) -> Option<IdlePage> {
        let bytes = self.bytes_for(len);
        if !self.charge(bytes, urgent) {
            return None;
        }
        if self.is_large(len) {
            self.make_room_for_idle();
            return Some(self.make(bytes));
        }
        Some(self.idle.pop().unwrap_or_else(|| self.make(bytes)))
    }

    /// Takes back a page that its last holder let go of.
    pub(crate) fn put(&self, page: Option<IdlePage>) {
        let Some(page) = page else { return };
        let bytes = page.capacity();
        if self.keeps(&page) {
            // A full queue cannot be: it has room for every page. Then the page would be freed.
            let _ = self.idle.push(page);
        } else {
            drop(page);
        }
        // The page comes first: pairs with the Acquire in `charge`, so that whoever may have a page
        // because of this one finds it and does not make another beside it.
        self.used_bytes.fetch_sub(bytes, Ordering::Release);
    }

    /// Whether a page that nobody uses is of use later.
    fn keeps(&self, page: &IdlePage) -> bool {
        // A page that had to make do with the heap makes room for one in the file.
        let is_in_place = !page.is_stopgap() || self.arena.is_full();
        // Relaxed: what is put back at this very moment is a page or two.
        let is_open = !self.is_closed.load(Ordering::Relaxed);
        page.capacity() == self.page_bytes && is_in_place && is_open
    }

    /// Keeps no idle pages from now on: the readers have ended. Threads that log no more may hold
    /// the channel for as long as they live, and what is kept would be kept for nobody.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        while self.idle.pop().is_some() {}
    }

    /// How many pages nobody uses.
    #[cfg(test)]
    pub(crate) fn idle(&self) -> usize {
        self.idle.len()
    }

    /// Whether records below `WARN` must not take more pages.
    pub(crate) fn is_reserved(&self) -> bool {
        self.limit(false) < self.used_bytes.load(Ordering::Relaxed)
    }

    /// Sees to it that there are idle pages, but not many more than were needed lately. For a
    /// writer thread, one at a time, with the time that has `passed` since it was last done: it takes
    /// from callers what would hold them up.
    pub(crate) fn tend(&self, passed: Duration) {
        if self.is_closed.load(Ordering::Relaxed) {
            return;
        }
        let used = self.used_bytes();
        let peak = self.peak_bytes.swap(used, Ordering::Relaxed);
        let before = self.tended_bytes.swap(used, Ordering::Relaxed);
        // While more and more wait, as many are ready as were needed until now.
        let ready = SPARE_PAGES.max(peak.saturating_sub(before) / self.page_bytes);
        let recent = self.recent_peak_bytes.load(Ordering::Relaxed);
        let forgotten = passed.div_duration_f64(FORGETTING).min(1.0);
        let recent = peak.max((recent as f64 * (1.0 - forgotten)) as usize);
        self.recent_peak_bytes.store(recent, Ordering::Relaxed);
        let spare = recent.saturating_sub(used) / self.page_bytes + ready;
        for _ in 0..self.idle.len().saturating_sub(spare).min(FREED_PAGES_MAX) {
            drop(self.idle.pop());
        }
        if self.arena.is_full() {
            self.arena.retry();
        }
        // The room is looked at anew for each page: callers that are faster take it, and make their own.
        let room = || self.limit(false).saturating_sub(self.used_bytes()) / self.page_bytes;
        for _ in 0..ready {
            if self.idle.len() >= ready.min(room()) {
                break;
            }
            let _ = self.idle.push(self.make(self.page_bytes).touched());
        }
    }

    pub(crate) fn used_bytes(&self) -> usize {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// The size of the page for a record of `len` bytes.
    fn bytes_for(&self, len: usize) -> usize {
        if self.is_large(len) {
            self.arena.block_bytes(frame_bytes(len))
        } else {
            self.page_bytes
        }
    }

    fn make(&self, bytes: usize) -> IdlePage {
        IdlePage::in_block(self.arena.block(bytes))
    }

    fn charge(&self, bytes: usize, urgent: bool) -> bool {
        let limit = self.limit(urgent);
        // Nothing is added before it is known to fit: an attempt that fails must not make that of
        // another thread fail too. Failure is Relaxed: nothing follows from it.
        let charged = |used: usize| Some(used + bytes).filter(|used| *used <= limit);
        let before = self
            .used_bytes
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, charged);
        if let Ok(before) = before {
            self.peak_bytes.fetch_max(before + bytes, Ordering::Relaxed);
        }
        before.is_ok()
    }

    /// Bytes that may be in use. Below the size of a few pages there is nothing to keep back.
    fn limit(&self, urgent: bool) -> usize {
        // What surrounds the pages comes out of the budget as well: never more than half of it.
        let budget_bytes = self
            .budget_bytes
            .saturating_sub(self.arena.overhead_bytes());
        let reserve = self.budget_bytes / 8;
        if urgent || reserve < self.page_bytes {
            budget_bytes
        } else {
            budget_bytes.saturating_sub(reserve)
        }
    }

    /// Frees idle pages until they and the pages in use fit the budget together.
    fn make_room_for_idle(&self) {
        let limit = self.limit(true);
        while limit < self.used_bytes() + self.idle.len() * self.page_bytes {
            if self.idle.pop().is_none() {
                break;
            }
        }
    }
}

/// The size of pages for a budget: large enough that a hand-over is rare, small enough that many
/// threads find one each, and not so many that their queues take much room: these are made at once.
pub(crate) fn page_bytes_for(budget_bytes: usize) -> usize {
    const PAGE_BYTES_MAX: usize = 32 * 1024;
    const PAGES_MAX: usize = 128 * 1024;
    // Loom and shuttle explore small worlds.
    const PAGE_BYTES_MIN: usize = if cfg!(any(offloop_loom, offloop_shuttle)) {
        64
    } else {
        1024
    };
    let wanted = budget_bytes / 128;
    let rounded = if wanted.is_power_of_two() {
        wanted
    } else {
        wanted.next_power_of_two() / 2
    };
    let fewest = budget_bytes.div_ceil(PAGES_MAX).next_power_of_two();
    rounded.clamp(PAGE_BYTES_MIN, PAGE_BYTES_MAX.max(fewest))
}
