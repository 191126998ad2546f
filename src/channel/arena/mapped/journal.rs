//! The journal of one sink: what is being written to it just now.

#![expect(unsafe_code, reason = "a file is used as memory")]

use std::sync::Arc;
use std::sync::atomic::{Ordering, compiler_fence};

use super::{Mapped, STEP_BYTES};
use crate::channel::arena::layout::{BATCH_BYTES_MAX, PlaceCopy, Position, journal};
use crate::sink::PlaceInFile;

/// What a batch of the usual size takes: it is full at 64 KiB, and ends with a line.
const BATCH_BYTES_RESERVED: u64 = STEP_BYTES + (16 << 10);
const LIST_BYTES_RESERVED: u64 = 4096;

/// Notes what is on its way into a sink. At most one for each sink of an arena.
#[derive(Debug)]
pub(crate) struct Journal {
    arena: Arc<Mapped>,
    /// Where in the file it begins.
    start: u64,
    list_reserved: u64,
    batch_reserved: u64,
    batches: u64,
    notes: u64,
}

impl Journal {
    /// Opens the journal of the sink at `place`, if that has one and there is room for it.
    pub(crate) fn open(arena: &Arc<Mapped>, place: usize) -> Option<Self> {
        let place = u32::try_from(place).ok()?;
        let layout = arena.layout();
        if layout.journals() <= place {
            return None;
        }
        let start = layout.journal(place);
        let head_bytes = journal::LIST + LIST_BYTES_RESERVED;
        let batch = start + layout.batch_in_journal();
        let has_room = arena.reserve_beside(start, head_bytes)
            && arena.reserve_beside(batch, BATCH_BYTES_RESERVED);
        has_room.then(|| Journal {
            arena: Arc::clone(arena),
            start,
            list_reserved: LIST_BYTES_RESERVED,
            batch_reserved: BATCH_BYTES_RESERVED,
            batches: 0,
            notes: 0,
        })
    }

    /// Puts down what is about to be written, and what that brings the sink to in each page.
    /// Says no, and puts down nothing, where there is no room.
    pub(crate) fn stage(
        &mut self,
        batch: &[u8],
        positions: impl Iterator<Item = Position>,
    ) -> bool {
        let Some(positions) = self.put_positions(positions) else {
            return false;
        };
        if !self.has_room_for_batch(batch.len() as u64) {
            return false;
        }
        let batch_at = self.start + self.arena.layout().batch_in_journal();
        // SAFETY: the range is reserved, see above, and this is the journal's only owner.
        unsafe { self.arena.write(batch_at, batch) };
        for (offset, value) in [
            (journal::BATCH_BYTES, batch.len() as u64),
            (journal::POSITIONS, positions),
            (journal::PLACE, 0),
            (journal::PLACE + journal::PLACE_COPY_BYTES, 0),
        ] {
            self.put(offset, value);
        }
        self.batches += 1;
        self.put(journal::STATE, self.batches);
        true
    }

    /// Notes where what follows the first `accepted` bytes of the batch is about to be written.
    pub(crate) fn note(&mut self, place: PlaceInFile, accepted: u64) {
        let PlaceInFile {
            device,
            inode,
            offset,
        } = place;
        let copy = PlaceCopy {
            device,
            inode,
            offset,
            accepted,
            // That is for those who come after.
            is_marked: false,
        };
        self.notes += 1;
        let other = journal::PLACE_COPY_BYTES as u64 * (self.notes % 2);
        let at = self.start + journal::PLACE as u64 + other;
        self.arena.overwrite(at, self.notes, &copy.words());
    }

    /// Forgets the batch: all of it is written, and the positions are noted in the pages.
    pub(crate) fn clear(&mut self) {
        self.put(journal::STATE, journal::EMPTY);
        // The next batch overwrites this one, and not before it is forgotten: see `Mapped::label`.
        compiler_fence(Ordering::SeqCst);
    }

    fn put(&self, offset: usize, value: u64) {
        // Release: what makes it valid was stored before, in this order.
        self.arena
            .word(self.start + offset as u64)
            .store(value, Ordering::Release);
    }

    /// Says how many there are.
    fn put_positions(&mut self, positions: impl Iterator<Item = Position>) -> Option<u64> {
        let mut count = 0;
        for position in positions {
            let offset = count * journal::POSITION_BYTES;
            if !self.has_room_in_list(offset + journal::POSITION_BYTES) {
                return None;
            }
            let at = self.start + journal::LIST + offset;
            // SAFETY: the range is reserved, and this is the journal's only owner.
            unsafe { self.arena.write(at, &position.encode()) };
            count += 1;
        }
        Some(count)
    }

    fn has_room_in_list(&mut self, bytes: u64) -> bool {
        let most = self.arena.layout().batch_in_journal() - journal::LIST;
        let at = self.start + journal::LIST;
        make_room(&self.arena, at, &mut self.list_reserved, bytes, most)
    }

    fn has_room_for_batch(&mut self, bytes: u64) -> bool {
        let at = self.start + self.arena.layout().batch_in_journal();
        make_room(
            &self.arena,
            at,
            &mut self.batch_reserved,
            bytes,
            BATCH_BYTES_MAX,
        )
    }
}

/// Sees to it that `wanted` bytes from `start` on are reserved, of which `reserved` are already.
fn make_room(arena: &Mapped, start: u64, reserved: &mut u64, wanted: u64, most: u64) -> bool {
    if wanted <= *reserved {
        return true;
    }
    let more = (wanted - *reserved)
        .next_multiple_of(STEP_BYTES)
        .min(most.saturating_sub(*reserved));
    let has_room = wanted <= *reserved + more && arena.reserve_beside(start + *reserved, more);
    if has_room {
        *reserved += more;
    }
    has_room
}
