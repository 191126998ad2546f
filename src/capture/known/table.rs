//! From the address of a callsite to its number.
//!
//! A hash table with open addressing that never moves what is in it: where one level has no slot left
//! for an address, the next one has it, which is twice as large.
//!
//! ```text
//! for each level, from the first:
//!     for each of the PROBES slots from the one that the hash of the address says:
//!         is it free?            then it is the callsite's from now on
//!         is it the callsite's?  then its number is what is looked for
//! ```
//!
//! A slot that was taken is never given up, and all who look for an address pass the same slots in the
//! same order. So a callsite has one slot, whoever meets it first, and a search ends after a few
//! slots of each level, however many callsites there are.

use std::sync::atomic::{AtomicUsize, Ordering};

use once_cell::race::OnceBox;

use super::{Noted, Number};

/// Numbers by address.
#[derive(Debug)]
pub(super) struct Table {
    first: [Slot; FIRST_SLOTS],
    /// The levels behind the first, made as they are needed.
    more: [OnceBox<Box<[Slot]>>; LEVELS_MAX - 1],
}

/// That of one callsite.
#[derive(Debug, Default)]
struct Slot {
    /// With [`MARK`] where the callsite is not known to be plain. 0 if the slot is free.
    address: AtomicUsize,
    /// 0 as long as whoever took the slot has not told it yet.
    number: AtomicUsize,
}

/// Is set in an address, whose lowest bit is zero.
const MARK: usize = 1;

/// How many slots of a level are looked at.
const PROBES: usize = 8;

const FIRST_SLOTS: usize = 8192;

/// All levels have room for more callsites than fit into a program.
const LEVELS_MAX: usize = 16;

impl Table {
    pub(super) const fn new() -> Self {
        Table {
            first: [const { Slot::new() }; FIRST_SLOTS],
            more: [const { OnceBox::new() }; LEVELS_MAX - 1],
        }
    }

    /// What is known of the callsite at an address, if that is plain and where it is looked for first:
    /// the way of nearly all.
    #[inline]
    pub(super) fn find_plain(&self, address: usize) -> Option<Noted> {
        let slot = &self.first[place_of(address, FIRST_SLOTS)];
        // Pairs with the Release store in `unmark`: who sees the address without a mark sees the number, and
        // every screen that was there when the mark was taken off.
        let is_plain = slot.address.load(Ordering::Acquire) == address;
        is_plain.then(|| Noted {
            // Relaxed: see above.
            number: Number(slot.number.load(Ordering::Relaxed)),
            is_plain,
        })
    }

    /// The number of any callsite that has one.
    #[inline]
    pub(super) fn find(&self, address: usize) -> Option<Number> {
        let plain = self.find_plain(address).map(|noted| noted.number);
        plain.or_else(|| self.find_slowly(address))
    }

    #[inline(never)]
    fn find_slowly(&self, address: usize) -> Option<Number> {
        let mut slots = self.levels().flat_map(|level| window(level, address));
        // Relaxed: the number has its own pair.
        let is_it = |slot: &&Slot| slot.address.load(Ordering::Relaxed) & !MARK == address;
        slots.find(is_it)?.number()
    }

    /// What is known of any callsite. One that is new gets a number by `list`, which may be called in vain
    /// where several threads meet it at once.
    #[inline(never)]
    pub(super) fn find_or_add(&self, address: usize, list: impl Fn() -> Number) -> Noted {
        let mut slots = (0..LEVELS_MAX).flat_map(|level| self.slots_of(level, address));
        let found = slots.find_map(|slot| {
            let is_plain = slot.take(address)?;
            let number = slot.number_or_tell(&list);
            Some(Noted { number, is_plain })
        });
        found.unwrap_or_else(|| Noted {
            number: list(),
            is_plain: false,
        })
    }

    /// Marks all callsites that are not marked.
    pub(super) fn mark_all(&self) {
        for slot in self.levels().flatten() {
            // Relaxed: who takes a slot marks it.
            if slot.address.load(Ordering::Relaxed) != 0 {
                // Release: who marks has done what it marks for. See `unmark`.
                slot.address.fetch_or(MARK, Ordering::Release);
            }
        }
    }

    /// Takes the mark off a callsite, which the caller has found here. Not while others call this or
    /// [`mark_all`](Self::mark_all).
    pub(super) fn unmark(&self, address: usize) {
        let mut slots = self.levels().flat_map(|level| window(level, address));
        // Relaxed: the caller has seen the number.
        let is_it = |slot: &&Slot| slot.address.load(Ordering::Relaxed) == address | MARK;
        if let Some(slot) = slots.find(is_it) {
            // Pairs with the Acquire loads in `find_plain` and `take`.
            slot.address.store(address, Ordering::Release);
        }
    }

    /// The levels that there are.
    fn levels(&self) -> impl Iterator<Item = &[Slot]> {
        let more = self.more.iter().map_while(OnceBox::get);
        [&self.first[..]]
            .into_iter()
            .chain(more.map(|level| &**level))
    }

    /// The slots of a level in which a callsite may be. A level that is not there is made.
    fn slots_of(&self, level: usize, address: usize) -> impl Iterator<Item = &Slot> {
        let slots = match level.checked_sub(1) {
            None => &self.first[..],
            Some(further) => self.more[further].get_or_init(|| {
                let slots = (0..FIRST_SLOTS << level).map(|_| Slot::new());
                Box::new(slots.collect())
            }),
        };
        window(slots, address)
    }
}

