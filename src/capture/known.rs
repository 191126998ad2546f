//! The callsites of this process that records refer to.
//!
//! Each has a number, which it gets when it is met for the first time and keeps for ever. A record
//! carries the numbers of its callsites, and what anybody knows of a callsite lies at its number in a
//! list ([`PerCallsite`]). So a log call looks its callsite up [once](note), and all else hangs on that.
//!
//! A number says nothing to another process. Whoever keeps records for another process (see
//! [`crate::channel::arena`]) tells it of the callsites on this list; a callsite is on it before any
//! record refers to it.
//!
//! No locks: an allocator may log, and a forked child goes on with what its parent's threads left.

mod per_callsite;
mod table;

use std::sync::atomic::{AtomicUsize, Ordering};

use once_cell::race::OnceBox;
use tracing::Metadata;

pub(crate) use self::per_callsite::PerCallsite;
use self::table::Table;
use super::callsite::Callsite;

/// Which callsite it is: counted from 1 in the order in which the process met them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(usize);

/// What a log call finds out about its callsite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Noted {
    pub(crate) number: Number,
    /// Whether no screen has anything against it: see [`super::screen`].
    pub(crate) is_plain: bool,
}

/// An item of the list.
#[derive(Debug)]
struct Known {
    /// `None` where a number was [reserved](reserve).
    metadata: Option<&'static Metadata<'static>>,
    /// As writers see it, made for the first of them.
    callsite: OnceBox<Callsite>,
}

static TABLE: Table = Table::new();

/// Grows only. A callsite may be on it twice; records refer to one of the two.
static LIST: boxcar::Vec<Known> = boxcar::Vec::new();

/// How many callsites were put on the list.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Behind the last of them.
static END: AtomicUsize = AtomicUsize::new(0);

impl Number {
    /// The place of a callsite in any list that has one for each.
    #[inline]
    pub(crate) fn index(self) -> usize {
        self.0 - 1
    }

    /// As it stands in a record.
    #[inline]
    pub(crate) fn to_u64(self) -> u64 {
        self.0 as u64
    }
}

/// Sees to it that a callsite is on the list.
#[inline]
pub(crate) fn note(metadata: &'static Metadata<'static>) -> Noted {
    match TABLE.find_plain(address_of(metadata)) {
        Some(noted) => noted,
        None => note_slowly(metadata),
    }
}

/// The number of a callsite that was noted before. What does not last was not: no callsite that does
/// lies where it lies.
#[inline]
pub(crate) fn find(metadata: &Metadata<'_>) -> Option<Number> {
    TABLE.find(std::ptr::from_ref(metadata).addr())
}

/// The way of callsites that are new, marked, or not where they are looked for first.
#[inline(never)]
fn note_slowly(metadata: &'static Metadata<'static>) -> Noted {
    TABLE.find_or_add(address_of(metadata), || put_on_list(Some(metadata)))
}

/// Marks all callsites that are not marked.
pub(crate) fn mark_all() {
    TABLE.mark_all();
}

/// Takes the mark off a callsite that was noted. Not while others call this or [`mark_all`]: these two
/// share a lock.
pub(crate) fn unmark(metadata: &'static Metadata<'static>) {
    TABLE.unmark(address_of(metadata));
}

/// A number for a callsite that is none of this process.
pub(crate) fn reserve() -> Number {
    put_on_list(None)
}

/// How many callsites are on the list: who sees more than before should look at it again.
#[inline]
pub(crate) fn count() -> usize {
    // Pairs with the Release addition in `put_on_list`.
    COUNT.load(Ordering::Acquire)
}

/// What is at the place `start` of the list and behind it, each with its number; there may be no
/// callsite. What is just being put on the list is left out, and counted later.
pub(crate) fn list_from(
    start: usize,
) -> impl Iterator<Item = (Number, Option<&'static Metadata<'static>>)> {
    (start..END.load(Ordering::Acquire))
        .filter_map(|place| Some((Number(place + 1), LIST.get(place)?.metadata)))
}

/// The callsite that a record of this process refers to by `number`, for those who read records.
/// `None` if there is none.
pub(crate) fn callsite(number: u64) -> Option<&'static Callsite> {
    let number = Number(usize::try_from(number).ok().filter(|number| *number != 0)?);
    let known = LIST.get(number.index())?;
    let metadata = known.metadata?;
    let make = || Box::new(Callsite::new(number, metadata.into()));
    Some(known.callsite.get_or_init(make))
}

fn address_of(metadata: &'static Metadata<'static>) -> usize {
    std::ptr::from_ref(metadata).addr()
}

fn put_on_list(metadata: Option<&'static Metadata<'static>>) -> Number {
    let place = LIST.push(Known {
        metadata,
        callsite: OnceBox::new(),
    });
    // Pairs with the Acquire load in `list_from`, which comes after one of the count.
    END.fetch_max(place + 1, Ordering::Release);
    if metadata.is_some() {
        // Pairs with the Acquire load in `count`: who sees the count finds the callsite on the list.
        COUNT.fetch_add(1, Ordering::Release);
    }
    Number(place + 1)
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
        let number = note(metadata).number;
        assert!(before < count());
        assert_eq!(note(metadata).number, number);
        let listed = list_from(number.index()).next();
        assert!(listed.is_some_and(|(listed, known)| listed == number && known == Some(metadata)));
        let callsite = callsite(number.to_u64()).unwrap();
        assert_eq!((callsite.number, &*callsite.facts.name), (number, "noted"));
    }

    #[test]
    fn numbers_of_no_callsite_of_this_process_find_none() {
        assert!(callsite(0).is_none());
        assert!(callsite(u64::MAX).is_none());
        assert!(callsite(reserve().to_u64()).is_none());
    }

    #[test]
    fn a_callsite_is_plain_from_its_unmarking_to_the_next_marking_of_all() {
        let metadata = tracing::callsite! {
            name: "marked", kind: tracing::metadata::Kind::EVENT, fields: a
        }
        .metadata();
        assert!(!note(metadata).is_plain);
        assert!(!note(metadata).is_plain);
        unmark(metadata);
        // A pipeline that starts in another test may mark it at any moment, but nobody else unmarks.
        mark_all();
        assert!(!note(metadata).is_plain);
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
                    let number = note(metadata).number;
                    let is_it = |(listed, known)| listed == number && known == Some(metadata);
                    assert!(list_from(0).any(is_it));
                });
            }
        });
    }
}
