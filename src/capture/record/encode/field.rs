//! Where a field begins and ends: its tag, its name, and how long its value is.

use super::Encoder;
use crate::capture::record::{NAME_INLINE, Name};

impl Encoder<'_> {
    /// Writes tag and name, and takes `value_len` bytes for the value: the way of nearly all
    /// fields. `None` where the name has no place or there is no room yet.
    #[inline(always)]
    pub(super) fn take_declared(
        &mut self,
        tag: u8,
        index: usize,
        value_len: usize,
    ) -> Option<&mut [u8]> {
        if (NAME_INLINE as usize) <= index {
            return None;
        }
        let room = self.bytes.take(3 + value_len)?;
        let [low, high] = (index as u16).to_le_bytes();
        room[0] = tag;
        room[1] = low;
        room[2] = high;
        Some(&mut room[3..])
    }

    /// Writes tag and name, and sees to it that `value_len` bytes more fit. Says no, and marks the
    /// record as cut, where they would not.
    #[inline(never)]
    pub(super) fn begin(&mut self, tag: u8, name: Name<'_>, value_len: usize) -> bool {
        match name {
            Name::Index(index)
                if index < NAME_INLINE as usize && self.bytes.reserve(3 + value_len) =>
            {
                let [low, high] = (index as u16).to_le_bytes();
                self.bytes.put(&[tag, low, high]);
                true
            }
            Name::Inline(name) => self.begin_inline(tag, name, value_len),
            Name::Index(_) => {
                self.cut = true;
                false
            }
        }
    }

    pub(super) fn begin_inline(&mut self, tag: u8, name: &str, value_len: usize) -> bool {
        let name = &name[..name.floor_char_boundary(u16::MAX as usize)];
        if !self.bytes.reserve(5 + name.len() + value_len) {
            self.cut = true;
            return false;
        }
        self.bytes.put(&[tag]);
        self.bytes.put(&NAME_INLINE.to_le_bytes());
        self.bytes.put(&(name.len() as u16).to_le_bytes());
        self.bytes.put(name.as_bytes());
        true
    }

    /// Begins a value that tells its length: says where its bytes begin. `None` where it does not
    /// fit.
    #[inline(always)]
    pub(super) fn begin_block(&mut self, tag: u8, name: Name<'_>) -> Option<usize> {
        let is_begun = match name {
            Name::Index(index) => {
                self.take_declared(tag, index, 4).is_some() || self.begin_declared(tag, index)
            }
            Name::Inline(name) => self.begin_block_slowly(tag, Name::Inline(name)),
        };
        is_begun.then(|| self.bytes.len())
    }

    #[cold]
    #[inline(never)]
    pub(super) fn begin_declared(&mut self, tag: u8, index: usize) -> bool {
        self.begin_block_slowly(tag, Name::Index(index))
    }

    #[inline(never)]
    pub(super) fn begin_block_slowly(&mut self, tag: u8, name: Name<'_>) -> bool {
        let is_begun = self.begin(tag, name, 4);
        if is_begun {
            self.bytes.put(&[0; 4]);
        }
        is_begun
    }

    /// Ends it: the length is that of everything since `start`.
    #[inline(always)]
    pub(super) fn end_block(&mut self, start: usize) {
        let len = self.bytes.len() - start;
        self.bytes.set_u32(start - 4, len as u32);
    }
}
