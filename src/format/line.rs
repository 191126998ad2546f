//! The line that is being written.
//!
//! To append a few bytes to a `Vec` costs a call that copies them, which is more than the copying.
//! The bytes behind a line's end are there already, so that a short piece is copied as a block of
//! fixed size, of which the rest is written over by what comes next.

use std::fmt;

/// How much room a line has at first, and how much it keeps.
const ROOM_BYTES_MIN: usize = 4 * 1024;
const ROOM_BYTES_KEPT: usize = 64 * 1024;

/// Prepared pieces are copied in blocks of this size.
const BLOCK_BYTES: usize = 32;

type Block = [u8; BLOCK_BYTES];

/// The bytes of one line.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// The line, and behind it room for more.
    bytes: Vec<u8>,
    /// Of 32 bits, so that a sum with another length cannot overflow: one comparison says whether
    /// there is room.
    len: u32,
}

/// Bytes that many lines have in common.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// Most pieces are no longer than this.
    first: Block,
    /// What is behind it, of which the last block is filled up with zeros.
    rest: Box<[Block]>,
    len: u32,
}

impl Piece {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let mut blocks = bytes.chunks(BLOCK_BYTES).map(|chunk| {
            let mut block = [0; BLOCK_BYTES];
            block[..chunk.len()].copy_from_slice(chunk);
            block
        });
        Piece {
            first: blocks.next().unwrap_or_default(),
            rest: blocks.collect(),
            len: bytes.len() as u32,
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// The same behind other bytes.
    pub(super) fn behind(&self, before: &[u8]) -> Self {
        Piece::new(&[before, &self.to_vec()].concat())
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = [&self.first[..], self.rest.as_flattened()].concat();
        bytes.truncate(self.len());
        bytes
    }
}

impl Line {
    #[inline]
    pub(super) fn clear(&mut self) {
        self.len = 0;
        if ROOM_BYTES_KEPT < self.bytes.len() {
            self.give_back();
        }
    }

    #[cold]
    fn give_back(&mut self) {
        self.bytes.truncate(ROOM_BYTES_KEPT);
        self.bytes.shrink_to_fit();
    }

    #[inline]
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len()).unwrap_or_default()
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// Takes back the last `count` bytes.
    #[inline]
    pub(super) fn take_back(&mut self, count: usize) {
        self.len = self.len.saturating_sub(count as u32);
    }

    #[inline(always)]
    pub(super) fn push(&mut self, byte: u8) {
        self.push_array(&[byte]);
    }

    /// Appends bytes whose number the compiler knows.
    #[inline(always)]
    pub(super) fn push_array<const N: usize>(&mut self, bytes: &[u8; N]) {
        self.push_start(bytes, N);
    }

    #[inline(always)]
    pub(super) fn push_piece(&mut self, piece: &Piece) {
        if piece.len() <= BLOCK_BYTES {
            self.push_start(&piece.first, piece.len());
        } else {
            self.push_blocks(piece);
        }
    }

    #[inline]
    fn push_blocks(&mut self, piece: &Piece) {
        self.push_array(&piece.first);
        for block in &piece.rest {
            self.push_array(block);
        }
        self.take_back((1 + piece.rest.len()) * BLOCK_BYTES - piece.len());
    }

    /// The next `count` bytes of the room, if there are as many.
    #[inline(always)]
    fn room(&mut self, count: usize) -> Option<&mut [u8]> {
        let start = self.len();
        self.bytes.get_mut(start..start + count)
    }

    /// Appends the first `len` bytes of a block.
    #[inline(always)]
    pub(super) fn push_start<const N: usize>(&mut self, block: &[u8; N], len: usize) {
        if let Some(room) = self.room(N) {
            room.copy_from_slice(block);
            self.len += len as u32;
        } else {
            self.push_slowly(block.get(..len).unwrap_or_default());
        }
    }

    #[inline]
    pub(super) fn push_slice(&mut self, bytes: &[u8]) {
        match bytes.len() {
            0 => {}
            1 => self.push_ends::<1>(bytes),
            2..=3 => self.push_ends::<2>(bytes),
            4..=7 => self.push_ends::<4>(bytes),
            8..=15 => self.push_ends::<8>(bytes),
            16..=32 => self.push_ends::<16>(bytes),
            _ => self.push_long(bytes),
        }
    }

    /// Appends `N` to twice `N` bytes as two blocks, which may overlap.
    #[inline(always)]
    pub(super) fn push_ends<const N: usize>(&mut self, bytes: &[u8]) {
        let ends = bytes.first_chunk::<N>().zip(bytes.last_chunk::<N>());
        if let (Some(room), Some((first, last))) = (self.room(bytes.len()), ends) {
            if let Some(room) = room.first_chunk_mut() {
                *room = *first;
            }
            if let Some(room) = room.last_chunk_mut() {
                *room = *last;
            }
            self.len += bytes.len() as u32;
        } else {
            self.push_slowly(bytes);
        }
    }

    fn push_long(&mut self, bytes: &[u8]) {
        if let Some(room) = self.room(bytes.len()) {
            room.copy_from_slice(bytes);
            self.len += bytes.len() as u32;
        } else {
            self.push_slowly(bytes);
        }
    }

    /// Appends where there is no room left, and makes some.
    #[cold]
    #[inline(never)]
    fn push_slowly(&mut self, bytes: &[u8]) {
        self.bytes.truncate(self.len());
        self.bytes.extend_from_slice(bytes);
        // A line is made of a record, which has a million bytes at most.
        self.len = self.bytes.len() as u32;
        self.bytes.resize((2 * self.len()).max(ROOM_BYTES_MIN), 0);
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_stands_in_the_line_however_long_it_is() {
        let source: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        for len in (0..200).chain([4_095, 4_096, 4_097, 9_999]) {
            let (bytes, mut line) = (&source[..len], Line::default());
            let piece = Piece::new(bytes);
            for _ in 0..3 {
                line.push_slice(bytes);
                line.push_piece(&piece);
                line.push_array(b"ab");
                line.push(b'c');
                line.take_back(1);
            }
            assert_eq!(line.as_bytes(), [bytes, bytes, b"ab"].concat().repeat(3));
        }
    }

    #[test]
    fn a_line_that_was_long_gives_its_memory_back() {
        let mut line = Line::default();
        line.push_slice(&vec![b'x'; 1 << 20]);
        line.clear();
        assert_eq!((line.len, line.bytes.len()), (0, ROOM_BYTES_KEPT));
        line.push_array(b"next");
        assert_eq!(line.as_bytes(), b"next");
    }
}
