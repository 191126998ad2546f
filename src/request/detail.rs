//! The detail of a request: records that are kept in memory until it is known whether anybody wants
//! to read them.
//!
//! A request that ends well forgets them; one that ends badly writes them before its own record.
//! They are encoded already, so to write them is to copy them, and to forget them costs nothing.

mod chunk;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(super) use self::chunk::Kept;
use self::chunk::{Chunk, HEAD_BYTES};
use super::context::RequestContext;
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

/// Records of one request, the oldest first.
#[derive(Default)]
pub(super) struct Detail {
    /// Nearly always the only one, so it needs no list.
    newest: Chunk,
    older: VecDeque<Chunk>,
    /// The room of all chunks together: what of [`ALL_BYTES`] is ours.
    charged: usize,
    dropped: u64,
    pipelines: Pipelines,
}

/// For whom records are: nearly always for one.
#[derive(Default)]
struct Pipelines {
    first: Option<Arc<Pipeline>>,
    others: Vec<Arc<Pipeline>>,
}

impl Detail {
    /// Keeps a record. Where all of them would take more than `bytes_max`, the older half makes room.
    pub(super) fn keep(&mut self, pipeline: &Arc<Pipeline>, kept: &Kept<'_>, bytes_max: usize) {
        let needed = HEAD_BYTES + kept.record.len();
        let has_room = self.newest.fits(needed) || self.make_room(needed, bytes_max).is_some();
        match self.pipelines.number_of(pipeline) {
            Some(pipeline) if has_room => self.newest.add(kept, pipeline),
            _ => self.dropped += 1,
        }
    }

    /// Begins another chunk, which has room for a frame, if the limits allow it.
    #[cold]
    fn make_room(&mut self, needed: usize, bytes_max: usize) -> Option<()> {
        let room = CHUNK_BYTES.min(bytes_max / CHUNKS_MIN).max(needed);
        let bytes_kept = bytes_max.checked_sub(room)?;
        if bytes_kept < self.charged {
            self.drop_oldest(bytes_kept.min(bytes_max / 2));
        }
        // Relaxed, here and below: only the sum matters.
        if ALL_BYTES_MAX < ALL_BYTES.fetch_add(room, Ordering::Relaxed) + room {
            ALL_BYTES.fetch_sub(room, Ordering::Relaxed);
            return None;
        }
        self.charged += room;
        let filled = std::mem::replace(&mut self.newest, Chunk::with_room(room));
        if filled.room != 0 {
            self.older.push_back(filled);
        }
        Some(())
    }

    /// Drops the oldest records until all others take no more than `bytes_kept`.
    fn drop_oldest(&mut self, bytes_kept: usize) {
        while bytes_kept < self.charged {
            let oldest = self.older.pop_front();
            let oldest = oldest.unwrap_or_else(|| std::mem::take(&mut self.newest));
            self.charged -= oldest.room;
            ALL_BYTES.fetch_sub(oldest.room, Ordering::Relaxed);
            self.dropped += oldest.count;
        }
    }

    fn each(&self, mut take: impl FnMut(&Arc<Pipeline>, Kept<'_>)) {
        for chunk in self.older.iter().chain([&self.newest]) {
            chunk.each(&mut |pipeline, kept| {
                if let Some(pipeline) = self.pipelines.at(pipeline) {
                    take(pipeline, kept);
                }
            });
        }
    }
}

impl Pipelines {
    #[inline]
    fn number_of(&mut self, pipeline: &Arc<Pipeline>) -> Option<u8> {
        match &self.first {
            Some(first) if Arc::ptr_eq(first, pipeline) => Some(0),
            _ => self.find_or_add(pipeline),
        }
    }

    #[cold]
    fn find_or_add(&mut self, pipeline: &Arc<Pipeline>) -> Option<u8> {
        if self.first.is_none() {
            self.first = Some(Arc::clone(pipeline));
            return Some(0);
        }
        let mut others = self.others.iter();
        let place = others.position(|other| Arc::ptr_eq(other, pipeline));
        let place = place.unwrap_or_else(|| {
            self.others.push(Arc::clone(pipeline));
            self.others.len() - 1
        });
        u8::try_from(1 + place).ok()
    }

    fn at(&self, number: u8) -> Option<&Arc<Pipeline>> {
        match number.checked_sub(1) {
            None => self.first.as_ref(),
            Some(place) => self.others.get(usize::from(place)),
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
            .field("charged", &self.charged)
            .field("dropped", &self.dropped)
            .finish_non_exhaustive()
    }
}

impl RequestContext {
    /// Hands over all that was kept, in its order, each record with the time at which it was
    /// logged.
    pub(super) fn write_detail(&self) {
        // Not under the lock: a thread that waits for room may log.
        let detail = std::mem::take(&mut *self.lock_detail());
        let mut dated = Vec::new();
        detail.each(|pipeline, kept| {
            record::date(kept.record, kept.ticks, &mut dated);
            pipeline.push(kept.level, &dated);
        });
        if detail.dropped != 0 {
            let dropped = &self.0.progress.detail_dropped;
            dropped.fetch_add(detail.dropped, Ordering::Relaxed);
        }
    }
}
