//! A page: a block of bytes that one thread appends records to while writers read them.
//!
//! ```text
//! frame := len:u32 level:u8 zero:[u8;3] ticks:u64 record:[u8;len] padding to 8
//! ```
//!
//! `state` is `{ committed: bytes, sealed: bit 0 }`; frames start at multiples of 8, so the lowest
//! bits of `committed` are free. The owner writes a frame behind `committed` and then
//! publishes it with one Release store; a reader looks only at what an Acquire load of `state`
//! has shown it. Nothing wraps around, nothing is written twice, no record needs a
//! read-modify-write. A page changes hands through three types, and only they touch its bytes:
//!
//! - [`IdlePage`]: nobody uses it. Becomes one writer and any number of readers.
//! - [`PageWriter`]: the one thread that appends. Ends by sealing the page.
//! - [`PageReader`]: one for each sink. Ends once everything was read and the page is sealed.
//!
//! The last of them to end gets the [`IdlePage`] back.

#![expect(unsafe_code, reason = "writer and readers share the bytes of a page")]

use std::cell::Cell;
use std::sync::Arc;

use super::arena::layout::Position;
use super::arena::{Block, Slice};
use super::sync::{AtomicUsize, Ordering};
use crate::capture::record::ThreadLabel;

/// Bytes of a frame before its record.
pub(crate) const FRAME_HEADER_BYTES: usize = 16;

/// Frames start at multiples of this.
const ALIGN: usize = 8;

const SEALED: u64 = 1;

/// How far is looked ahead: what was seen then should still be in the processor's nearest cache once
/// it is its turn.
const AHEAD_BYTES: usize = 4096;

/// How many bytes of a page a record of `len` bytes takes.
pub(crate) const fn frame_bytes(len: usize) -> usize {
    (FRAME_HEADER_BYTES + len).next_multiple_of(ALIGN)
}

#[derive(Debug)]
struct Page {
    /// How many of `PageWriter` and `PageReader` have not ended.
    holders: AtomicUsize,
    /// The state and the bytes.
    block: Block,
}

/// A page that nobody uses.
#[derive(Debug)]
pub(crate) struct IdlePage(Arc<Page>);

/// The end of a page that appends.
#[derive(Debug)]
pub(crate) struct PageWriter {
    page: Arc<Page>,
    position: usize,
}

/// An end of a page that reads.
#[derive(Debug)]
pub(crate) struct PageReader {
    page: Arc<Page>,
    /// Which of the readers it is.
    place: usize,
    position: usize,
    /// Up to where the sink has no need any more of what was read.
    settled: usize,
    /// Up to where a look ahead had nothing against the bytes.
    passed: Cell<usize>,
}

/// A record on its way, as a reader finds it.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) level: u8,
    pub(crate) ticks: u64,
    record: Slice<'a>,
    page: &'a PageReader,
    /// How many bytes of the page are committed.
    committed: usize,
}

impl Frame<'_> {
    /// The record's bytes.
    #[inline]
    pub(crate) fn record(&self) -> &[u8] {
        &self.record
    }

    /// Whether `look` has nothing against the record. It is shown what follows in the page, too, and
    /// says how many bytes of all that it has nothing against: so most records of a page are looked
    /// at in one go.
    ///
    /// What is between records has no meaning. Whoever reads a page looks for the same all the time.
    #[inline]
    pub(crate) fn is_passed(&self, look: impl FnOnce(&[u8]) -> usize) -> bool {
        let start = self.page.position + FRAME_HEADER_BYTES;
        let end = start + self.record.len();
        if self.page.passed.get() < end {
            self.look_ahead(start, end, look);
        }
        end <= self.page.passed.get()
    }

    #[inline(never)]
    fn look_ahead(&self, start: usize, end: usize, look: impl FnOnce(&[u8]) -> usize) {
        let end = end.max(self.committed.min(start + AHEAD_BYTES));
        // SAFETY: nobody may write to these bytes while the slice lives, and all were written, padding
        // included: see `PageWriter::append`. They end at `committed` or before it, as the record does,
        // and the page is not used anew before its reader ends, which is borrowed here: see
        // `PageReader::next`.
        let ahead = unsafe { self.page.page.block.read(start, end - start) };
        self.page.passed.set(start + look(&ahead));
    }
}

impl IdlePage {
    /// Makes a page of `capacity` bytes on the heap, which are not touched before they are written.
    #[cfg(test)]
    pub(crate) fn new(capacity: usize) -> Self {
        IdlePage::in_block(Block::on_heap(capacity))
    }

    /// Makes a page of a block that nobody uses.
    pub(crate) fn in_block(block: Block) -> Self {
        // Relaxed: nobody else knows the block yet.
        block.state().store(SEALED, Ordering::Relaxed);
        IdlePage(Arc::new(Page {
            holders: AtomicUsize::new(0),
            block,
        }))
    }

    /// Touches all of a page that was never used: the system backs it with memory.
    pub(crate) fn touched(self) -> Self {
        const SYSTEM_PAGE_BYTES: usize = 4096;
        for offset in (0..self.capacity()).step_by(SYSTEM_PAGE_BYTES) {
            // SAFETY: the offset is within the capacity, and nobody else uses the page.
            unsafe { self.0.block.write(offset, &[0]) };
        }
        self
    }

    /// Whether it is on the heap for want of room in the arena.
    pub(crate) fn is_stopgap(&self) -> bool {
        self.0.block.is_stopgap()
    }

    /// Says whose page it will be.
    pub(crate) fn label(&self, lane: u64, thread: &ThreadLabel) {
        self.0.block.label(lane, thread);
    }

