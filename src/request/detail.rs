//! The detail of a request: records that are kept in memory until it is known whether anybody wants
//! to read them.
//!
//! A request that ends well forgets them; one that ends badly writes them before its own record.
//! They are encoded already, so to write them is to copy them, and to forget them costs nothing.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::context::RequestContext;
use super::spare;
use crate::capture::record;
use crate::pipeline::Pipeline;

/// What the details of all requests of a process take at most.
const ALL_BYTES_MAX: usize = 64 << 20;

/// What they take now.
static ALL_BYTES: AtomicUsize = AtomicUsize::new(0);

/// Records lie in chunks of this size, which threads keep for their next requests: what is there stays
/// where it is while more is kept.
const CHUNK_BYTES: usize = 4096;

/// A detail that is full has at least so many, so that its older half can go.
const CHUNKS_MIN: usize = 8;

/// Length, level, pipeline, time.
const HEAD_BYTES: usize = 4 + 1 + 1 + 8;

/// Records of one request, the oldest first.
#[derive(Default)]
pub(super) struct Detail {
    chunks: VecDeque<Chunk>,
    /// The room of all chunks together: what of [`ALL_BYTES`] is ours.
    charged: usize,
    count: u64,
    dropped: u64,
    pipelines: Vec<Arc<Pipeline>>,
}

/// Some of the records.
struct Chunk {
    frames: Vec<u8>,
    count: u64,
    /// How many bytes it may hold.
    room: usize,
}

impl Chunk {
    fn fits(&self, needed: usize) -> bool {
        needed <= self.room - self.frames.len()
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        spare::give_back(&spare::CHUNKS, std::mem::take(&mut self.frames));
    }
}

/// A record as it is kept.
#[derive(Clone, Copy)]
pub(super) struct Kept<'r> {
    pub(super) level: u8,
    pub(super) ticks: u64,
    pub(super) record: &'r [u8],
}

impl Detail {
    /// Keeps a record. Where all of them would take more than `bytes_max`, the older half makes room.
    pub(super) fn keep(&mut self, pipeline: &Arc<Pipeline>, kept: Kept<'_>, bytes_max: usize) {
        let needed = HEAD_BYTES + kept.record.len();
        let place = self.place_of(pipeline);
        let chunk = self.chunk_for(needed, bytes_max);
        let (Some(chunk), Some(place)) = (chunk, place) else {
            self.dropped += 1;
            return;
        };
        let mut head = [0; HEAD_BYTES];
        head[..4].copy_from_slice(&(kept.record.len() as u32).to_le_bytes());
        (head[4], head[5]) = (kept.level, place);
        head[6..].copy_from_slice(&kept.ticks.to_le_bytes());
        chunk.frames.extend_from_slice(&head);
        chunk.frames.extend_from_slice(kept.record);
        chunk.count += 1;
        self.count += 1;
    }

    /// There is one, nearly always.
    fn place_of(&mut self, pipeline: &Arc<Pipeline>) -> Option<u8> {
        let mut known = self.pipelines.iter();
        let place = known.position(|known| Arc::ptr_eq(known, pipeline));
        let place = place.unwrap_or_else(|| {
            self.pipelines.push(Arc::clone(pipeline));
            self.pipelines.len() - 1
        });
        u8::try_from(place).ok()
    }

    /// The chunk that has room for a frame, if the limits allow it.
    fn chunk_for(&mut self, needed: usize, bytes_max: usize) -> Option<&mut Chunk> {
        if !self.chunks.back().is_some_and(|chunk| chunk.fits(needed)) {
            let room = CHUNK_BYTES.min(bytes_max / CHUNKS_MIN).max(needed);
            let bytes_kept = bytes_max.checked_sub(room)?;
            if bytes_kept < self.charged {
                self.drop_oldest(bytes_kept.min(bytes_max / 2));
            }
            self.add_chunk(room)?;
        }
        self.chunks.back_mut()
    }

    /// Adds an empty chunk, if the limit for all requests allows it.
    #[cold]
    fn add_chunk(&mut self, room: usize) -> Option<()> {
        // Relaxed, here and below: only the sum matters.
        if ALL_BYTES_MAX < ALL_BYTES.fetch_add(room, Ordering::Relaxed) + room {
            ALL_BYTES.fetch_sub(room, Ordering::Relaxed);
            return None;
        }
        self.charged += room;
        let mut frames = spare::take(&spare::CHUNKS);
        frames.reserve_exact(room);
        self.chunks.push_back(Chunk {
            frames,
            count: 0,
            room,
        });
        Some(())
    }

    /// Drops the oldest records until all others take no more than `bytes_kept`.
    #[cold]
    fn drop_oldest(&mut self, bytes_kept: usize) {
        while bytes_kept < self.charged
            && let Some(chunk) = self.chunks.pop_front()
        {
            self.charged -= chunk.room;
            ALL_BYTES.fetch_sub(chunk.room, Ordering::Relaxed);
            self.count -= chunk.count;
            self.dropped += chunk.count;
        }
    }

    fn each(&self, mut take: impl FnMut(&Arc<Pipeline>, Kept<'_>)) {
        for chunk in &self.chunks {
            self.each_of(&chunk.frames, &mut take);
        }
    }

    fn each_of(&self, mut rest: &[u8], take: &mut impl FnMut(&Arc<Pipeline>, Kept<'_>)) {
        while let Some((head, behind)) = rest.split_first_chunk::<HEAD_BYTES>() {
            let [len @ .., level, place] = *head.first_chunk::<6>().unwrap_or(&[0; 6]);
            let ticks = *head.last_chunk().unwrap_or(&[0; 8]);
            let (record, next) = behind.split_at(u32::from_le_bytes(len) as usize);
            let kept = Kept {
                level,
                ticks: u64::from_le_bytes(ticks),
                record,
            };
            if let Some(pipeline) = self.pipelines.get(usize::from(place)) {
                take(pipeline, kept);
            }
            rest = next;
        }
    }
}

impl Drop for Detail {
    fn drop(&mut self) {
        // Most requests have none: they leave a figure alone that all threads share.
        if self.charged != 0 {
            ALL_BYTES.fetch_sub(self.charged, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Detail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Detail")
            .field("count", &self.count)
            .field("dropped", &self.dropped)
            .finish_non_exhaustive()
    }
}

impl RequestContext {
    /// Hands over all that was kept, in its order, each record with the time at which it was
    /// logged.
    pub(super) fn write_detail(&self) -> (u64, u64) {
        // Not under the lock: a thread that waits for room may log.
        let detail = std::mem::take(&mut *self.lock_detail());
        let mut dated = Vec::new();
        detail.each(|pipeline, kept| {
            record::date(kept.record, kept.ticks, &mut dated);
            pipeline.push(kept.level, &dated);
        });
        (detail.count, detail.dropped)
    }
}
