//! The parts of a file of pages, as they are read off its bytes, which nobody vouches for.

use super::{JOURNALS_MAX, header, journal, read_u32, read_u64, slot};

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) pid: u32,
    /// Nanoseconds since the Unix epoch.
    pub(crate) started_ns: i64,
    /// Zero where the system has none.
    pub(crate) boot_id: [u8; 16],
    pub(crate) ticks_kind: u32,
}

impl Owner {
    /// Reads the owner off a header that [`Layout::parse`] has accepted.
    pub(crate) fn parse(header: &[u8]) -> Option<Self> {
        Some(Owner {
            pid: u32::try_from(read_u64(header, header::PID)?).ok()?,
            started_ns: read_u64(header, header::STARTED_NS)?.cast_signed(),
            boot_id: *header.get(header::BOOT_ID..)?.first_chunk()?,
            ticks_kind: read_u32(header, header::TICKS_KIND)?,
        })
    }
}

/// How the owner ended. What a kill leaves is what stood there before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// It could not tell.
    #[default]
    Unknown,
    /// In order, and all that was logged before is written: what is left are records of threads that
    /// were still logging.
    InOrder,
    /// In order, but a sink did not take everything in time.
    OutOfTime,
}

impl End {
    /// Reads it off a header.
    pub(crate) fn parse(header: &[u8]) -> Self {
        let word = read_u64(header, header::END);
        let ends = [End::InOrder, End::OutOfTime].into_iter();
        let told = { ends }.find(|end| word == Some(end.word()));
        told.unwrap_or_default()
    }

    pub(crate) fn word(self) -> u64 {
        match self {
            End::Unknown => 0,
            End::InOrder => 1,
            End::OutOfTime => 2,
        }
    }
}

/// What the clocks of the owner said at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ClockCopy {
    pub(crate) ticks: u64,
    /// Nanoseconds since the Unix epoch.
    pub(crate) wall_ns: i64,
    /// 0 if the owner did not live long enough to find out.
    pub(crate) ns_per_tick: f64,
}

impl ClockCopy {
    /// The latest whole copy in a header.
    pub(crate) fn parse(header: &[u8]) -> Option<Self> {
        let copy = latest_copy(header, header::CLOCK, header::CLOCK_COPY_BYTES)?;
        Some(ClockCopy {
            ticks: read_u64(copy, 8)?,
            wall_ns: read_u64(copy, 16)?.cast_signed(),
            ns_per_tick: f64::from_bits(read_u64(copy, 24)?),
        })
    }

    /// What stands in a copy behind its stamp.
    pub(crate) fn words(&self) -> [u64; 3] {
        [
            self.ticks,
            self.wall_ns.cast_unsigned(),
            self.ns_per_tick.to_bits(),
        ]
    }
}

/// Where the rest of a journal's batch was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlaceCopy {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) offset: u64,
    /// How many bytes of the batch were accepted before.
    pub(crate) accepted: u64,
    /// Whether the rest is written with the mark of what is recovered.
    pub(crate) is_marked: bool,
}

impl PlaceCopy {
    /// The latest whole copy in a journal.
    pub(crate) fn parse(journal: &[u8]) -> Option<Self> {
        let copy = latest_copy(journal, journal::PLACE, journal::PLACE_COPY_BYTES)?;
        Some(PlaceCopy {
            device: read_u64(copy, 8)?,
            inode: read_u64(copy, 16)?,
            offset: read_u64(copy, 24)?,
            accepted: read_u64(copy, 32)?,
            is_marked: read_u64(copy, 40)? != 0,
        })
    }

    /// What stands in a copy behind its stamp.
    pub(crate) fn words(&self) -> [u64; 5] {
        [
            self.device,
            self.inode,
            self.offset,
            self.accepted,
            self.is_marked.into(),
        ]
    }
}

/// How far a batch brings its sink in one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// The use of the slot that is meant.
    pub(crate) number: u64,
    pub(crate) slot: u32,
    /// Up to which byte of the page.
    pub(crate) position: u32,
}

impl Position {
    pub(crate) fn encode(&self) -> [u8; journal::POSITION_BYTES as usize] {
        let mut bytes = [0; journal::POSITION_BYTES as usize];
        bytes[..8].copy_from_slice(&self.number.to_ne_bytes());
        bytes[8..12].copy_from_slice(&self.slot.to_ne_bytes());
        bytes[12..].copy_from_slice(&self.position.to_ne_bytes());
        bytes
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Position {
            number: read_u64(bytes, 0)?,
            slot: read_u32(bytes, 8)?,
            position: read_u32(bytes, 12)?,
        })
    }
}

/// What a slot says of its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot<'a> {
    /// How many bytes of the page hold records. Not checked against the page's size.
    pub(crate) committed: u64,
    pub(crate) lane: u64,
    pub(crate) thread: u64,
    /// Which use of the slot it is; 0 for a slot that was never used.
    pub(crate) number: u64,
    /// How far each sink has written.
    pub(crate) written: [u32; JOURNALS_MAX],
    /// `None` for a thread without a name, and for one whose name is no text.
    pub(crate) thread_name: Option<&'a str>,
}

impl<'a> Slot<'a> {
    /// Reads a slot of [`slot::SLOT_BYTES`].
    pub(crate) fn parse(slot: &'a [u8]) -> Option<Self> {
        let mut written = [0; JOURNALS_MAX];
        for (place, written) in written.iter_mut().enumerate() {
            *written = read_u32(slot, slot::WRITTEN + 4 * place)?;
        }
        let name_len = usize::from(*slot.get(slot::NAME)?);
        let name = slot.get(slot::NAME + 1..slot::NAME + 1 + name_len);
        let name = name.and_then(|name| str::from_utf8(name).ok());
        Some(Slot {
            committed: read_u64(slot, slot::STATE)? & !1,
            lane: read_u64(slot, slot::LANE)?,
            thread: read_u64(slot, slot::THREAD)?,
            number: read_u64(slot, slot::USE)?,
            written,
            thread_name: name.filter(|name| !name.is_empty()),
        })
    }
}

/// Of two copies behind each other, the one with the larger stamp, unless no stamp is valid.
fn latest_copy(bytes: &[u8], first: usize, copy_bytes: usize) -> Option<&[u8]> {
    let copies = [first, first + copy_bytes];
    let copies = copies.map(|start| bytes.get(start..start + copy_bytes));
    let stamped = copies.into_iter().flatten().filter_map(|copy| {
        let stamp = read_u64(copy, 0).filter(|stamp| *stamp != 0)?;
        Some((stamp, copy))
    });
    stamped
        .max_by_key(|(stamp, _)| *stamp)
        .map(|(_, copy)| copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_copies_the_latest_whole_one_counts() {
        let mut journal = [0; 4096];
        assert_eq!(PlaceCopy::parse(&journal), None);
        for (copy, stamp) in [(0, 1_u64), (1, 2)] {
            let start = journal::PLACE + copy * journal::PLACE_COPY_BYTES;
            journal[start..start + 8].copy_from_slice(&stamp.to_ne_bytes());
            journal[start + 8] = stamp as u8;
        }
        assert_eq!(
            PlaceCopy::parse(&journal).map(|place| place.device & 255),
            Some(if cfg!(target_endian = "little") { 2 } else { 0 })
        );
        journal[journal::PLACE + journal::PLACE_COPY_BYTES..][..8].fill(0);
        assert_eq!(
            PlaceCopy::parse(&journal).map(|place| place.device & 255),
            Some(if cfg!(target_endian = "little") { 1 } else { 0 })
        );
    }
}
