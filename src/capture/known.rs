//! The callsites of this process that records refer to.
//!
//! A record carries the address of its callsite, which says nothing to another process. Whoever
//! keeps records for another process (see [`crate::channel::arena`]) tells it of the callsites on
//! this list; a callsite is on it before any record refers to it.
//!
//! No locks: an allocator may log, and a forked child goes on with what its parent's threads left.

use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::Metadata;

/// Grows only. A callsite may be on it twice.
static LIST: boxcar::Vec<&'static Metadata<'static>> = boxcar::Vec::new();

/// How many callsites were put on the list.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Behind the last of them.
static END: AtomicUsize = AtomicUsize::new(0);

/// Addresses of callsites on the list, each at the place that its hash says or at one of the next.
/// The lowest bit of an address, which is zero, is set where the callsite is not known to be plain:
/// see [`super::screen`].
static ADDRESSES: [AtomicUsize; PLACES] = [const { AtomicUsize::new(0) }; PLACES];

const PLACES: usize = 8192;

/// How many places are looked at before a callsite is looked for in the list itself.
const PROBES: usize = 32;

/// Says that a callsite is not known to be plain.
const MARK: usize = 1;

/// Sees to it that a callsite is on the list. Says whether it is plain.
#[inline]
pub(crate) fn note(metadata: &'static Metadata<'static>) -> bool {
    let address = address_of(metadata);
    // Pairs with the Release stores in `note_slowly` and `unmark`: who sees the address sees the
    // count as well, and every screen that was there when the mark was taken off.
    ADDRESSES[place_of(address)].load(Ordering::Acquire) == address || note_slowly(metadata)
}

/// Marks all callsites that are not marked.
pub(crate) fn mark_all() {
    for place in &ADDRESSES {
        if place.load(Ordering::Relaxed) != 0 {
            // Release: who marks has done what it marks for. See `unmark`.
            place.fetch_or(MARK, Ordering::Release);
        }
    }
}

/// Takes the mark off a callsite. Not while others call this or [`mark_all`]: these two share a
/// lock.
pub(crate) fn unmark(metadata: &'static Metadata<'static>) {
    let address = address_of(metadata);
    let mut places = places_from(place_of(address));
    if let Some(place) = places.find(|place| place.load(Ordering::Relaxed) == address | MARK) {
        // Pairs with the Acquire load in `note`.
        place.store(address, Ordering::Release);
    }
}

/// The places at which a callsite may be.
fn places_from(first: usize) -> impl Iterator<Item = &'static AtomicUsize> {
    (first..first + PROBES).map(|place| &ADDRESSES[place % PLACES])
}

/// How many callsites are on the list: who sees more than before should look at it again.
#[inline]
pub(crate) fn count() -> usize {
    // Pairs with the Release addition in `put_on_list`.
    COUNT.load(Ordering::Acquire)
}

/// The callsites at the place `start` of the list and behind it, each with its place. One that is
/// just being put on the list is left out, and counted later.
pub(crate) fn list_from(start: usize) -> impl Iterator<Item = (usize, &'static Metadata<'static>)> {
    (start..END.load(Ordering::Acquire))
        .filter_map(|place| LIST.get(place).map(|metadata| (place, *metadata)))
}

/// By what records refer to a callsite.
pub(crate) fn address_of(metadata: &'static Metadata<'static>) -> usize {
    std::ptr::from_ref(metadata).addr()
}

#[cold]
fn note_slowly(metadata: &'static Metadata<'static>) -> bool {
    let address = address_of(metadata);
    // A place that was taken is never given up: behind a free one there is nothing.
    let found = places_from(place_of(address)).find_map(|place| {
        let known = place.load(Ordering::Acquire);
        let is_there = known & !MARK == address;
        (known == 0 || is_there).then_some((place, known))
    });
    match found {
        Some((place, 0)) => {
            put_on_list(metadata);
            // Where another thread takes the place first, the callsite is put on the list once
            // more the next time, and finds the next place. Release: see `note`.
            let marked = address | MARK;
            let _ = place.compare_exchange(0, marked, Ordering::Release, Ordering::Relaxed);
            false
        }
        Some((_, known)) => known == address,
        None if LIST.iter().any(|(_, known)| address_of(known) == address) => false,
        None => {
            put_on_list(metadata);
            false
        }
    }
}

fn put_on_list(metadata: &'static Metadata<'static>) {
    let place = LIST.push(metadata);
    // Pairs with the Acquire load in `list_from`, which comes after one of the count.
    END.fetch_max(place + 1, Ordering::Release);
    // Pairs with the Acquire load in `count`: who sees the count finds the callsite on the list.
    COUNT.fetch_add(1, Ordering::Release);
}

/// Fibonacci hashing: the product's highest bits depend on all bits of the address.
#[inline]
fn place_of(address: usize) -> usize {
    let hash = (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (hash >> (u64::BITS - PLACES.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    use tracing::Callsite;

    #[test]
    fn a_callsite_that_was_noted_is_on_the_list_and_counted() {
        let metadata = tracing::callsite! {
            name: "noted", kind: tracing::metadata::Kind::EVENT, fields: a
        }
        .metadata();
        let before = count();
        note(metadata);
        let noted = count();
        note(metadata);
        let is_it = |(_, known): (_, &'static Metadata<'static>)| std::ptr::eq(known, metadata);
        assert!(list_from(0).any(is_it));
        assert!(before < noted);
    }

    #[test]
    fn a_callsite_is_plain_from_its_unmarking_to_the_next_marking_of_all() {
        let metadata = tracing::callsite! {
            name: "marked", kind: tracing::metadata::Kind::EVENT, fields: a
        }
        .metadata();
        assert!(!note(metadata));
        assert!(!note(metadata));
        unmark(metadata);
        // A pipeline that starts in another test may mark it at any moment, but nobody else unmarks.
        mark_all();
        assert!(!note(metadata));
    }

    #[test]
    fn threads_that_note_the_same_callsite_at_once_all_find_it_counted() {
        let metadata = tracing::callsite! {
            name: "noted at once", kind: tracing::metadata::Kind::SPAN, fields: a
        }
        .metadata();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    note(metadata);
                    assert!(list_from(0).any(|(_, known)| std::ptr::eq(known, metadata)));
                });
            }
        });
    }
}
