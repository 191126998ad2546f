//! Many lanes become one stream, in the order in which things happened.
//!
//! Each lane is in order already. The merge repeatedly takes the record with the smallest ticks,
//! but none that is younger than a horizon, which the writer took before it looked into the pages:
//!
//! Let B happen after A: A's push returned before B's began, maybe on another thread. If the
//! writer's look did not find A, A was pushed after the horizon was taken; so B's ticks lie behind
//! the horizon and B is left for the next look, which finds A as well. What happened before is
//! therefore before in the file, across threads and tasks that move between them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::capture::record::ThreadLabel;
use crate::channel::page::{Frame, PageReader};
use crate::channel::{Announcement, Inlet};

/// All that waits for one sink.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    lanes: Vec<LaneQueue>,
    /// Where in `lanes` the lane with a number is.
    places: HashMap<u64, usize>,
    /// Pages that were read to their end, but whose records the sink has not accepted yet.
    finished: Vec<PageReader>,
    /// The next ticks of every lane that has a record before the horizon, smallest first.
    next: BinaryHeap<Reverse<(u64, usize)>>,
}

#[derive(Debug)]
struct LaneQueue {
    number: u64,
    source: Source,
    pages: VecDeque<PageReader>,
}

/// What the writer knows of a lane beside its pages.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) thread: Arc<ThreadLabel>,
    /// The time stamp of its latest record.
    pub(crate) latest_ns: i64,
}

impl Merge {
    /// Takes in the pages that were announced.
    pub(crate) fn collect(&mut self, inlet: &Inlet) {
        while let Some(Announcement { lane, thread, page }) = inlet.announced.pop() {
            let place = *self.places.entry(lane).or_insert_with(|| {
                let source = Source {
                    thread,
                    latest_ns: i64::MIN,
                };
                self.lanes.push(LaneQueue {
                    number: lane,
                    source,
                    pages: VecDeque::new(),
                });
                self.lanes.len() - 1
            });
            self.lanes[place].pages.push_back(page);
        }
    }

    /// Passes records up to `horizon` to `emit`, in order, until there is none left or `emit`
    /// has enough. Says whether some may be left.
    pub(crate) fn drain(
        &mut self,
        horizon: u64,
        mut emit: impl FnMut(&Frame<'_>, &mut Source) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Merge {
            lanes,
            next,
            finished,
            ..
        } = self;
        next.clear();
        for (place, lane) in lanes.iter_mut().enumerate() {
            if let Some(ticks) = lane.next_ticks(finished).filter(|ticks| *ticks <= horizon) {
                next.push(Reverse((ticks, place)));
            }
        }
        while let Some(Reverse((_, place))) = next.pop() {
            let until = next.peek().map_or(horizon, |Reverse((ticks, _))| *ticks);
            let lane = &mut lanes[place];
            lane.drain(until, finished, &mut emit)?;
            if let Some(ticks) = lane.next_ticks(finished).filter(|ticks| *ticks <= horizon) {
                next.push(Reverse((ticks, place)));
            }
        }
        ControlFlow::Continue(())
    }

    /// Lets go of the pages that were read, now that the sink has what they held.
    pub(crate) fn release_finished(&mut self, mut put: impl FnMut(PageReader)) {
        self.finished.drain(..).for_each(&mut put);
        self.forget_ended_lanes();
    }

    /// Drops the newest full pages until the pages held have at most `bytes_max`, and passes each to
    /// `drop`. A page that a lane appends to is never dropped: records yet to come would be lost
    /// unseen.
    pub(crate) fn drop_newest(&mut self, bytes_max: usize, mut drop: impl FnMut(PageReader)) {
        let mut held: usize = self.lanes.iter().map(LaneQueue::held_bytes).sum();
        while bytes_max < held {
            let droppable = self.lanes.iter_mut().filter_map(|lane| {
                let place = lane.pages.iter().rposition(PageReader::is_sealed)?;
                Some((lane, place))
            });
            let largest = droppable.max_by_key(|(lane, _)| lane.held_bytes());
            let Some(page) = largest.and_then(|(lane, place)| lane.pages.remove(place)) else {
                return;
            };
            held -= page.capacity();
            drop(page);
        }
    }

    fn forget_ended_lanes(&mut self) {
        let mut place = 0;
        while place < self.lanes.len() {
            if !self.lanes[place].pages.is_empty() {
                place += 1;
                continue;
            }
            let ended = self.lanes.swap_remove(place);
            self.places.remove(&ended.number);
            if let Some(moved) = self.lanes.get(place) {
                self.places.insert(moved.number, place);
            }
        }
    }
}

impl LaneQueue {
    fn held_bytes(&self) -> usize {
        self.pages.iter().map(PageReader::capacity).sum()
    }

    /// The ticks of the next record, if it is there. Moves on to the next page where one is done.
    fn next_ticks(&mut self, finished: &mut Vec<PageReader>) -> Option<u64> {
        loop {
            let page = self.pages.front()?;
            if let Some(frame) = page.next() {
                return Some(frame.ticks);
            }
            if !page.is_finished() {
                return None;
            }
            finished.extend(self.pages.pop_front());
        }
    }

    /// Emits records up to `until`.
    fn drain(
        &mut self,
        until: u64,
        finished: &mut Vec<PageReader>,
        emit: &mut impl FnMut(&Frame<'_>, &mut Source) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        while let Some(page) = self.pages.front_mut() {
            while let Some(frame) = page.next() {
                if until < frame.ticks {
                    return ControlFlow::Continue(());
                }
                let flow = emit(&frame, &mut self.source);
                let len = frame.record.len();
                page.advance(len);
                flow?;
            }
            if !page.is_finished() {
                break;
            }
            finished.extend(self.pages.pop_front());
        }
        ControlFlow::Continue(())
    }
}
