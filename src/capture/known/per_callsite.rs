//! A list with an item for each callsite.

use once_cell::race::OnceBox;

use super::Number;

/// One `T` for each callsite, made by default when somebody asks for that of a callsite, and
/// where it is from then on. No locks.
///
/// The first block has room for [`FIRST_ITEMS`], and each further one for as many as all before it.
#[derive(Debug)]
pub(crate) struct PerCallsite<T> {
    blocks: [OnceBox<Box<[T]>>; BLOCKS],
}

const FIRST_ITEMS: usize = 64;

const BLOCKS: usize = (usize::BITS - FIRST_ITEMS.ilog2() + 1) as usize;

impl<T> Default for PerCallsite<T> {
    fn default() -> Self {
        PerCallsite {
            blocks: [const { OnceBox::new() }; BLOCKS],
        }
    }
}

impl<T: Default> PerCallsite<T> {
    /// That of a callsite.
    #[inline]
    pub(crate) fn of(&self, callsite: Number) -> &T {
        let (block, first) = block_of(callsite.index());
        let items = self.blocks[block].get_or_init(|| {
            let count = first.max(FIRST_ITEMS);
            Box::new((0..count).map(|_| T::default()).collect())
        });
        &items[callsite.index() - first]
    }

    /// All that somebody has asked for, and some more, each with its place: the same at each look.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        let blocks = self.blocks.iter().enumerate();
        let blocks = blocks.filter_map(|(block, items)| Some((first_of(block), items.get()?)));
        blocks.flat_map(|(first, items)| (first..).zip(items.iter()))
    }
}

/// The block in which an item is, and the first item of that block.
#[inline]
fn block_of(index: usize) -> (usize, usize) {
    let doublings = (index / FIRST_ITEMS).checked_ilog2();
    let block = doublings.map_or(0, |doublings| doublings as usize + 1);
    (block, first_of(block))
}

/// The first item of a block.
#[inline]
fn first_of(block: usize) -> usize {
    match block.checked_sub(1) {
        None => 0,
        Some(doublings) => FIRST_ITEMS << doublings,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A number with many blocks before it, all of which the test walks through.
    const FAR: usize = if cfg!(miri) { 2_000 } else { 100_000 };

    #[test]
    fn each_callsite_has_an_item_of_its_own_which_stays() {
        let items = PerCallsite::<AtomicUsize>::default();
        let numbers = || (1..=1000).chain([FAR, FAR + 1]).map(Number);
        // Relaxed: there is one thread.
        numbers().for_each(|number| items.of(number).store(number.0, Ordering::Relaxed));
        assert!(numbers().all(|number| items.of(number).load(Ordering::Relaxed) == number.0));
        let set = items
            .iter()
            .map(|(place, item)| (place, item.load(Ordering::Relaxed)));
        let set = set.filter(|(_, number)| *number != 0);
        assert!(set.eq(numbers().map(|number| (number.index(), number.0))));
    }

    #[test]
    fn threads_that_ask_for_the_first_item_of_a_block_at_once_share_it() {
        let items = PerCallsite::<AtomicUsize>::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| items.of(Number(5000)).fetch_add(1, Ordering::Relaxed));
            }
        });
        assert_eq!(items.of(Number(5000)).load(Ordering::Relaxed), 4);
    }
}