impl Slot {
    const fn new() -> Self {
        Slot {
            address: AtomicUsize::new(0),
            number: AtomicUsize::new(0),
        }
    }

    /// Takes the slot if it is free. `None` if it is that of another callsite; else whether this one is
    /// plain.
    fn take(&self, address: usize) -> Option<bool> {
        // Pairs with the Release stores in `unmark` and `mark_all`. An address that was just put here
        // publishes nothing: the number has its own pair.
        let order = Ordering::Acquire;
        let mut known = self.address.load(order);
        if known == 0 {
            let taken = self
                .address
                .compare_exchange(0, address | MARK, order, order);
            known = taken.map_or_else(|other| other, |_| address | MARK);
        }
        (known & !MARK == address).then_some(known == address)
    }

    /// The number, if it was told yet.
    fn number(&self) -> Option<Number> {
        // Pairs with the Release exchange below: who sees the number finds the callsite on the list.
        let known = self.number.load(Ordering::Acquire);
        (known != 0).then_some(Number(known))
    }

    /// The same. One that was not told yet is told here, whoever took the slot: it may be a thread that
    /// a forked child does not have.
    fn number_or_tell(&self, list: impl Fn() -> Number) -> Number {
        if let Some(known) = self.number() {
            return known;
        }
        let own = list();
        // Pairs with the Acquire load in `number`.
        let (set, fetch) = (Ordering::Release, Ordering::Acquire);
        let told = self.number.compare_exchange(0, own.0, set, fetch);
        told.map_or_else(Number, |_| own)
    }
}

/// The slots of a level in which a callsite may be.
fn window(level: &[Slot], address: usize) -> impl Iterator<Item = &Slot> {
    let first = place_of(address, level.len());
    (first..first + PROBES).map(|place| &level[place % level.len()])
}

/// Fibonacci hashing: the product's highest bits depend on all bits of the address.
#[inline]
fn place_of(address: usize, slots: usize) -> usize {
    let hash = (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (hash >> (u64::BITS - slots.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// More than fit into the first levels.
    const MANY: usize = if cfg!(miri) { 200 } else { 60_000 };

    fn numbers() -> impl Fn() -> Number {
        let next = AtomicUsize::new(1);
        move || Number(next.fetch_add(1, Ordering::Relaxed))
    }

    /// Addresses as far apart as those of callsites.
    fn addresses() -> impl Iterator<Item = usize> {
        (1..=MANY).map(|place| 0x5555_0000_0000 + 104 * place)
    }

    #[test]
    fn however_many_callsites_there_are_each_keeps_its_number() {
        let (table, list) = (Box::new(Table::new()), numbers());
        let number_of = |address| table.find_or_add(address, &list).number;
        let first: Vec<_> = addresses().map(number_of).collect();
        let again: Vec<_> = addresses().map(number_of).collect();
        assert!(first == again);
        assert!(
            addresses()
                .map(|address| table.find(address))
                .eq(first.iter().copied().map(Some))
        );
        assert_eq!(table.find(8), None);
        let different: HashSet<_> = first.iter().map(|number| number.0).collect();
        assert_eq!(different.len(), MANY);
    }

    #[test]
    #[cfg_attr(
        miri,
        ignore = "looks through 200,000 addresses for some that share a slot"
    )]
    fn a_callsite_has_room_where_all_others_would_be_looked_for_at_the_same_slot() {
        let (table, list) = (Box::new(Table::new()), numbers());
        let same = |address: &usize| place_of(*address, FIRST_SLOTS) == 7;
        let same: Vec<_> = (8..).step_by(8).filter(same).take(3 * PROBES).collect();
        let number_of = |address: &usize| table.find_or_add(*address, &list).number.0;
        let first: Vec<_> = same.iter().map(number_of).collect();
        assert!(first.iter().copied().eq(1..=3 * PROBES));
        assert!(same.iter().map(number_of).eq(first));
    }

    #[test]
    fn marks_are_set_for_all_and_taken_off_one_by_one_at_any_level() {
        let (table, list) = (Box::new(Table::new()), numbers());
        let is_plain = |address| table.find_or_add(address, &list).is_plain;
        assert!(!addresses().any(is_plain));
        let half = || addresses().step_by(2);
        half().for_each(|address| table.unmark(address));
        let expected = (0..MANY).map(|place| place % 2 == 0);
        assert!(addresses().map(is_plain).eq(expected));
        let quickly = half().filter_map(|address| table.find_plain(address));
        assert!(quickly.into_iter().count() != 0);
        table.mark_all();
        assert!(!addresses().any(is_plain));
        assert!(addresses().all(|address| table.find_plain(address).is_none()));
    }

    #[test]
    fn threads_that_meet_the_same_callsites_at_once_agree_on_their_numbers() {
        let (table, list) = (Box::new(Table::new()), numbers());
        let meet = || -> Vec<_> {
            let all = addresses().take(2000);
            all.map(|address| table.find_or_add(address, &list).number)
                .collect()
        };
        std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(meet));
            let met = threads.map(|thread| thread.join().unwrap());
            assert!(met.iter().all(|numbers| *numbers == met[0]));
        });
    }
}
