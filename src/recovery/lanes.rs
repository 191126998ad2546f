//! The records that a dead process left for one sink, in the order in which things happened.
//!
//! As in the live merge, each lane is in order, and the smallest ticks come first. There is no
//! horizon: nothing will come any more. Nothing here is trusted: a frame that cannot be ends its
//! page.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::io;
use std::sync::Arc;

use super::bytes::Bytes;
use crate::capture::record::{RECORD_BYTES_MAX, ThreadLabel};
use crate::channel::arena::layout::Position;
use crate::channel::page::{FRAME_HEADER_BYTES, frame_bytes, parse_header};
use crate::drain::merge::Source;

/// How much is read at once, for all lanes together, and for one.
const WINDOWS_BYTES_MAX: usize = 16 << 20;
const WINDOW_BYTES_MAX: usize = 32 << 10;

/// A page as its slot describes it, with what a sink has not written of it.
#[derive(Clone, Debug)]
pub(super) struct LeftPage {
    pub(super) slot: u32,
    /// Which use of the slot.
    pub(super) number: u64,
    pub(super) lane: u64,
    pub(super) thread: ThreadLabel,
    /// Where in the file the page begins.
    pub(super) offset: u64,
    pub(super) position: u32,
    pub(super) committed: u32,
}

/// Records in order of time.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    /// The next ticks of every lane that has a record, smallest first.
    next: BinaryHeap<Reverse<(u64, usize)>>,
    /// The ends of pages that could not be read that far.
    pub(super) damaged: Vec<Position>,
}

#[derive(Debug)]
struct Lane {
    source: Source,
    pages: VecDeque<LeftPage>,
    window: Window,
}

/// A piece of a page that was read ahead.
#[derive(Debug)]
struct Window {
    bytes_max: usize,
    slot: u32,
    start: u32,
    bytes: Vec<u8>,
}

/// A record that was left behind.
#[derive(Debug)]
pub(super) struct LeftRecord<'a> {
    pub(super) ticks: u64,
    pub(super) bytes: &'a [u8],
}

impl Lanes {
    pub(super) fn new(mut pages: Vec<LeftPage>, file: &Bytes) -> io::Result<Self> {
        pages.sort_by_key(|page| page.number);
        let mut lanes = Lanes::default();
        let mut places = HashMap::new();
        for page in pages {
            let place = *places.entry(page.lane).or_insert_with(|| {
                lanes.lanes.push(Lane::new(page.thread.clone()));
                lanes.lanes.len() - 1
            });
            lanes.lanes[place].pages.push_back(page);
        }
        let bytes_max = WINDOWS_BYTES_MAX / lanes.lanes.len().max(1);
        for place in 0..lanes.lanes.len() {
            lanes.lanes[place].window.bytes_max = bytes_max.min(WINDOW_BYTES_MAX);
            lanes.queue(place, file)?;
        }
        Ok(lanes)
    }

    /// Passes the next record to `emit`, and tells how far that brings its page. `None` at the end.
    pub(super) fn next(
        &mut self,
        file: &Bytes,
        emit: impl FnOnce(&LeftRecord<'_>, &mut Source),
    ) -> io::Result<Option<Position>> {
        let Some(Reverse((_, place))) = self.next.pop() else {
            return Ok(None);
        };
        let lane = &mut self.lanes[place];
        let Some(page) = lane.pages.front_mut() else {
            return Ok(None);
        };
        let mut end = page.committed;
        if let Some(record) = lane.window.record(page, file)? {
            emit(&record, &mut lane.source);
            end = page
                .position
                .saturating_add(frame_bytes(record.bytes.len()) as u32);
        }
        page.position = end;
        let reached = page.reached();
        self.queue(place, file)?;
        Ok(Some(reached))
    }

    /// Notes when the next record of a lane is from, if it has one.
    fn queue(&mut self, place: usize, file: &Bytes) -> io::Result<()> {
        let lane = &mut self.lanes[place];
        while let Some(page) = lane.pages.front_mut() {
            if page.position < page.committed {
                if let Some(record) = lane.window.record(page, file)? {
                    self.next.push(Reverse((record.ticks, place)));
                    return Ok(());
                }
                page.position = page.committed;
                self.damaged.push(page.reached());
            }
            lane.pages.pop_front();
        }
        // Whole lanes may be done long before the others.
        lane.window.bytes = Vec::new();
        Ok(())
    }
}

impl Lane {
    fn new(thread: ThreadLabel) -> Self {
        Lane {
            source: Source {
                thread: Arc::new(thread),
                latest_ns: i64::MIN,
            },
            pages: VecDeque::new(),
            window: Window {
                bytes_max: 0,
                slot: u32::MAX,
                start: 0,
                bytes: Vec::new(),
            },
        }
    }
}

impl LeftPage {
    fn reached(&self) -> Position {
        Position {
            number: self.number,
            slot: self.slot,
            position: self.position,
        }
    }
}

impl Window {
    /// The record at the page's position. `None` if there is none that could be.
    fn record(&mut self, page: &LeftPage, file: &Bytes) -> io::Result<Option<LeftRecord<'_>>> {
        let Some(header) = self.bytes(page, FRAME_HEADER_BYTES, file)? else {
            return Ok(None);
        };
        let Some((len, _level, ticks)) = parse_header(header) else {
            return Ok(None);
        };
        let frame = if len <= RECORD_BYTES_MAX {
            self.bytes(page, FRAME_HEADER_BYTES + len, file)?
        } else {
            None
        };
        let record = frame.and_then(|frame| frame.get(FRAME_HEADER_BYTES..));
        Ok(record.map(|bytes| LeftRecord { ticks, bytes }))
    }

    /// So many bytes from the page's position on, if they are committed and the file has them.
    fn bytes(&mut self, page: &LeftPage, len: usize, file: &Bytes) -> io::Result<Option<&[u8]>> {
        let committed = (page.committed - page.position) as usize;
        if committed < len {
            return Ok(None);
        }
        if !self.has(page, len) {
            let wanted = len.max(self.bytes_max.min(committed));
            let offset = page.offset + u64::from(page.position);
            self.bytes = file.read(offset, wanted as u64)?;
            (self.slot, self.start) = (page.slot, page.position);
        }
        let start = (page.position - self.start) as usize;
        Ok(self.bytes.get(start..start + len))
    }

    fn has(&self, page: &LeftPage, len: usize) -> bool {
        let start = page.position.checked_sub(self.start);
        let end = start.map(|start| start as usize + len);
        self.slot == page.slot && end.is_some_and(|end| end <= self.bytes.len())
    }
}
