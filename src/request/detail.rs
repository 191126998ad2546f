//! The detail of a request: records that are kept in memory until it is known whether anybody wants
//! to read them.
//!
//! A request that ends well forgets them; one that ends badly writes them before its own record.
//! They are encoded already, so to write them is to copy them, and to forget them costs nothing.

mod chunk;

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};

use self::chunk::Chunk;
pub(super) use self::chunk::Kept;
use super::context::{Held, RequestContext};
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

/// A request's detail is for so many pipelines at most: nearly always for one.
const PIPELINES_MAX: usize = 4;

/// Records of one request, the oldest first.
///
/// It lies behind a lock, under which nothing is allocated and nothing given back: an allocator may
/// log, and what it logs may be detail of the same request. What is needed is made before, as a
/// [`Room`], and what is not needed any more goes with that.
#[derive(Default)]
pub(super) struct Detail {
    /// Nearly always the only one, so it needs no list.
    newest: Chunk,
    older: VecDeque<Chunk>,
    /// The room of all chunks together: what of [`ALL_BYTES`] is ours.
    charged: usize,
    dropped: u64,
    pipelines: [Option<Arc<Pipeline>>; PIPELINES_MAX],
}

/// What a detail takes to go on, and what it leaves behind: made, and dropped, without its lock.
#[derive(Default)]
struct Room {
    chunk: Chunk,
    /// Another list for the older chunks, where theirs is full or becomes shorter.
    older: VecDeque<Chunk>,
    /// What was the newest chunk, where not even that can stay.
    newest: Chunk,
}

/// What a room must have.
struct Wanted {
    chunk_bytes: usize,
    older_count: usize,
}

impl Room {
    fn of(wanted: &Wanted) -> Self {
        Room {
            chunk: Chunk::with_room(wanted.chunk_bytes),
            older: VecDeque::with_capacity(wanted.older_count),
            newest: Chunk::default(),
        }
    }

    fn has(&self, wanted: &Wanted) -> bool {
        wanted.chunk_bytes <= self.chunk.room && wanted.older_count <= self.older.capacity()
    }
}

impl Detail {
    /// Keeps a record where there is room for it. Says no where there is none.
    #[inline]
    fn keep(&mut self, pipeline: &Arc<Pipeline>, kept: &Kept<'_>) -> bool {
        if !self.newest.fits(kept.needed()) {
            return false;
        }
        match self.number_of(pipeline) {
            Some(number) => self.newest.add(kept, number),
            None => self.dropped += 1,
        }
        true
    }

    /// The same, with what `room` has; without, where the limits leave it none. Where all records would
    /// take more than `bytes_max`, the older half goes.
    ///
    /// # Errors
    ///
    /// What a room must have that does.
    fn keep_in(
        &mut self,
        room: &mut Room,
        pipeline: &Arc<Pipeline>,
        kept: &Kept<'_>,
        bytes_max: usize,
    ) -> Result<(), Wanted> {
        if self.keep(pipeline, kept) {
            return Ok(());
        }
        let chunk_bytes = CHUNK_BYTES.min(bytes_max / CHUNKS_MIN).max(kept.needed());
        let Some(bytes_kept) = bytes_max.checked_sub(chunk_bytes) else {
            self.dropped += 1;
            return Ok(());
        };
        let is_over = bytes_kept < self.charged;
        let wanted = Wanted {
            chunk_bytes,
            older_count: self.older_count_wanted(is_over),
        };
        if !room.has(&wanted) {
            return Err(wanted);
        }
        if is_over {
            self.drop_oldest(bytes_kept.min(bytes_max / 2), room);
        }
        self.begin_chunk(room);
        if !self.keep(pipeline, kept) {
            self.dropped += 1;
        }
        Ok(())
    }

    /// How many chunks another list of the older ones must have room for. None where this one does.
    fn older_count_wanted(&self, is_over: bool) -> usize {
        let count = self.older.len() + usize::from(self.newest.room != 0);
        match is_over || self.older.capacity() < count {
            true => count.next_power_of_two(),
            false => 0,
        }
    }

