//! Stage 2, channel: the crossing between the threads that log and those that write.
//!
//! - In: encoded records, from any thread, each through its own [`Lane`].
//! - Out: the same records, in each lane's order, to every reader: one reader for each sink.
//! - Runs on: the caller's thread (`Lane::push`), the writer threads (`Inlet`).
//! - Never: grows beyond its budget; takes a lock; makes a system call for a record; blocks the
//!   caller unless [`Overflow::Block`] was chosen.
//!
//! A lane appends to a page of its own, so that logging threads share nothing while they log. Only
//! when a page is full does the thread touch common ground: it takes an idle page from the [`Pool`]
//! and announces it to every reader. Readers look into announced pages whenever they please; nobody
//! has to tell them about a single record. They are woken only when pages pile up, since waking a
//! sleeping thread costs the caller more than everything else together.

#![deny(clippy::disallowed_methods)]

pub(crate) mod arena;
pub(crate) mod barrier;
pub(crate) mod lane;
#[cfg(all(offloop_loom, test))]
mod model;
pub(crate) mod overflow;
pub(crate) mod page;
mod patience;
pub(crate) mod pool;
mod sleeper;
pub(crate) mod sync;
#[cfg(all(test, not(any(offloop_loom, offloop_shuttle))))]
mod tests;
pub(crate) mod ticks;

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};

pub(crate) use self::patience::{
    as_reader_of, is_reader, is_reader_of, may_wait_until, waiting_until, without_waiting,
};
pub(crate) use self::sleeper::Sleeper;

use self::arena::Arena;
use self::overflow::{LaneCounters, LossReason, Overflow, SharedCounters, is_urgent};
use self::page::{IdlePage, PageReader, PageWriter};
use self::pool::{Pool, page_bytes_for};
use self::sync::{AtomicU64, AtomicUsize, Instant, Mutex, Ordering, Queue};
use crate::capture::known;
use crate::capture::record::ThreadLabel;
use crate::deadline;

/// How many announced pages wait before a sleeping reader is woken.
const WAKE_PAGES_MAX: usize = 32;

/// How long a caller under back-pressure waits before it looks again by itself.
const ROOM_POLL: Duration = Duration::from_millis(5);

/// The number of the lane that threads without one share.
const SHARED_LANE: u64 = 0;

/// The readers have stopped: a caller then sees to its record itself.
const CLOSED: usize = 1;

/// Records go to another channel: this one takes none any more.
const MOVED: usize = 2;

/// A reader sleeps until it is woken: whoever hands over a record does so.
const DOZING: usize = 4;

/// The crossing: one for each pipeline.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) pool: Pool,
    overflow: Overflow,
    inlets: Vec<Arc<Inlet>>,
    wake_pages: usize,
    lanes: boxcar::Vec<SharedCounters>,
    /// Counters whose thread has ended.
    unused_counters: (Sender<SharedCounters>, Receiver<SharedCounters>),
    /// Counters of records that were logged where a thread has no lane any more.
    shared_counters: SharedCounters,
    shared_page: Mutex<SharedPage>,
    lane_numbers: AtomicU64,
    /// Callers under back-pressure, and what tells them of a page.
    waiting: AtomicUsize,
    room: Queue<()>,
    /// Any of [`CLOSED`], [`MOVED`] and [`DOZING`], or 0, as it is while records come.
    state: AtomicUsize,
    /// How many callsites the arena has been told of. There is no end to it without a file.
    callsites_told: AtomicUsize,
}

/// What threads append to that have no lane any more.
#[derive(Debug, Default)]
struct SharedPage {
    page: Option<PageWriter>,
    latest_ticks: u64,
}

/// A page that a lane has begun, as one reader gets to know it.
#[derive(Debug)]
pub(crate) struct Announcement {
    pub(crate) lane: u64,
    pub(crate) thread: Arc<ThreadLabel>,
    pub(crate) page: PageReader,
}

