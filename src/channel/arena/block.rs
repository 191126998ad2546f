//! A block: the memory of one page, which is its state and its bytes. On the heap or in a mapped
//! file: who uses it sees no difference.

#![expect(unsafe_code, reason = "writer and readers share the memory of a page")]

use std::mem::MaybeUninit;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

use super::layout::Position;
use super::mapped::Mapped;
use crate::capture::record::ThreadLabel;
use crate::channel::sync::AtomicU64;

/// On the heap the state takes a cache line of its own: readers look at it again and again while
/// the writer fills the lines behind it.
const STATE_WORDS: usize = 8;
const WORD_BYTES: usize = 8;

/// The memory of one page, which its writer and its readers share.
#[derive(Debug)]
pub(crate) struct Block {
    state: NonNull<AtomicU64>,
    bytes: NonNull<u8>,
    capacity: usize,
    home: Home,
}

/// Where a block lives.
#[derive(Debug)]
enum Home {
    /// In memory of its own, which takes the place of a slot if there is an arena.
    Heap(NonNull<[MaybeUninit<u64>]>, Option<Arc<Mapped>>),
    Slot(Arc<Mapped>, u32),
}

/// Bytes of a block that will not change while they are looked at.
#[derive(Debug)]
pub(crate) struct Slice<'a>(&'a [u8]);

impl Deref for Slice<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.0
    }
}

// SAFETY: `Block` owns its memory, on the heap or as the only one that was given its slot. The state
// is atomic, and all access to the bytes goes through `read` and `write`, whose callers rule out a
// write that overlaps another access.
unsafe impl Send for Block {}
// SAFETY: as for `Send`.
unsafe impl Sync for Block {}

impl Block {
    /// A block on the heap, whose bytes are not touched before they are written.
    pub(crate) fn on_heap(capacity: usize) -> Self {
        Block::instead_of_slot(capacity, None)
    }

    /// The same, because there was no room in the arena.
    pub(super) fn instead_of_slot(capacity: usize, arena: Option<Arc<Mapped>>) -> Self {
        let words = STATE_WORDS + capacity.div_ceil(WORD_BYTES);
        let mut memory = Box::new_uninit_slice(words);
        memory[..STATE_WORDS].fill(MaybeUninit::new(0));
        let memory = NonNull::from(Box::leak(memory));
        let state = memory.cast::<AtomicU64>();
        // SAFETY: the memory has more words than these.
        let bytes = unsafe { state.add(STATE_WORDS) };
        Block {
            state,
            bytes: bytes.cast(),
            capacity,
            home: Home::Heap(memory, arena),
        }
    }

    /// A block in a slot of an arena.
    ///
    /// # Safety
    ///
    /// `state` and the `capacity` bytes at `bytes` belong to `slot` of `arena`, are mapped and
    /// reserved as long as the arena lives, and nobody else uses them before the slot is given back.
    #[cfg_attr(
        any(not(target_os = "linux"), miri),
        expect(dead_code, reason = "no arena here")
    )]
    pub(super) unsafe fn in_slot(
        arena: Arc<Mapped>,
        slot: u32,
        state: NonNull<AtomicU64>,
        bytes: NonNull<u8>,
        capacity: usize,
    ) -> Self {
        Block {
            state,
            bytes,
            capacity,
            home: Home::Slot(arena, slot),
        }
    }

    /// `{ committed: bytes, sealed: bit 0 }`
    #[inline]
    pub(crate) fn state(&self) -> &AtomicU64 {
        // SAFETY: it lies in memory that the block owns, is aligned (the heap's words are, and so
        // are slots), and is only ever accessed as an atomic.
        unsafe { self.state.as_ref() }
    }

    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// # Safety
    ///
    /// `offset + source.len()` is at most the capacity, and nobody else accesses these bytes.
    #[inline]
    pub(crate) unsafe fn write(&self, offset: usize, source: &[u8]) {
        // SAFETY: in bounds, by this function's contract.
        let target = unsafe { self.bytes.add(offset) };
        // SAFETY: the target is in bounds and not accessed by anybody else, by this
        // function's contract, so it does not overlap the source either.
        unsafe { target.copy_from_nonoverlapping(NonNull::from(source).cast(), source.len()) };
    }

    /// # Safety
    ///
    /// `offset + len` is at most the capacity, all of these bytes have been written, and nobody writes to
    /// them while the slice lives.
    #[inline]
    pub(crate) unsafe fn read(&self, offset: usize, len: usize) -> Slice<'_> {
        // SAFETY: in bounds, by this function's contract.
        let source = unsafe { self.bytes.add(offset) };
        // SAFETY: in bounds, initialised, and unchanged while the slice lives, by this function's
        // contract.
        Slice(unsafe { std::slice::from_raw_parts(source.as_ptr(), len) })
    }

    /// Whether its bytes are gone with the process although others' are not.
    pub(crate) fn is_stopgap(&self) -> bool {
        matches!(self.home, Home::Heap(_, Some(_)))
    }

    /// Says whose page it will be. Not while it is one.
    pub(crate) fn label(&self, lane: u64, thread: &ThreadLabel) {
        if let Home::Slot(arena, slot) = &self.home {
            arena.label(*slot, lane, thread);
        }
    }

    /// Notes that the sink at `place` has no need any more of what lies before `position`.
    pub(crate) fn settle(&self, place: usize, position: usize) {
        if let Home::Slot(arena, slot) = &self.home {
            arena.settle(*slot, place, position as u32);
        }
    }

    /// `position` in this page, as another process finds it.
    pub(crate) fn position(&self, position: usize) -> Option<Position> {
        match &self.home {
            Home::Heap(..) => None,
            Home::Slot(arena, slot) => Some(Position {
                number: arena.use_of(*slot),
                slot: *slot,
                position: position as u32,
            }),
        }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        match &self.home {
            Home::Slot(arena, slot) => arena.give_back(*slot, self.capacity),
            Home::Heap(memory, arena) => {
                arena.iter().for_each(|arena| arena.forget_stopgap());
                // SAFETY: `instead_of_slot` leaked this very box, nobody else frees it, and no
                // slice outlives the page that `self` belongs to.
                drop(unsafe { Box::from_raw(memory.as_ptr()) });
            }
        }
    }
}