    /// Begins the chunk of `room`, unless all details together have taken what they may.
    fn begin_chunk(&mut self, room: &mut Room) {
        let bytes = room.chunk.room;
        // Relaxed, here and below: only the sum matters.
        if ALL_BYTES_MAX < ALL_BYTES.fetch_add(bytes, Ordering::Relaxed) + bytes {
            ALL_BYTES.fetch_sub(bytes, Ordering::Relaxed);
            return;
        }
        self.charged += bytes;
        let filled = mem::replace(&mut self.newest, mem::take(&mut room.chunk));
        if filled.room == 0 {
            return;
        }
        if self.older.len() == self.older.capacity() {
            mem::swap(&mut self.older, &mut room.older);
            self.older.append(&mut room.older);
        }
        self.older.push_back(filled);
    }

    /// Lets go of the oldest records, until all others take no more than `bytes_kept`. They stay in
    /// `room`, to be dropped.
    fn drop_oldest(&mut self, bytes_kept: usize, room: &mut Room) {
        mem::swap(&mut self.older, &mut room.older);
        let mut dropped = 0;
        while bytes_kept < self.charged {
            let oldest = room.older.get(dropped).unwrap_or(&self.newest);
            self.charged -= oldest.room;
            ALL_BYTES.fetch_sub(oldest.room, Ordering::Relaxed);
            self.dropped += oldest.count;
            dropped += 1;
        }
        if room.older.len() < dropped {
            room.newest = mem::take(&mut self.newest);
        }
        let dropped = dropped.min(room.older.len());
        self.older.extend(room.older.drain(dropped..));
    }

    fn each(&self, mut take: impl FnMut(&Arc<Pipeline>, Kept<'_>)) {
        for chunk in self.older.iter().chain([&self.newest]) {
            chunk.each(&mut |pipeline, kept| {
                if let Some(Some(pipeline)) = self.pipelines.get(usize::from(pipeline)) {
                    take(pipeline, kept);
                }
            });
        }
    }

    /// By which number records say for whom they are. `None` where there are too many.
    #[inline]
    fn number_of(&mut self, pipeline: &Arc<Pipeline>) -> Option<u8> {
        match &self.pipelines[0] {
            Some(first) if Arc::ptr_eq(first, pipeline) => Some(0),
            _ => self.find_or_add(pipeline),
        }
    }

    #[cold]
    fn find_or_add(&mut self, pipeline: &Arc<Pipeline>) -> Option<u8> {
        let is_it = |place: &Option<Arc<Pipeline>>| match place {
            Some(known) => Arc::ptr_eq(known, pipeline),
            None => true,
        };
        let number = self.pipelines.iter().position(is_it)?;
        self.pipelines[number].get_or_insert_with(|| Arc::clone(pipeline));
        u8::try_from(number).ok()
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
    /// Keeps a record, unless the request was decided to be kept meanwhile and the record is none of its
    /// detail: then it says no, and the record is to be handed over.
    #[inline]
    pub(super) fn keep_detail(&self, held: &Held<'_>, kept: &Kept<'_>) -> bool {
        let mut detail = self.lock_detail();
        if self.wants_at_once(held) {
            return false;
        }
        if !detail.keep(held.pipeline, kept) {
            drop(detail);
            return self.keep_detail_in_new_room(held, kept);
        }
        true
    }

    #[cold]
    fn keep_detail_in_new_room(&self, held: &Held<'_>, kept: &Kept<'_>) -> bool {
        let bytes_max = self.0.options.detail_bytes;
        let mut room = Room::default();
        loop {
            let mut detail = self.lock_detail();
            if self.wants_at_once(held) {
                return false;
            }
            let result = detail.keep_in(&mut room, held.pipeline, kept, bytes_max);
            // Before the room, which is given back only when nobody has to wait for that.
            drop(detail);
            match result {
                Ok(()) => return true,
                Err(wanted) => room = Room::of(&wanted),
            }
        }
    }

    fn lock_detail(&self) -> MutexGuard<'_, Detail> {
        self.0.detail.lock().unwrap_or_else(PoisonError::into_inner)
    }

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
