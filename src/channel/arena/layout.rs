//! What a file of pages looks like: the one place that knows, for who writes it (the process whose
//! pages they are) and for who reads it after that process was killed.
//!
//! ```text
//! header     HEADER_BYTES: what the file is, whose, and the sizes that all else follows from
//! facts      FACTS_BYTES_MAX: what a reader cannot know by itself (see `facts`)
//! journals   one for each of the first JOURNALS_MAX sinks: what is being written to it just now
//! slots      SLOT_BYTES for each page that there can ever be: whose page it is, how far it is
//!            filled, how far each sink has written it
//! pages      the pages' bytes, class by class: pages of class c have `page_bytes << c` bytes
//! ```
//!
//! The file is sparse: a region is as large as it may ever become, and takes no memory before it
//! is reserved. What was never reserved, or was given back, reads as zero. Numbers are in the
//! machine's own byte order, which the header tells; a file of another order or version is refused.
//!
//! **Written to be killed.** The processor completes what a killed thread has stored, and nothing
//! after it. So whatever is valid only as a whole is written first and made valid by a single
//! store after it:
//!
//! - A record counts once its slot's `state` covers it. A slot that is used anew first gets the
//!   state of an empty page, then its new `written`, lane and thread, and only then records.
//! - A fact counts once `facts_used` covers it.
//! - A journal counts while its `state` is not [`EMPTY`].
//! - Of what is overwritten while it is valid (clock, place), there are two copies, each with a
//!   stamp: 0 while it is being written, and else the larger the later it was. The latest whole
//!   one counts.
//!
//! Offsets are in bytes from the beginning of the file, of a slot or of a journal, as the name says.
//! What lies there is taken apart in `parts`.

mod parts;

pub(crate) use self::parts::{ClockCopy, End, Owner, PlaceCopy, Position, Slot};

/// The header takes a page of the system's.
pub(crate) const HEADER_BYTES: u64 = 4096;

/// The first eight bytes of the file.
pub(crate) const MAGIC: [u8; 8] = *b"offloop\0";

/// Changes with everything that a reader of the former version would misunderstand, the layout of
/// records included.
pub(crate) const VERSION: u32 = 1;

/// Reads differently in another byte order.
pub(crate) const BYTE_ORDER_MARK: u32 = 0x0102_0304;

/// `ticks` are those of the processor's counter, which counts on from process to process.
pub(crate) const TICKS_OF_PROCESSOR: u32 = 1;

/// `ticks` began with the process, which nobody else can relate to anything but the clock copies.
pub(crate) const TICKS_OF_PROCESS: u32 = 2;

/// How many sinks have journals. A record is crash safe for these.
pub(crate) const JOURNALS_MAX: usize = 16;

/// Facts beyond that are not kept.
pub(crate) const FACTS_BYTES_MAX: u64 = 16 << 20;

/// A batch beyond that is written without a journal.
pub(crate) const BATCH_BYTES_MAX: u64 = 16 << 20;

/// Where in the header things are.
pub(crate) mod header {
    pub(crate) const MAGIC: usize = 0;
    pub(crate) const VERSION: usize = 8;
    pub(crate) const BYTE_ORDER: usize = 12;
    /// The inputs of [`Layout::new`](super::Layout::new).
    pub(crate) const PAGE_BYTES: usize = 16;
    pub(crate) const BUDGET_BYTES: usize = 24;
    pub(crate) const JOURNALS: usize = 32;
    /// What ticks are: [`TICKS_OF_PROCESSOR`](super::TICKS_OF_PROCESSOR) or
    /// [`TICKS_OF_PROCESS`](super::TICKS_OF_PROCESS).
    pub(crate) const TICKS_KIND: usize = 36;
    /// The owner: 64 bits each.
    pub(crate) const PID: usize = 40;
    /// Nanoseconds since the Unix epoch.
    pub(crate) const STARTED_NS: usize = 48;
    /// The 16 bytes of `/proc/sys/kernel/random/boot_id`; zero where there is none.
    pub(crate) const BOOT_ID: usize = 56;
    /// How many bytes of facts are valid. Stored with Release after the fact.
    pub(crate) const FACTS_USED: usize = 128;
    /// How the owner ended, as far as it could tell: see [`End`](super::End). 64 bits; zero while it runs.
    pub(crate) const END: usize = 136;
    /// Two copies, each [`CLOCK_COPY_BYTES`] long: stamp, ticks, wall-clock time in nanoseconds
    /// since the Unix epoch (signed), nanoseconds a tick (the bits of an `f64`; 0 if not known yet).
    pub(crate) const CLOCK: usize = 192;
    pub(crate) const CLOCK_COPY_BYTES: usize = 64;
    /// How many slots of each class were ever used: the first ones. 64 bits each.
    pub(crate) const MADE: usize = 320;