/// Where one reader hears of new pages.
#[derive(Debug)]
pub(crate) struct Inlet {
    pub(crate) announced: Queue<Announcement>,
    pub(crate) sleeper: Sleeper,
}

impl SharedPage {
    /// The time now. Within a lane it never goes back, whichever core tells it.
    fn next_ticks(&mut self) -> u64 {
        self.latest_ticks = ticks::now().max(self.latest_ticks);
        self.latest_ticks
    }
}

impl Channel {
    /// Makes a channel to `readers` readers, on the heap.
    #[cfg(test)]
    pub(crate) fn new(budget_bytes: usize, overflow: Overflow, readers: usize) -> Self {
        let arena = Arena::on_heap(arena::Refusal::expected("this is a test"));
        Channel::in_arena(budget_bytes, overflow, readers, arena)
    }

    /// Makes a channel to `readers` readers, whose pages live in `arena`.
    pub(crate) fn in_arena(
        budget_bytes: usize,
        overflow: Overflow,
        readers: usize,
        arena: Arena,
    ) -> Self {
        let callsites_told = if arena.is_in_file() { 0 } else { usize::MAX };
        let pool = Pool::in_arena(budget_bytes, page_bytes_for(budget_bytes), arena);
        let pages_max = pool.pages_max();
        let inlet = || Inlet {
            announced: Queue::new(pages_max),
            sleeper: Sleeper::default(),
        };
        let shared_counters = Arc::new(LaneCounters::new(readers));
        Channel {
            inlets: (0..readers).map(|_| Arc::new(inlet())).collect(),
            wake_pages: (pages_max / 8).clamp(1, WAKE_PAGES_MAX),
            lanes: boxcar::vec![Arc::clone(&shared_counters)],
            unused_counters: crossbeam_channel::unbounded(),
            shared_counters,
            shared_page: Mutex::default(),
            lane_numbers: AtomicU64::new(SHARED_LANE + 1),
            waiting: AtomicUsize::new(0),
            room: Queue::new(1),
            state: AtomicUsize::new(0),
            callsites_told: AtomicUsize::new(callsites_told),
            pool,
            overflow,
        }
    }

    pub(crate) fn inlets(&self) -> &[Arc<Inlet>] {
        &self.inlets
    }

