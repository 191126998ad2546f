//! Handing out slots, labelling them, taking them back.

#![expect(unsafe_code, reason = "a file is used as memory")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering, compiler_fence};

use rustix::fs::FallocateFlags;

use super::Mapped;
use crate::capture::record::ThreadLabel;
use crate::channel::arena::Block;
use crate::channel::arena::layout::{JOURNALS_MAX, header, slot};

impl Mapped {
    /// A block of `bytes` in a slot, if the tmpfs has room.
    pub(crate) fn block(self: &Arc<Self>, bytes: usize) -> Option<Block> {
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
    pub(crate) fn stopgap(self: &Arc<Self>, bytes: usize) -> Block {
        self.stopgaps.fetch_add(1, Ordering::Relaxed);
        Block::instead_of_slot(bytes, Some(Arc::clone(self)))
    }

    pub(crate) fn forget_stopgap(&self) {
        self.stopgaps.fetch_sub(1, Ordering::Relaxed);
    }

    /// Asks a full tmpfs for a page; if there is room, for all that come later as well.
    pub(crate) fn retry(self: &Arc<Self>) {
        if self.is_full.swap(false, Ordering::Relaxed) {
            // Dropped at once: only whether there is one matters.
            let _ = self.block(self.layout.page_bytes() as usize);
        }
    }

    /// Takes a slot back. Its memory goes back to the system.
    pub(crate) fn give_back(&self, slot: u32, bytes: usize) {
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
    pub(crate) fn label(&self, slot: u32, lane: u64, thread: &ThreadLabel) {
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
    pub(crate) fn settle(&self, slot: u32, place: usize, position: u32) {
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
    pub(crate) fn use_of(&self, slot: u32) -> u64 {
        self.word(self.slot(slot) + slot::USE as u64)
            .load(Ordering::Relaxed)
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
}