    const _: () = assert!(END + 8 <= CLOCK);
    const _: () = assert!(CLOCK + 2 * CLOCK_COPY_BYTES <= MADE);
    // Classes are less than 32: a page of the smallest, doubled as often, holds any record.
    const _: () = assert!(MADE + 8 * 32 <= super::HEADER_BYTES as usize);
}

/// Where in a slot things are.
pub(crate) mod slot {
    /// `{ committed: bytes, sealed: bit 0 }`, as [`crate::channel::page`] has it.
    pub(crate) const STATE: usize = 0;
    /// The number of the lane, and that of the thread.
    pub(crate) const LANE: usize = 8;
    pub(crate) const THREAD: usize = 16;
    /// Numbers the uses of all slots from 1, in the order in which they began: pages of a lane are
    /// in order by it, and it tells one use of a slot from the next.
    pub(crate) const USE: usize = 24;
    /// For each sink, up to which byte of the page it has written (or lost, and counted as lost):
    /// 32 bits each.
    pub(crate) const WRITTEN: usize = 64;
    /// The thread's name: one byte for its length, then UTF-8. Length 0 means that it has none.
    pub(crate) const NAME: usize = 128;
    pub(crate) const NAME_BYTES_MAX: usize = SLOT_BYTES as usize - NAME - 1;
    /// All of it.
    pub(crate) const SLOT_BYTES: u64 = 256;
}

/// Where in a journal things are.
///
/// A journal holds the one batch that its sink is being given: how many bytes of it are in which
/// file may be unknown after a kill, so a reader compares them with the file. It has the
/// positions that the batch brings its sink to in each page; they are true once all of the batch is
/// written.
pub(crate) mod journal {
    /// [`EMPTY`], or the number of the batch.
    pub(crate) const STATE: usize = 0;
    pub(crate) const EMPTY: u64 = 0;
    /// How long the batch is, and how many positions it has. 64 bits each.
    pub(crate) const BATCH_BYTES: usize = 8;
    pub(crate) const POSITIONS: usize = 16;
    /// 1 if the lines of the batch are marked as recovered: a recovery has put them here. 64 bits.
    pub(crate) const MARKED: usize = 24;
    /// Two copies, each [`PLACE_COPY_BYTES`] long: stamp, device, inode, offset in that file, how
    /// many bytes of the batch had been accepted before, and 1 if what follows is written as lines
    /// that are marked as recovered, else 0. The bytes from there on
    /// were, or are, or will be written at the offset, in this order, and maybe not all of them.
    /// Both stamps are 0 while nothing of the batch was offered to a file.
    pub(crate) const PLACE: usize = 64;
    pub(crate) const PLACE_COPY_BYTES: usize = 64;
    /// The list of positions begins here. Each is `{ use: u64, slot: u32, position: u32 }`, and holds
    /// only if the slot's `USE` is that use.
    pub(crate) const LIST: u64 = 4096;
    pub(crate) const POSITION_BYTES: u64 = 16;
}

/// Sizes and places of all regions. All of them follow from three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    page_bytes: u64,
    budget_bytes: u64,
    journals: u32,
    classes: u32,
    slots: u64,
}

/// A page needs an even power of two of bytes, and the budget has no more pages than that.
const PAGE_BYTES_MIN: u64 = 1024;
const PAGE_BYTES_MAX: u64 = 1 << 30;
const PAGES_MAX: u64 = 1 << 20;

/// The largest class has room for a record of 1 MiB with its frame.
const LARGEST_PAGE_BYTES_MIN: u64 = (1 << 20) + 4096;

/// How many idle pages there may be beside a budget that is used up.
const IDLE_PAGES_MAX: u64 = 64;

const SYSTEM_PAGE_BYTES: u64 = 4096;

