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

use std::sync::Arc;

use super::sync::{AtomicUsize, Ordering};

/// Bytes of a frame before its record.
pub(crate) const FRAME_HEADER_BYTES: usize = 16;

/// Frames start at multiples of this.
const ALIGN: usize = 8;

const SEALED: usize = 1;

/// How many bytes of a page a record of `len` bytes takes.
pub(crate) const fn frame_bytes(len: usize) -> usize {
    (FRAME_HEADER_BYTES + len).next_multiple_of(ALIGN)
}

#[derive(Debug)]
struct Page {
    /// `{ committed: bytes, sealed: bit 0 }`
    state: AtomicUsize,
    /// How many of `PageWriter` and `PageReader` have not ended.
    holders: AtomicUsize,
    bytes: Bytes,
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
    position: usize,
}

/// A record on its way, as a reader finds it.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) level: u8,
    pub(crate) ticks: u64,
    record: Slice<'a>,
}

impl Frame<'_> {
    /// The record's bytes.
    #[inline]
    pub(crate) fn record(&self) -> &[u8] {
        &self.record
    }
}

impl IdlePage {
    /// Makes a page of `capacity` bytes, which are not touched before they are written.
    pub(crate) fn new(capacity: usize) -> Self {
        IdlePage(Arc::new(Page {
            state: AtomicUsize::new(SEALED),
            holders: AtomicUsize::new(0),
            bytes: Bytes::new(capacity),
        }))
    }

    /// The same, but touched: the system has backed all of it with memory.
    pub(crate) fn new_touched(capacity: usize) -> Self {
        const SYSTEM_PAGE_BYTES: usize = 4096;
        let page = IdlePage::new(capacity);
        for offset in (0..capacity).step_by(SYSTEM_PAGE_BYTES) {
            // SAFETY: the offset is within the capacity, and nobody else knows the page yet.
            unsafe { page.0.bytes.write(offset, &[0]) };
        }
        page
    }

    pub(crate) fn capacity(&self) -> usize {
        self.0.bytes.capacity()
    }

