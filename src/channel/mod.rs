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
mod room;
mod shared;
mod sleeper;
mod state;
pub(crate) mod sync;
#[cfg(all(test, not(any(offloop_loom, offloop_shuttle))))]
mod tests;
pub(crate) mod ticks;

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

pub(crate) use self::patience::{
    as_reader_of, is_reader, is_reader_of, may_wait_until, waiting_until, without_waiting,
};
pub(crate) use self::sleeper::Sleeper;

use self::arena::Arena;
use self::overflow::{LaneCounters, Overflow, SharedCounters};
use self::page::{IdlePage, PageReader, PageWriter};
use self::pool::{Pool, page_bytes_for};
use self::shared::{SHARED_LANE, SharedPage};
use self::sync::{AtomicU64, AtomicUsize, Mutex, Ordering, Queue};
use crate::capture::known;
use crate::capture::record::ThreadLabel;

/// How many announced pages wait before a sleeping reader is woken.
const WAKE_PAGES_MAX: usize = 32;

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
    /// What is out of the ordinary; 0 while records come.
    state: AtomicUsize,
    /// How many callsites the arena has been told of. There is no end to it without a file.
    callsites_told: AtomicUsize,
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
}
