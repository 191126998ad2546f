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
use crate::channel::arena::layout::Position;
use crate::channel::page::{Frame, PageReader};
use crate::channel::{Announcement, Inlet};

/// Time stamps of a lane do not follow a wall clock that goes back by less than this. One that
/// goes back further was set by somebody, and is followed.
const STEP_BACK_NS: i64 = 1_000_000_000;

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

    /// How far every page is read of whose records the sink has not accepted all that were read.
    pub(crate) fn positions(&self) -> impl Iterator<Item = Position> {
        let fronts = self.lanes.iter().flat_map(|lane| lane.pages.front());
        let pages = self.finished.iter().chain(fronts);
        pages
            .filter(|page| !page.is_settled())
            .filter_map(PageReader::position)
    }

    /// Notes that the sink has, or counted as lost, all that was read.
    pub(crate) fn settle(&mut self) {
        let fronts = self
            .lanes
            .iter_mut()
            .flat_map(|lane| lane.pages.front_mut());
        let pages = self.finished.iter_mut().chain(fronts);
        pages.for_each(PageReader::settle);
    }

    /// Lets go of the pages that were read, now that the sink has what they held.
    pub(crate) fn release_finished(&mut self, mut put: impl FnMut(PageReader)) {
        self.finished.drain(..).for_each(&mut put);
        self.forget_ended_lanes();
    }

    /// Drops the newest full pages until the pages held have at most `bytes_max`, and passes each
    /// to `drop`. A page that a lane appends to is never dropped: records yet to come would be lost
    /// unseen. Neither is one of which records are on their way to the sink: how far it is written
    /// is noted once they are there.
    pub(crate) fn drop_newest(&mut self, bytes_max: usize, mut drop: impl FnMut(PageReader)) {
        let mut held: usize = self.lanes.iter().map(LaneQueue::held_bytes).sum();
        while bytes_max < held {
            let droppable = self.lanes.iter_mut().filter_map(|lane| {
                let place = lane.pages.iter().rposition(may_be_dropped)?;
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

fn may_be_dropped(page: &PageReader) -> bool {
    page.is_sealed() && page.is_settled()
}

impl Source {
    /// The time stamp of the lane's next record, of which the clock says that it is from `time_ns`.
    pub(crate) fn date(&mut self, time_ns: i64) -> i64 {
        let latest_ns = self.latest_ns;
        let steps_back = time_ns < latest_ns && latest_ns.saturating_sub(time_ns) < STEP_BACK_NS;
        if !steps_back {
            self.latest_ns = time_ns;
        }
        self.latest_ns
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
                let len = frame.record().len();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Sleeper;
    use crate::channel::page::{IdlePage, PageWriter};
    use crate::channel::sync::Queue;

    const PAGE_BYTES: usize = 1024;

    /// A page of lane `lane` with records of these ticks, announced to `merge`.
    fn announce(merge: &mut Merge, lane: u64, all_ticks: &[u64]) -> PageWriter {
        let inlet = Inlet {
            announced: Queue::new(1),
            sleeper: Sleeper::default(),
        };
        let mut writer = IdlePage::new(PAGE_BYTES).open(1, |page| {
            let thread = Arc::default();
            assert!(
                inlet
                    .announced
                    .push(Announcement { lane, thread, page })
                    .is_ok()
            );
        });
        for ticks in all_ticks {
            assert!(writer.append(lane as u8, *ticks, b"record"));
        }
        merge.collect(&inlet);
        writer
    }

    fn drain(merge: &mut Merge, horizon: u64) -> Vec<(u8, u64)> {
        let mut seen = Vec::new();
        let flow = merge.drain(horizon, |frame, _| {
            seen.push((frame.level, frame.ticks));
            ControlFlow::Continue(())
        });
        assert!(flow.is_continue());
        seen
    }

    #[test]
    fn lanes_become_one_stream_in_order_of_time() {
        let mut merge = Merge::default();
        let _a = announce(&mut merge, 1, &[1, 4, 5]);
        let _b = announce(&mut merge, 2, &[2, 3, 6]);
        let expected = [(1, 1), (2, 2), (2, 3), (1, 4), (1, 5), (2, 6)];
        assert_eq!(drain(&mut merge, 10), expected);
    }

    #[test]
    fn nothing_behind_the_horizon_is_taken_before_its_time() {
        let mut merge = Merge::default();
        let _a = announce(&mut merge, 1, &[1, 4]);
        let _b = announce(&mut merge, 2, &[3, 5]);
        assert_eq!(drain(&mut merge, 3), [(1, 1), (2, 3)]);
        assert_eq!(drain(&mut merge, 3), []);
        assert_eq!(drain(&mut merge, 5), [(1, 4), (2, 5)]);
    }

    #[test]
    fn a_lane_goes_on_from_page_to_page_and_pages_are_released_when_told() {
        let mut merge = Merge::default();
        let first = announce(&mut merge, 1, &[1, 2]);
        assert!(first.seal().is_none());
        let second = announce(&mut merge, 1, &[3]);
        assert_eq!(drain(&mut merge, 10), [(1, 1), (1, 2), (1, 3)]);
        let mut released = 0;
        merge.release_finished(|page| released += usize::from(page.release().is_some()));
        assert_eq!((released, merge.lanes.len()), (1, 1));
        assert!(second.seal().is_none());
        assert_eq!(drain(&mut merge, 10), []);
        merge.release_finished(|page| released += usize::from(page.release().is_some()));
        assert_eq!((released, merge.lanes.len()), (2, 0));
    }

    #[test]
    fn whoever_has_enough_goes_on_later_where_he_stopped() {
        let mut merge = Merge::default();
        let _a = announce(&mut merge, 1, &[1, 3]);
        let _b = announce(&mut merge, 2, &[2, 4]);
        let mut seen = Vec::new();
        let mut take_two = |frame: &Frame<'_>, _: &mut Source| {
            seen.push(frame.ticks);
            if seen.len() % 2 == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        assert!(merge.drain(10, &mut take_two).is_break());
        assert!(merge.drain(10, &mut take_two).is_break());
        assert!(merge.drain(10, &mut take_two).is_continue());
        assert_eq!(seen, [1, 2, 3, 4]);
    }

    #[test]
    fn the_newest_full_pages_are_dropped_and_never_the_one_in_use() {
        let mut merge = Merge::default();
        let mut dropped = Vec::new();
        for ticks in 1..=4 {
            assert!(announce(&mut merge, 1, &[ticks]).seal().is_none());
        }
        let _in_use = announce(&mut merge, 1, &[5]);
        merge.drop_newest(2 * PAGE_BYTES, |page| {
            dropped.extend(page.next().map(|frame| frame.ticks))
        });
        assert_eq!(dropped, [4, 3, 2]);
        assert_eq!(drain(&mut merge, 10), [(1, 1), (1, 5)]);
    }
}