impl Layout {
    /// The layout for a budget that consists of pages of `page_bytes`, a power of two, and
    /// `journals` sinks. `None` where there is no layout for such figures.
    pub(crate) fn new(page_bytes: u64, budget_bytes: u64, journals: u32) -> Option<Self> {
        let is_sound = page_bytes.is_power_of_two()
            && (PAGE_BYTES_MIN..=PAGE_BYTES_MAX).contains(&page_bytes)
            && (1..=PAGES_MAX).contains(&(budget_bytes / page_bytes))
            && journals as usize <= JOURNALS_MAX;
        if !is_sound {
            return None;
        }
        let mut layout = Layout {
            page_bytes,
            budget_bytes,
            journals,
            classes: 1,
            slots: 0,
        };
        let largest = LARGEST_PAGE_BYTES_MIN.min(budget_bytes);
        while layout.page_bytes_of(layout.classes - 1) < largest {
            layout.classes += 1;
        }
        layout.slots = (0..layout.classes)
            .map(|class| layout.slots_of(class))
            .sum();
        Some(layout)
    }

    /// Reads the layout off a header. `None` if the bytes are no header of this version.
    pub(crate) fn parse(header: &[u8]) -> Option<Self> {
        let is_ours = header.get(..MAGIC.len())? == MAGIC
            && read_u32(header, header::BYTE_ORDER)? == BYTE_ORDER_MARK
            && read_u32(header, header::VERSION)? == VERSION;
        if !is_ours {
            return None;
        }
        Layout::new(
            read_u64(header, header::PAGE_BYTES)?,
            read_u64(header, header::BUDGET_BYTES)?,
            read_u32(header, header::JOURNALS)?,
        )
    }

    pub(crate) fn page_bytes(&self) -> u64 {
        self.page_bytes
    }

    pub(crate) fn budget_bytes(&self) -> u64 {
        self.budget_bytes
    }

    /// How many sinks have a journal: those of the first places.
    pub(crate) fn journals(&self) -> u32 {
        self.journals
    }

    /// How many sizes of pages there are.
    pub(crate) fn classes(&self) -> u32 {
        self.classes
    }

    /// How many bytes a page of a class has.
    pub(crate) fn page_bytes_of(&self, class: u32) -> u64 {
        self.page_bytes << class
    }

    /// How many slots a class has: as many as the budget can fill, where only what does not fit
    /// into a page of the class below comes into this one. Idle pages come on top.
    pub(crate) fn slots_of(&self, class: u32) -> u64 {
        match class {
            0 => self.budget_bytes / self.page_bytes + IDLE_PAGES_MAX,
            _ => self.budget_bytes / self.page_bytes_of(class - 1),
        }
    }

    /// The smallest class whose pages have room for `bytes`.
    pub(crate) fn class_for(&self, bytes: u64) -> Option<u32> {
        (0..self.classes).find(|class| bytes <= self.page_bytes_of(*class))
    }

    /// The number of the first slot of a class.
    pub(crate) fn first_slot_of(&self, class: u32) -> u64 {
        (0..class).map(|class| self.slots_of(class)).sum()
    }

    /// How many slots all classes have together.
    pub(crate) fn slots(&self) -> u64 {
        self.slots
    }

    /// The class of a slot, if there is such a slot.
    pub(crate) fn class_of(&self, slot: u64) -> Option<u32> {
        (0..self.classes).find(|class| slot < self.first_slot_of(*class) + self.slots_of(*class))
    }

    /// Where the facts begin.
    pub(crate) fn facts(&self) -> u64 {
        HEADER_BYTES
    }

    /// Where the journal of the sink at `place` begins.
    pub(crate) fn journal(&self, place: u32) -> u64 {
        self.facts() + FACTS_BYTES_MAX + u64::from(place) * self.journal_bytes()
    }

    /// Where in a journal the bytes of the batch begin: behind room for a position in every slot.
    pub(crate) fn batch_in_journal(&self) -> u64 {
        let list_bytes = self.slots * journal::POSITION_BYTES;
        journal::LIST + list_bytes.next_multiple_of(SYSTEM_PAGE_BYTES)
    }

    /// Where a slot begins.
    pub(crate) fn slot(&self, slot: u64) -> u64 {
        self.journal(self.journals) + slot * slot::SLOT_BYTES
    }

    /// Where the bytes of a slot's page begin, and how many it has. `None` if there is no such
    /// slot.
    pub(crate) fn page(&self, slot: u64) -> Option<(u64, u64)> {
        let class = self.class_of(slot)?;
        let bytes = self.page_bytes_of(class);
        let place = slot - self.first_slot_of(class);
        Some((self.pages_of(class) + place * bytes, bytes))
    }

