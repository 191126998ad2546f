//! The journal of one sink, as a reader finds it, and as it goes on with it.
//!
//! What is recovered is written by the same protocol by which the dead process wrote, into the same
//! journal: a recovery that is killed itself is taken up by the next one, and nothing is lost or
//! doubled.

use std::io;

use super::leftover::LeftoverFile;
use super::marked::MarkedLines;
use crate::channel::arena::layout::{
    BATCH_BYTES_MAX, PlaceCopy, Position,
    journal::{
        BATCH_BYTES, EMPTY, LIST, MARKED, PLACE, PLACE_COPY_BYTES, POSITION_BYTES, POSITIONS, STATE,
    },
    read_u64,
};
use crate::config::Format;
use crate::sink::PlaceInFile;

const HEAD_BYTES: u64 = (PLACE + 2 * PLACE_COPY_BYTES) as u64;

#[derive(Debug)]
pub(super) struct Journal<'l> {
    leftover: &'l LeftoverFile,
    offset: u64,
}

/// A batch of which it is not known how much was written.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) lines: Vec<u8>,
    /// Whether the lines have the mark of what is recovered: they are those of a recovery, which need
    /// not have written in the format of the dead process.
    are_marked: bool,
    pub(super) positions: Vec<Position>,
    /// `None` if nothing of it was offered to a file.
    pub(super) place: Option<PlaceCopy>,
}

/// Where what follows the `accepted` bytes of a batch is about to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Note {
    pub(super) place: PlaceInFile,
    pub(super) accepted: usize,
    /// Whether its lines are marked there, which they are not in the journal.
    pub(super) is_marked: bool,
}

impl Pending {
    /// What follows the first `there` bytes, as it is to be written.
    pub(super) fn rest(&self, format: &Format, there: usize) -> MarkedLines {
        let rest = self.lines.get(there..).unwrap_or_default();
        if self.are_marked {
            MarkedLines::marked_already(rest)
        } else {
            MarkedLines::new(format, rest)
        }
    }

    /// How many bytes of the lines are in a file, as far as `find` finds those that were to be
    /// written at a place.
    pub(super) fn there_already(
        &self,
        format: &Format,
        find: impl FnOnce(PlaceInFile, &[u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let Some(copy) = self.place else {
            return Ok(0);
        };
        let accepted = usize::try_from(copy.accepted).unwrap_or(usize::MAX);
        let accepted = accepted.min(self.lines.len());
        let place = PlaceInFile {
            device: copy.device,
            inode: copy.inode,
            offset: copy.offset,
        };
        let found = if copy.is_marked {
            let marked = self.rest(format, accepted);
            marked.unmarked_len(find(place, marked.as_bytes())?)
        } else {
            find(place, &self.lines[accepted..])?
        };
        Ok(accepted + found)
    }
}

impl<'l> Journal<'l> {
    pub(super) fn new(leftover: &'l LeftoverFile, place: u32) -> Self {
        Journal {
            leftover,
            offset: leftover.layout.journal(place),
        }
    }

    /// The batch that was under way, if there is one and it is sound.
    pub(super) fn pending(&self) -> io::Result<Option<Pending>> {
        let bytes = &self.leftover.bytes;
        let head = bytes.read(self.offset, HEAD_BYTES)?;
        let number = |offset| read_u64(&head, offset).unwrap_or_default();
        let (batch_len, positions) = (number(BATCH_BYTES), number(POSITIONS));
        let is_sound = number(STATE) != EMPTY
            && batch_len <= BATCH_BYTES_MAX
            && positions <= self.leftover.layout.slots();
        if !is_sound {
            return Ok(None);
        }
        let list = bytes.read(self.offset + LIST, positions * POSITION_BYTES)?;
        let list = list.chunks_exact(POSITION_BYTES as usize);
        Ok(Some(Pending {
            lines: bytes.read(self.batch(), batch_len)?,
            are_marked: number(MARKED) != 0,
            positions: list.filter_map(Position::parse).collect(),
            place: PlaceCopy::parse(&head),
        }))
    }

    /// Puts a batch of lines that are marked into the journal, which is empty.
    pub(super) fn prepare(&self, lines: &[u8], positions: &[Position]) -> io::Result<()> {
        let bytes = &self.leftover.bytes;
        if BATCH_BYTES_MAX < lines.len() as u64 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        // Nothing of this counts before the state says so.
        for copy in 0..2 {
            bytes.write_u64(self.place_copy(copy), 0)?;
        }
        bytes.write(self.batch(), lines)?;
        let list: Vec<u8> = positions.iter().flat_map(Position::encode).collect();
        bytes.write(self.offset + LIST, &list)?;
        for (place, number) in [
            (BATCH_BYTES, lines.len() as u64),
            (POSITIONS, positions.len() as u64),
            (MARKED, 1),
        ] {
            bytes.write_u64(self.offset + place as u64, number)?;
        }
        bytes.write_u64(self.offset + STATE as u64, EMPTY + 1)
    }

    /// Notes where the rest of the batch is about to be written.
    pub(super) fn note(&self, note: &Note) -> io::Result<()> {
        let bytes = &self.leftover.bytes;
        let head = bytes.read(self.offset, HEAD_BYTES)?;
        let stamp =
            |copy: usize| read_u64(&head, PLACE + copy * PLACE_COPY_BYTES).unwrap_or_default();
        let (older, latest) = if stamp(0) < stamp(1) {
            (0, stamp(1))
        } else {
            (1, stamp(0))
        };
        let words = PlaceCopy {
            device: note.place.device,
            inode: note.place.inode,
            offset: note.place.offset,
            accepted: note.accepted as u64,
            is_marked: note.is_marked,
        };
        let words: Vec<u8> = words
            .words()
            .into_iter()
            .flat_map(u64::to_ne_bytes)
            .collect();
        let copy = self.place_copy(older);
        bytes.write_u64(copy, 0)?;
        bytes.write(copy + 8, &words)?;
        bytes.write_u64(copy, latest.saturating_add(1))
    }

    /// Empties the journal, once the batch's positions are applied.
    pub(super) fn clear(&self) -> io::Result<()> {
        let state = self.offset + STATE as u64;
        self.leftover.bytes.write_u64(state, EMPTY)
    }

    fn place_copy(&self, copy: usize) -> u64 {
        self.offset + (PLACE + copy * PLACE_COPY_BYTES) as u64
    }

    fn batch(&self) -> u64 {
        self.offset + self.leftover.layout.batch_in_journal()
    }
}
