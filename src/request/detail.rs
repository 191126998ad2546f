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
use crate::capture::record;
use crate::capture::thread;
use crate::pipeline::Pipeline;

/// What the details of all requests of a process take at most.
const ALL_BYTES_MAX: usize = 64 << 20;

/// What they take now.
static ALL_BYTES: AtomicUsize = AtomicUsize::new(0);

/// Length, level, pipeline, time.
const HEAD_BYTES: usize = 4 + 1 + 1 + 8;

/// Records of one request, the oldest first.
#[derive(Default)]
pub(super) struct Detail {
    frames: VecDeque<u8>,
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
    /// Keeps a record, in the place of older ones where they would take more than `bytes_max`.
    pub(super) fn keep(&mut self, pipeline: &Arc<Pipeline>, kept: Kept<'_>, bytes_max: usize) {
        let needed = HEAD_BYTES + kept.record.len();
        while !self.frames.is_empty() && bytes_max < self.frames.len() + needed {
            self.drop_oldest();
        }
        let place = self.place_of(pipeline);
        let Some(place) = place.filter(|_| needed <= bytes_max && self.make_room(needed)) else {
            self.dropped += 1;
            return;
        };
        self.frames.extend((kept.record.len() as u32).to_le_bytes());
        self.frames.extend([kept.level, place]);
        self.frames.extend(kept.ticks.to_le_bytes());
        self.frames.extend(kept.record);
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

    /// Sees to it that there is room for a frame, if the limit for all allows it.
    fn make_room(&mut self, needed: usize) -> bool {
        if needed <= self.frames.capacity() - self.frames.len() {
            return true;
        }
        let wanted = (self.frames.len() + needed).next_power_of_two().max(1024);
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

    fn drop_oldest(&mut self) {
        let head = self.frames.iter().take(4).copied();
        let len = head.rev().fold(0, |len, byte| len << 8 | usize::from(byte));
        self.frames
            .drain(..(HEAD_BYTES + len).min(self.frames.len()));
        self.count -= 1;
        self.dropped += 1;
    }

    fn each(&mut self, mut take: impl FnMut(&Arc<Pipeline>, Kept<'_>)) {
        let mut rest: &[u8] = self.frames.make_contiguous();
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
        let mut detail = std::mem::take(&mut *self.lock_detail());
        let mut dated = Vec::new();
        detail.each(|pipeline, kept| {
            record::date(kept.record, kept.ticks, &mut dated);
            if thread::push(pipeline, kept.level, &dated) == thread::Pushed::Late {
                pipeline.running().write_if_late();
            }
        });
        (detail.count, detail.dropped)
    }
}
