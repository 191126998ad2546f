//! Records one behind the other, in a piece of memory of the thread's.

use crate::request::spare;

/// Length, level, pipeline, time.
const HEAD_BYTES: usize = 4 + 1 + 1 + 8;

/// A record as it is kept.
#[derive(Clone, Copy)]
pub(in crate::request) struct Kept<'r> {
    pub(in crate::request) level: u8,
    pub(in crate::request) ticks: u64,
    pub(in crate::request) record: &'r [u8],
}

impl Kept<'_> {
    /// How many bytes it takes.
    #[inline]
    pub(super) fn needed(&self) -> usize {
        HEAD_BYTES + self.record.len()
    }
}

/// Some records, the oldest first. One that is made by default has no room.
#[derive(Default)]
pub(super) struct Chunk {
    frames: Vec<u8>,
    pub(super) count: u64,
    /// How many bytes it may hold.
    pub(super) room: usize,
}

impl Chunk {
    pub(super) fn with_room(room: usize) -> Self {
        let mut frames = spare::take(&spare::CHUNKS);
        frames.reserve_exact(room);
        Chunk {
            frames,
            count: 0,
            room,
        }
    }

    #[inline]
    pub(super) fn fits(&self, needed: usize) -> bool {
        needed <= self.room - self.frames.len()
    }

    /// Adds a record that fits.
    #[inline]
    pub(super) fn add(&mut self, kept: &Kept<'_>, pipeline: u8) {
        let mut head = [0; HEAD_BYTES];
        head[..4].copy_from_slice(&(kept.record.len() as u32).to_le_bytes());
        (head[4], head[5]) = (kept.level, pipeline);
        head[6..].copy_from_slice(&kept.ticks.to_le_bytes());
        self.frames.extend_from_slice(&head);
        self.frames.extend_from_slice(kept.record);
        self.count += 1;
    }

    /// Passes each record, with its pipeline.
    pub(super) fn each(&self, take: &mut impl FnMut(u8, Kept<'_>)) {
        let mut rest = &*self.frames;
        while let Some((head, behind)) = rest.split_first_chunk::<HEAD_BYTES>() {
            let [len @ .., level, pipeline] = *head.first_chunk::<6>().unwrap_or(&[0; 6]);
            let ticks = *head.last_chunk().unwrap_or(&[0; 8]);
            let (record, next) = behind.split_at(u32::from_le_bytes(len) as usize);
            let kept = Kept {
                level,
                ticks: u64::from_le_bytes(ticks),
                record,
            };
            take(pipeline, kept);
            rest = next;
        }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        spare::give_back(&spare::CHUNKS, std::mem::take(&mut self.frames));
    }
}
