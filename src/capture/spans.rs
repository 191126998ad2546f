//! The spans that are open, by their identifiers, where offloop is the program's only subscriber.
//!
//! They lie in a slab in which each thread has a place of its own. It has places for so many threads
//! and panics on those beyond, who may be of the user's; so a thread takes one of as many seats first,
//! and a span that it opens without a seat is not known.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sharded_slab::{Config, Slab};
use tracing::span::Id;

use super::span::Span;

/// How many threads have opened a span and live.
static SEATED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether this thread has taken a seat.
    static IS_SEATED: Cell<bool> = const { Cell::new(false) };
    /// Gives it back as the thread ends.
    static SEAT: Seat = const { Seat };
}

struct Seat;

impl Drop for Seat {
    fn drop(&mut self) {
        SEATED.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Open spans, of at most so many threads as the configuration says.
pub(super) struct Spans<C: Config = SpanSlots>(Slab<OpenSpan, C>);

/// How the bits of a span's identifier are divided.
#[derive(Debug)]
pub(super) struct SpanSlots;

impl Config for SpanSlots {
    /// By default they are 4,096, which some servers have. Each takes eight bytes, whether or not it is
    /// there. Without settings of its own, a process on Linux has mappings for as many stacks.
    const MAX_THREADS: usize = 1 << 15;
}

#[derive(Debug)]
struct OpenSpan {
    span: Arc<Span>,
    /// How many handles to the span there are.
    handles: AtomicUsize,
}

impl<C: Config> Spans<C> {
    pub(super) fn new() -> Self {
        Spans(Slab::new_with_config())
    }

    /// Its identifier, which finds nothing where there is no place for the span.
    pub(super) fn open(&self, span: Arc<Span>) -> Id {
        let open = OpenSpan {
            span,
            handles: AtomicUsize::new(1),
        };
        let key = seated::<C, _>(|| self.0.insert(open)).flatten();
        Id::from_u64(key.map_or(u64::MAX, |key| key as u64 + 1))
    }

    pub(super) fn find(&self, id: &Id) -> Option<Arc<Span>> {
        self.0.get(key(id)).map(|open| Arc::clone(&open.span))
    }

    /// Notes one handle more.
    pub(super) fn keep(&self, id: &Id) {
        if let Some(open) = self.0.get(key(id)) {
            // Relaxed: a new handle is made from one that exists, as with `Arc`.
            open.handles.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes one handle less. Says whether it was the last one.
    pub(super) fn let_go(&self, id: &Id) -> bool {
        // AcqRel: whatever the other handles did happens before the slot is used anew.
        let open = self.0.get(key(id));
        open.is_some_and(|open| open.handles.fetch_sub(1, Ordering::AcqRel) == 1)
    }

    /// Forgets a span that has no handles any more.
    pub(super) fn close(&self, id: &Id) -> bool {
        if IS_SEATED.get() {
            // Also where the thread's storage is gone: it is as if another thread did it.
            return self.0.remove(key(id));
        }
        seated::<C, _>(|| self.0.remove(key(id))).unwrap_or_default()
    }
}

impl<C: Config> std::fmt::Debug for Spans<C> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Spans").finish_non_exhaustive()
    }
}

/// Identifiers count from 1, keys from 0. A key names its slot and how often that was used, so a
/// stale or foreign identifier finds nothing.
fn key(id: &Id) -> usize {
    (id.into_u64() - 1) as usize
}

/// Does what needs a thread's place in the slab, if there is one.
#[inline]
fn seated<C: Config, T>(part: impl FnOnce() -> T) -> Option<T> {
    if !IS_SEATED.get() {
        return take_seat::<C, T>(part);
    }
    // It was registered after the slab's own storage of the thread, so it is gone before that.
    SEAT.try_with(|_| ()).ok()?;
    Some(part())
}

#[cold]
fn take_seat<C: Config, T>(part: impl FnOnce() -> T) -> Option<T> {
    // A place that a thread leaves is not free at once. Relaxed, as above: it is a count, and publishes
    // nothing.
    let seats = C::MAX_THREADS - C::MAX_THREADS / 64;
    if seats <= SEATED.fetch_add(1, Ordering::Relaxed) {
        SEATED.fetch_sub(1, Ordering::Relaxed);
        return None;
    }
    // Other users of such slabs share the numbers of threads, and are not counted here.
    let done = catch_unwind(AssertUnwindSafe(part)).ok();
    let is_seated = done.is_some() && SEAT.try_with(|_| ()).is_ok();
    IS_SEATED.set(is_seated);
    if !is_seated {
        SEATED.fetch_sub(1, Ordering::Relaxed);
    }
    done
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    struct Few;

    impl Config for Few {
        const MAX_THREADS: usize = 4;
    }

    #[test]
    fn threads_beyond_those_that_a_slab_has_places_for_find_none_and_do_not_panic() {
        const THREADS: usize = 16;
        let slab = Slab::<usize>::new_with_config::<Few>();
        let all_there = Barrier::new(THREADS);
        let insert = |value| {
            let key = seated::<Few, _>(|| slab.insert(value)).flatten();
            all_there.wait();
            key.is_some_and(|key| slab.get(key).is_some_and(|found| *found == value))
        };
        let found = thread::scope(|scope| {
            let threads = (0..THREADS).map(|value| scope.spawn(move || insert(value)));
            let threads: Vec<_> = threads.collect();
            let found = threads.into_iter().map(|thread| thread.join().unwrap());
            found.filter(|is_found| *is_found).count()
        });
        assert!(found <= Few::MAX_THREADS, "{found}");
    }
}