    /// Puts the page to use: one writer, and `readers` readers, which `each` receives.
    pub(crate) fn open(self, readers: usize, mut each: impl FnMut(PageReader)) -> PageWriter {
        let page = self.0;
        // Relaxed: the readers get to know the page through a queue, which publishes both stores.
        page.state.store(0, Ordering::Relaxed);
        page.holders.store(1 + readers, Ordering::Relaxed);
        for _ in 0..readers {
            each(PageReader {
                page: Arc::clone(&page),
                position: 0,
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
        if self.page.bytes.capacity() < end {
            return false;
        }
        let mut header = [0; FRAME_HEADER_BYTES];
        header[..4].copy_from_slice(&(record.len() as u32).to_le_bytes());
        header[4] = level;
        header[8..].copy_from_slice(&ticks.to_le_bytes());
        // SAFETY: no other thread may access these bytes. They lie behind `committed`, where
        // readers do not look (see `PageReader::next`), and this is the page's only writer: an
        // `IdlePage` makes one and is used up by it. `end` was checked against the capacity.
        unsafe { self.page.bytes.write(self.position, &header) };
        // SAFETY: as above; header and record together end before `end`.
        unsafe {
            self.page
                .bytes
                .write(self.position + FRAME_HEADER_BYTES, record)
        };
        self.position = end;
        // Pairs with the Acquire load in `PageReader::next`: whoever sees the new state sees the
        // bytes of the frame.
        self.page.state.store(end, Ordering::Release);
        true
    }

    /// Ends the page. Readers let go of it once they have read everything.
    pub(crate) fn seal(self) -> Option<IdlePage> {
        // Pairs with the Acquire load in `PageReader::is_finished`.
        self.page
            .state
            .store(self.position | SEALED, Ordering::Release);
        release(self.page)
    }
}

impl PageReader {
    /// The next record that its thread has committed, if there is one.
    #[inline]
    pub(crate) fn next(&self) -> Option<Frame<'_>> {
        // Pairs with the Release stores in `PageWriter`.
        let committed = self.page.state.load(Ordering::Acquire) & !SEALED;
        if committed <= self.position {
            return None;
        }
        // SAFETY: nobody may write to these bytes while the slice lives. They lie before
        // `committed`, so the frame is complete; the writer only writes behind it, and the page
        // is not used anew before this reader ends, which needs `self` by value.
        let header = unsafe { self.page.bytes.read(self.position, FRAME_HEADER_BYTES) };
        let (len, level, ticks) = parse_header(&header)?;
        // SAFETY: as above; frames are committed whole, and the record is part of this one.
        let record = unsafe {
            self.page
                .bytes
                .read(self.position + FRAME_HEADER_BYTES, len)
        };
        Some(Frame {
            level,
            ticks,
            record,
        })
    }

    /// Goes on behind a record of `len` bytes that [`next`](Self::next) returned.
    pub(crate) fn advance(&mut self, len: usize) {
        self.position += frame_bytes(len);
    }

    /// Whether nothing is left to read and nothing will come.
    pub(crate) fn is_finished(&self) -> bool {
        // Pairs with the Release store in `PageWriter::seal`.
        self.page.state.load(Ordering::Acquire) == self.position | SEALED
    }

    /// Whether nothing will be appended any more.
    pub(crate) fn is_sealed(&self) -> bool {
        // Pairs with the Release store in `PageWriter::seal`.
        self.page.state.load(Ordering::Acquire) & SEALED != 0
    }

    pub(crate) fn capacity(&self) -> usize {
        self.page.bytes.capacity()
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

#[cfg(not(offloop_loom))]
pub(crate) use heap::{Bytes, Slice};

#[cfg(not(offloop_loom))]
mod heap {
    use std::ops::Deref;
    use std::ptr::NonNull;

    /// Bytes of a page that will not change while they are looked at.
    #[derive(Debug)]
    pub(crate) struct Slice<'a>(&'a [u8]);

    impl Deref for Slice<'_> {
        type Target = [u8];

        #[inline]
        fn deref(&self) -> &[u8] {
            self.0
        }
    }

    /// Bytes on the heap, which the writer and the readers of a page share.
    #[derive(Debug)]
    pub(crate) struct Bytes(NonNull<[u8]>);

    // SAFETY: `Bytes` owns plain memory. All access goes through `read` and `write`, whose
    // callers rule out a write that overlaps another access.
    unsafe impl Send for Bytes {}
    // SAFETY: as for `Send`.
    unsafe impl Sync for Bytes {}

    impl Bytes {
        pub(crate) fn new(capacity: usize) -> Self {
            // Zeroed, since a slice must not show memory that was never written. Fresh memory of
            // the system is zero anyway, and stays untouched until it is used.
            Bytes(NonNull::from(Box::leak(
                vec![0; capacity].into_boxed_slice(),
            )))
        }

        pub(crate) fn capacity(&self) -> usize {
            self.0.len()
        }

        /// # Safety
        ///
        /// `offset + source.len()` is at most the capacity, and nobody else accesses these bytes.
        #[inline]
        pub(crate) unsafe fn write(&self, offset: usize, source: &[u8]) {
            // SAFETY: in bounds, by this function's contract.
            let target = unsafe { self.0.cast::<u8>().add(offset) };
            // SAFETY: the target is in bounds and not accessed by anybody else, by this
            // function's contract, so it does not overlap the source either.
            unsafe { target.copy_from_nonoverlapping(NonNull::from(source).cast(), source.len()) };
        }

        /// # Safety
        ///
        /// `offset + len` is at most the capacity, and nobody writes to these bytes while the
        /// slice lives.
        #[inline]
        pub(crate) unsafe fn read(&self, offset: usize, len: usize) -> Slice<'_> {
            // SAFETY: in bounds, by this function's contract.
            let source = unsafe { self.0.cast::<u8>().add(offset) };
            // SAFETY: in bounds, initialised (zeroed by `new`), and unchanged while the slice
            // lives, by this function's contract.
            Slice(unsafe { std::slice::from_raw_parts(source.as_ptr(), len) })
        }
    }

    impl Drop for Bytes {
        fn drop(&mut self) {
            // SAFETY: `new` leaked this very box, nobody else frees it, and no slice outlives
            // the page that `self` belongs to.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) });
        }
    }
}

#[cfg(offloop_loom)]
pub(crate) use model::{Bytes, Slice};

#[cfg(offloop_loom)]
mod model {
    use std::marker::PhantomData;
    use std::ops::Deref;

    use loom::cell::UnsafeCell;

    /// A copy: what loom lends must be given back at once.
    #[derive(Debug)]
    pub(crate) struct Slice<'a>(Vec<u8>, PhantomData<&'a ()>);

    impl Deref for Slice<'_> {
        type Target = [u8];

        fn deref(&self) -> &[u8] {
            &self.0
        }
    }

    /// One loom cell a byte, so that loom sees each access that races.
    #[derive(Debug)]
    pub(crate) struct Bytes(Vec<UnsafeCell<u8>>);

    // SAFETY: as for the bytes on the heap, and loom checks it.
    unsafe impl Send for Bytes {}
    // SAFETY: as for `Send`.
    unsafe impl Sync for Bytes {}

    impl Bytes {
        pub(crate) fn new(capacity: usize) -> Self {
            Bytes((0..capacity).map(|_| UnsafeCell::new(0)).collect())
        }

        pub(crate) fn capacity(&self) -> usize {
            self.0.len()
        }

        pub(crate) unsafe fn write(&self, offset: usize, source: &[u8]) {
            for (cell, byte) in self.0[offset..].iter().zip(source) {
                // SAFETY: loom checks it.
                cell.with_mut(|cell| unsafe { *cell = *byte });
            }
        }

        pub(crate) unsafe fn read(&self, offset: usize, len: usize) -> Slice<'_> {
            // SAFETY: loom checks it.
            let byte = |cell: &UnsafeCell<u8>| cell.with(|cell| unsafe { *cell });
            Slice(
                self.0[offset..offset + len].iter().map(byte).collect(),
                PhantomData,
            )
        }
    }
}