    /// The counters of all lanes that there ever were.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = &LaneCounters> {
        self.lanes.iter().map(|(_, counters)| &**counters)
    }

    /// Says that readers have stopped. See [`is_closed`](Self::is_closed).
    pub(crate) fn close(&self) {
        self.state.fetch_or(CLOSED, Ordering::Release);
    }

    /// Takes that back: they go on.
    pub(crate) fn reopen(&self) {
        self.state.fetch_and(!CLOSED, Ordering::Release);
    }

    /// Whether the readers have stopped, so that whoever pushes must see to it that his record is
    /// read. Relaxed: a record that slips through is read at the process's end.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.state.load(Ordering::Relaxed) & CLOSED != 0
    }

    /// Says that records go to another channel, which whoever looks for it finds by now. After a
    /// [heavy barrier](barrier::heavy), what this one is given at all is counted.
    pub(crate) fn leave(&self) {
        // Pairs with the Acquire load in `has_moved`.
        self.state.fetch_or(MOVED, Ordering::Release);
    }

    /// Whether records go to another channel, which can be found then.
    pub(crate) fn has_moved(&self) -> bool {
        // Pairs with the Release in `leave`.
        self.state.load(Ordering::Acquire) & MOVED != 0
    }

    /// Whether it is closed or has moved. Relaxed: see there.
    #[inline]
    pub(crate) fn has_ended(&self) -> bool {
        self.state.load(Ordering::Relaxed) & (CLOSED | MOVED) != 0
    }

    /// Lets a reader sleep until the next record, unless there has been one: what was handed over
    /// before this returns and does not wake it is [counted](Self::handed_over) by then.
    pub(crate) fn let_doze(&self) {
        // Pairs with the light barrier of whoever hands over a record.
        self.state.fetch_or(DOZING, Ordering::Relaxed);
        barrier::heavy();
    }

    /// Whether whoever has counted a record, and passed a [light barrier](barrier::light), has to
    /// [look closer](Self::rouse).
    #[inline]
    fn is_out_of_the_ordinary(&self) -> bool {
        self.state.load(Ordering::Relaxed) != 0
    }

    /// Wakes readers that doze. Says no if the channel has ended.
    #[cold]
    fn rouse(&self) -> bool {
        // Of several callers one pays for the system call.
        let state = self.state.fetch_and(!DOZING, Ordering::Relaxed);
        if state & DOZING != 0 {
            self.wake_readers();
        }
        state & (CLOSED | MOVED) == 0
    }

    /// How many records there have been, those included that found no room.
    pub(crate) fn handed_over(&self) -> u64 {
        self.lanes().flat_map(LaneCounters::accepted).sum()
    }

    /// Where the pages live.
    pub(crate) fn arena(&self) -> &Arena {
        &self.pool.arena
    }

    /// Sees to it that whoever finds the pages after a crash can read the records that are about to
    /// be appended.
    #[inline]
    fn tell_callsites(&self) {
        // Pairs with the Release in `tell_new_callsites`.
        if self.callsites_told.load(Ordering::Acquire) < known::count() {
            self.tell_new_callsites();
        }
    }

    #[cold]
    fn tell_new_callsites(&self) {
        let count = known::count();
        self.arena().tell_callsites();
        // Pairs with the Acquire in `tell_callsites`.
        self.callsites_told.fetch_max(count, Ordering::Release);
    }

    /// Hands over a record from a thread that has no lane: one whose thread-local storage is
    /// gone. Such threads share a lane. One that finds it in use takes a page of its own instead
    /// of waiting. Says no if records go to another channel.
    pub(crate) fn push_alone(&self, level: u8, record: &[u8]) -> bool {
        self.shared_counters.accept_shared(level);
        barrier::light();
        if self.is_out_of_the_ordinary() {
            self.rouse();
        }
        if self.has_moved() {
            self.shared_counters.take_back_shared(level);
            return false;
        }
        self.tell_callsites();
        let pushed = match self.shared_page.try_lock() {
            Ok(mut shared) => self.push_shared(&mut shared, level, record),
            Err(_) => self.take_or_wait(record.len(), level).map(|page| {
                let mut page = self.open(page, self.next_number(), &Arc::default());
                page.append(level, ticks::now(), record);
                self.put(page.seal());
            }),
        };
        if let Err(reason) = pushed {
            self.lose(reason, level);
        }
        true
    }

    /// Counts a record that has no lane and is not handed over, for want of anybody who would write
    /// it.
    pub(crate) fn refuse(&self, level: u8, reason: LossReason) {
        self.shared_counters.accept_shared(level);
        self.lose(reason, level);
    }

    /// Counts the loss of a record that has no lane.
    fn lose(&self, reason: LossReason, level: u8) {
        let lost = &self.shared_counters.lost;
        lost.count(reason, level, ticks::now());
    }

    fn push_shared(
        &self,
        shared: &mut SharedPage,
        level: u8,
        record: &[u8],
    ) -> Result<(), LossReason> {
        let ticks = shared.next_ticks();
        if let Some(page) = &mut shared.page
            && page.append(level, ticks, record)
        {
            return Ok(());
        }
        let fresh = self.take_or_wait(record.len(), level)?;
        if let Some(full) = shared.page.take() {
            self.put(full.seal());
        }
        let mut fresh = self.open(fresh, SHARED_LANE, &Arc::default());
        // Time went by if the caller had to wait for the page.
        fresh.append(level, shared.next_ticks(), record);
        if self.pool.is_large(record.len()) {
            // The page is as large as its record, and nobody may come for a long time.
            self.put(fresh.seal());
        } else {
            shared.page = Some(fresh);
        }
        self.wake_readers_if_behind();
        Ok(())
    }

    /// Takes back what a holder of a page got when it let go.
    pub(crate) fn put(&self, page: Option<IdlePage>) {
        self.pool.put(page);
        if self.waiting.load(Ordering::Relaxed) != 0 {
            let _ = self.room.push(());
        }
    }

    /// Wakes every reader that sleeps.
    pub(crate) fn wake_readers(&self) {
        for inlet in &self.inlets {
            inlet.sleeper.wake();
        }
    }

    /// Whether so many pages wait at this inlet that its reader should not sleep.
    pub(crate) fn is_behind(&self, inlet: &Inlet) -> bool {
        self.wake_pages <= inlet.announced.len()
    }

    /// Whether callers wait for room, so that nothing may be dropped to make some.
    pub(crate) fn blocks_callers(&self) -> bool {
        matches!(self.overflow, Overflow::Block { .. })
    }

    fn wake_readers_if_behind(&self) {
        for inlet in self.inlets.iter().filter(|inlet| self.is_behind(inlet)) {
            inlet.sleeper.wake();
        }
    }

    /// A number and counters for a new lane.
    fn enter(&self) -> (u64, SharedCounters) {
        let counters = self.unused_counters.1.try_recv().unwrap_or_else(|_| {
            let counters = Arc::new(LaneCounters::new(self.inlets.len()));
            self.lanes.push(Arc::clone(&counters));
            counters
        });
        (self.next_number(), counters)
    }

    fn keep_counters(&self, counters: SharedCounters) {
        let _ = self.unused_counters.0.send(counters);
    }

    fn next_number(&self) -> u64 {
        self.lane_numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Puts a page to use and announces it to all readers.
    fn open(&self, page: IdlePage, lane: u64, thread: &Arc<ThreadLabel>) -> PageWriter {
        let mut inlets = self.inlets.iter();
        page.label(lane, thread);
        page.open(self.inlets.len(), |page| {
            let announcement = Announcement {
                lane,
                thread: Arc::clone(thread),
                page,
            };
            if let Some(inlet) = inlets.next()
                // Cannot be full: it has room for every page that the budget allows.
                && let Err(announcement) = inlet.announced.push(announcement)
            {
                self.put(announcement.page.release());
            }
        })
    }

    fn take_page(&self, len: usize, level: u8) -> Result<IdlePage, LossReason> {
        if !self.pool.can_hold(len, is_urgent(level)) {
            return Err(LossReason::Oversize);
        }
        let page = self.pool.take(len, is_urgent(level));
        page.ok_or(LossReason::QueueFull)
    }

    fn take_or_wait(&self, len: usize, level: u8) -> Result<IdlePage, LossReason> {
        match self.take_page(len, level) {
            Err(LossReason::QueueFull) => self.wait_for_page(len, level),
            taken => taken,
        }
    }

    /// Back-pressure, where it was chosen.
    fn wait_for_page(&self, len: usize, level: u8) -> Result<IdlePage, LossReason> {
        self.wake_readers();
        self.wait_if_allowed(len, level)
            .ok_or(LossReason::QueueFull)
    }

    fn wait_if_allowed(&self, len: usize, level: u8) -> Option<IdlePage> {
        let Overflow::Block { at_most } = self.overflow else {
            return None;
        };
        if self.is_closed() || runs_async_tasks() || is_reader() {
            return None;
        }
        let deadline = may_wait_until(deadline::after(at_most))?;
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let page = loop {
            if let Some(page) = self.pool.take(len, is_urgent(level)) {
                // There may be more room: pass the word on.
                let _ = self.room.push(());
                break Some(page);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break None;
            }
            let _ = self.room.pop_within(left.min(ROOM_POLL));
            self.wake_readers();
        };
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        page
    }
}

/// Whether the current thread carries async tasks, which would all wait with it.
fn runs_async_tasks() -> bool {
    #[cfg(feature = "tokio")]
    return tokio::runtime::Handle::try_current().is_ok();
    #[cfg(not(feature = "tokio"))]
    return false;
}