    /// How large the file is, most of it never reserved.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.pages_of(self.classes)
    }

    fn journal_bytes(&self) -> u64 {
        self.batch_in_journal() + BATCH_BYTES_MAX
    }

    fn pages_of(&self, class: u32) -> u64 {
        let slots_end = self.slot(self.slots).next_multiple_of(SYSTEM_PAGE_BYTES);
        let before = (0..class).map(|class| {
            let bytes = self.slots_of(class) * self.page_bytes_of(class);
            bytes.next_multiple_of(SYSTEM_PAGE_BYTES)
        });
        slots_end + before.sum::<u64>()
    }

    /// The part of the header that never changes. The rest of it is zero at first.
    pub(crate) fn write_header(&self, header: &mut [u8; HEADER_BYTES as usize], owner: &Owner) {
        let mut put = |offset: usize, bytes: &[u8]| {
            header[offset..offset + bytes.len()].copy_from_slice(bytes);
        };
        put(header::MAGIC, &MAGIC);
        put(header::VERSION, &VERSION.to_ne_bytes());
        put(header::BYTE_ORDER, &BYTE_ORDER_MARK.to_ne_bytes());
        put(header::PAGE_BYTES, &self.page_bytes.to_ne_bytes());
        put(header::BUDGET_BYTES, &self.budget_bytes.to_ne_bytes());
        put(header::JOURNALS, &self.journals.to_ne_bytes());
        put(header::TICKS_KIND, &owner.ticks_kind.to_ne_bytes());
        put(header::PID, &u64::from(owner.pid).to_ne_bytes());
        put(header::STARTED_NS, &owner.started_ns.to_ne_bytes());
        put(header::BOOT_ID, &owner.boot_id);
    }
}

pub(crate) fn read_u64(bytes: &[u8], offset: usize) -> Option<u64> {
    bytes
        .get(offset..)?
        .first_chunk()
        .copied()
        .map(u64::from_ne_bytes)
}

pub(crate) fn read_u32(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes
        .get(offset..)?
        .first_chunk()
        .copied()
        .map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Owner = Owner {
        pid: 7,
        started_ns: -1,
        boot_id: [9; 16],
        ticks_kind: TICKS_OF_PROCESSOR,
    };

    #[test]
    fn a_header_tells_the_layout_and_the_owner() {
        for (page_bytes, budget_bytes, journals) in [
            (32 << 10, 64 << 20, 1),
            (1 << 10, 64 << 10, 0),
            (512 << 10, 64 << 30, 16),
        ] {
            let layout = Layout::new(page_bytes, budget_bytes, journals).unwrap();
            let mut header = [0; HEADER_BYTES as usize];
            layout.write_header(&mut header, &OWNER);
            assert_eq!(Layout::parse(&header), Some(layout));
            assert_eq!(Owner::parse(&header), Some(OWNER));
            header[header::VERSION] ^= 1;
            assert_eq!(Layout::parse(&header), None);
        }
        assert_eq!(Layout::parse(&[]), None);
        assert_eq!(Layout::parse(&[0; HEADER_BYTES as usize]), None);
    }

    #[test]
    fn figures_that_nobody_writes_have_no_layout() {
        for (page_bytes, budget_bytes, journals) in [
            (0, 64 << 20, 1),
            (1000, 64 << 20, 1),
            (32 << 10, 0, 1),
            (32 << 10, u64::MAX, 1),
            (1 << 63, u64::MAX, 1),
            (32 << 10, 64 << 20, 17),
        ] {
            assert_eq!(Layout::new(page_bytes, budget_bytes, journals), None);
        }
    }

    #[test]
    fn no_two_regions_overlap_and_the_file_holds_all_of_them() {
        let layout = Layout::new(8 << 10, 1 << 20, 2).unwrap();
        assert!(layout.facts() + FACTS_BYTES_MAX <= layout.journal(0));
        let batch_end = layout.batch_in_journal() + BATCH_BYTES_MAX;
        assert!(layout.journal(0) + batch_end <= layout.journal(1));
        assert!(layout.journal(1) + batch_end <= layout.slot(0));
        let mut end = layout.slot(layout.slots() - 1) + slot::SLOT_BYTES;
        for number in 0..layout.slots() {
            let (start, bytes) = layout.page(number).unwrap();
            assert!(end <= start && start.is_multiple_of(SYSTEM_PAGE_BYTES));
            end = start + bytes;
        }
        assert!(end <= layout.file_bytes());
        assert_eq!(layout.page(layout.slots()), None);
    }

    #[test]
    fn a_record_of_full_length_has_a_class() {
        for page_bytes in [8 << 10, 32 << 10, 512 << 10] {
            let layout = Layout::new(page_bytes, page_bytes << 12, 1).unwrap();
            assert!(LARGEST_PAGE_BYTES_MIN <= layout.page_bytes_of(layout.classes() - 1));
        }
    }
}
