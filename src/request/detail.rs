//! The detail of a request: records that are kept in memory until it is known whether anybody wants
//! to read them.
//!
//! A request that ends well forgets them; one that ends badly writes them before its own record.
//! They are encoded already, so to write them is to copy them, and to forget them costs nothing.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::context::RequestContext;
use crate::capture::record;
use crate::pipeline::Pipeline;

/// What the details of all requests of a process take at most.
const ALL_BYTES_MAX: usize = 64 << 20;

/// What they take now.
static ALL_BYTES: AtomicUsize = AtomicUsize::new(0);

/// The first room that a request takes for them.
const STEP_BYTES_MIN: usize = 4 * 1024;

/// Length, level, pipeline, time.
const HEAD_BYTES: usize = 4 + 1 + 1 + 8;

/// Records of one request, the oldest first.
#[derive(Default)]
pub(super) struct Detail {
    frames: Vec<u8>,
    /// What of [`ALL_BYTES`] is ours.
    charged: usize,
    count: u64,
    dropped: u64,
    pipelines: Vec<Arc<Pipeline>>,
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
        if bytes_max < self.frames.len() + needed {
            self.drop_oldest((bytes_max / 2).min(bytes_max.saturating_sub(needed)));
        }
        let place = self.place_of(pipeline);
        let fits = |_: &u8| needed <= bytes_max && self.make_room(needed, bytes_max);
        let Some(place) = place.filter(fits) else {
            self.dropped += 1;
            return;
        };
        let mut head = [0; HEAD_BYTES];
        head[..4].copy_from_slice(&(kept.record.len() as u32).to_le_bytes());
        (head[4], head[5]) = (kept.level, place);
        head[6..].copy_from_slice(&kept.ticks.to_le_bytes());
        self.frames.extend_from_slice(&head);
        self.frames.extend_from_slice(kept.record);
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

    /// Sees to it that there is room for a frame within `bytes_max`, if the limit for all allows it.
    fn make_room(&mut self, needed: usize, bytes_max: usize) -> bool {
        if needed <= self.frames.capacity() - self.frames.len() {
            return true;
        }
        // Few steps: what is there is copied with each.
        let wanted = (4 * self.charged).max(STEP_BYTES_MIN);
        let wanted = wanted.max(self.frames.len() + needed).min(bytes_max);
        let more = wanted - self.charged;
        // Relaxed, here and below: only the sum matters.
        if ALL_BYTES_MAX < ALL_BYTES.fetch_add(more, Ordering::Relaxed) + more {
            ALL_BYTES.fetch_sub(more, Ordering::Relaxed);
            return false;
        }
        self.charged = wanted;
        self.frames.reserve_exact(wanted - self.frames.len());
        true
    }

    /// Drops the oldest records until all others take no more than `bytes_kept`.
    fn drop_oldest(&mut self, bytes_kept: usize) {
        let mut dropped_bytes = 0;
        while let Some(head) = self.frames.get(dropped_bytes..)
            && bytes_kept < head.len()
            && let Some(len) = head.first_chunk()
        {
            dropped_bytes += HEAD_BYTES + u32::from_le_bytes(*len) as usize;
            self.count -= 1;
            self.dropped += 1;
        }
        self.frames.drain(..dropped_bytes.min(self.frames.len()));
    }

    fn each(&self, mut take: impl FnMut(&Arc<Pipeline>, Kept<'_>)) {
        let mut rest = &self.frames[..];
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
        ALL_BYTES.fetch_sub(self.charged, Ordering::Relaxed);
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