    pub(crate) fn capacity(&self) -> usize {
        self.0.block.capacity()
    }

    /// Puts the page to use: one writer, and `readers` readers, which `each` receives.
    pub(crate) fn open(self, readers: usize, mut each: impl FnMut(PageReader)) -> PageWriter {
        let page = self.0;
        // Release: whoever finds the page after a crash sees its label. (The readers get to know the
        // page through a queue, which publishes both stores to them.)
        page.block.state().store(0, Ordering::Release);
        page.holders.store(1 + readers, Ordering::Relaxed);
        for place in 0..readers {
            each(PageReader {
                page: Arc::clone(&page),
                place,
                position: 0,
                settled: 0,
                passed: Cell::new(0),
            });
        }
        PageWriter { page, position: 0 }
    }
}

impl PageWriter {
    /// Appends a record and publishes it. Says no, and changes nothing, where it does not fit.
    #[inline]
    pub(crate) fn append(&mut self, level: u8, ticks: u64, record: &[u8]) -> bool {
        let end = self.position + frame_bytes(record.len());
        if self.page.block.capacity() < end {
            return false;
        }
        // SAFETY: as below. The last bytes of a frame may be padding, which is written, too: whoever looks
        // ahead reads over it.
        unsafe { self.page.block.write(end - ALIGN, &[0; ALIGN]) };
        let mut header = [0; FRAME_HEADER_BYTES];
        header[..4].copy_from_slice(&(record.len() as u32).to_le_bytes());
        header[4] = level;
        header[8..].copy_from_slice(&ticks.to_le_bytes());
        // SAFETY: no other thread may access these bytes. They lie behind `committed`, where
        // readers do not look (see `PageReader::next`), and this is the page's only writer: an
        // `IdlePage` makes one and is used up by it. `end` was checked against the capacity.
        unsafe { self.page.block.write(self.position, &header) };
        // SAFETY: as above; header and record together end before `end`.
        unsafe {
            self.page
                .block
                .write(self.position + FRAME_HEADER_BYTES, record)
        };
        self.position = end;
        // Pairs with the Acquire load in `PageReader::next`: whoever sees the new state sees the
        // bytes of the frame.
        self.page.block.state().store(end as u64, Ordering::Release);
        true
    }

    /// Ends the page. Readers let go of it once they have read everything.
    pub(crate) fn seal(self) -> Option<IdlePage> {
        // Pairs with the Acquire load in `PageReader::is_finished`.
        let state = self.page.block.state();
        state.store(self.position as u64 | SEALED, Ordering::Release);
        release(self.page)
    }
}

impl PageReader {
    /// The next record that its thread has committed, if there is one.
    #[inline]
    pub(crate) fn next(&self) -> Option<Frame<'_>> {
        // Pairs with the Release stores in `PageWriter`.
        let committed = self.page.block.state().load(Ordering::Acquire) & !SEALED;
        if committed <= self.position as u64 {
            return None;
        }
        // SAFETY: nobody may write to these bytes while the slice lives. They lie before
        // `committed`, so the frame is complete; the writer only writes behind it, and the page
        // is not used anew before this reader ends, which needs `self` by value.
        let header = unsafe { self.page.block.read(self.position, FRAME_HEADER_BYTES) };
        let (len, level, ticks) = parse_header(&header)?;
        // SAFETY: as above; frames are committed whole, and the record is part of this one.
        let record = unsafe {
            self.page
                .block
                .read(self.position + FRAME_HEADER_BYTES, len)
        };
        Some(Frame {
            level,
            ticks,
            record,
            page: self,
            committed: committed as usize,
        })
    }

    /// Goes on behind a record of `len` bytes that [`next`](Self::next) returned.
    pub(crate) fn advance(&mut self, len: usize) {
        self.position += frame_bytes(len);
    }

    /// Whether nothing is left to read and nothing will come.
    pub(crate) fn is_finished(&self) -> bool {
        // Pairs with the Release store in `PageWriter::seal`.
        self.page.block.state().load(Ordering::Acquire) == self.position as u64 | SEALED
    }

    /// Whether nothing will be appended any more.
    pub(crate) fn is_sealed(&self) -> bool {
        // Pairs with the Release store in `PageWriter::seal`.
        self.page.block.state().load(Ordering::Acquire) & SEALED != 0
    }

    pub(crate) fn capacity(&self) -> usize {
        self.page.block.capacity()
    }

    /// Whether the sink needs nothing any more of what was read.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled == self.position
    }

    /// Up to where the page was read, as another process finds it. `None` where nobody finds it.
    pub(crate) fn position(&self) -> Option<Position> {
        self.page.block.position(self.position)
    }

    /// Notes that the sink has, or counted as lost, all that was read: nobody who finds the page
    /// after a crash shall write it again.
    pub(crate) fn settle(&mut self) {
        if !self.is_settled() {
            self.page.block.settle(self.place, self.position);
            self.settled = self.position;
        }
    }

    /// Lets go of the page. What was not read is not read by this reader any more.
    pub(crate) fn release(self) -> Option<IdlePage> {
        release(self.page)
    }
}

fn release(page: Arc<Page>) -> Option<IdlePage> {
    // Release: what this holder did with the bytes happens before they are used anew. Acquire:
    // what the other holders did happened before, too.
    let last = page.holders.fetch_sub(1, Ordering::AcqRel) == 1;
    last.then(|| IdlePage(page))
}

pub(crate) fn parse_header(header: &[u8]) -> Option<(usize, u8, u64)> {
    let len = u32::from_le_bytes(*header.first_chunk()?);
    let ticks = u64::from_le_bytes(*header.last_chunk()?);
    Some((len as usize, header[4], ticks))
}
