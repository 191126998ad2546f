//! Numbers, truth values, strings and bytes.

use super::{Encoder, NAME_ROOM};
use crate::capture::record::{
    Name, TAG_BYTES, TAG_F64, TAG_FALSE, TAG_I64, TAG_I128, TAG_STR, TAG_TRUE, TAG_U64, TAG_U128,
};

impl Encoder<'_> {
    #[inline]
    pub(crate) fn i64(&mut self, name: Name<'_>, value: i64) {
        self.fixed(TAG_I64, name, value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn u64(&mut self, name: Name<'_>, value: u64) {
        self.fixed(TAG_U64, name, value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn i128(&mut self, name: Name<'_>, value: i128) {
        self.fixed(TAG_I128, name, value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn u128(&mut self, name: Name<'_>, value: u128) {
        self.fixed(TAG_U128, name, value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn f64(&mut self, name: Name<'_>, value: f64) {
        self.fixed(TAG_F64, name, value.to_le_bytes());
    }

    #[inline]
    pub(crate) fn bool(&mut self, name: Name<'_>, value: bool) {
        self.fixed(if value { TAG_TRUE } else { TAG_FALSE }, name, []);
    }

    #[inline(always)]
    pub(crate) fn str(&mut self, name: Name<'_>, value: &str) {
        let index = match name {
            Name::Index(index) => index,
            Name::Inline(name) => return self.str_inline(name, value),
        };
        if value.len() <= self.field_bytes
            && let Some(room) = self.take_declared(TAG_STR, index, 4 + value.len())
        {
            room[..4].copy_from_slice(&(value.len() as u32).to_le_bytes());
            room[4..].copy_from_slice(value.as_bytes());
        } else {
            self.str_declared(index, value);
        }
    }

    // What is not on the way of nearly all fields takes the parts of a name: as a whole that would be
    // built in memory beforehand, for each field.
    #[cold]
    #[inline(never)]
    fn str_declared(&mut self, index: usize, value: &str) {
        self.str_slowly(Name::Index(index), value);
    }

    #[inline(never)]
    fn str_inline(&mut self, name: &str, value: &str) {
        self.str_slowly(Name::Inline(name), value);
    }

    fn str_slowly(&mut self, name: Name<'_>, value: &str) {
        if value.len() <= self.field_bytes && self.begin(TAG_STR, name, 4 + value.len()) {
            self.bytes.put(&(value.len() as u32).to_le_bytes());
            self.bytes.put(value.as_bytes());
        } else if let Some(start) = self.begin_block(TAG_STR, name) {
            self.put_cut(value);
            self.end_block(start);
        }
    }

    #[inline]
    pub(crate) fn bytes(&mut self, name: Name<'_>, value: &[u8]) {
        let kept = value
            .len()
            .min(self.field_bytes)
            .min(self.bytes.allowance().saturating_sub(NAME_ROOM));
        self.cut |= kept < value.len();
        if self.begin(TAG_BYTES, name, 4 + kept) {
            self.bytes.put(&(kept as u32).to_le_bytes());
            self.bytes.put(&value[..kept]);
        }
    }

    #[inline(always)]
    fn fixed<const N: usize>(&mut self, tag: u8, name: Name<'_>, value: [u8; N]) {
        match name {
            Name::Index(index) => match self.take_declared(tag, index, N) {
                Some(room) => room.copy_from_slice(&value),
                None => self.fixed_declared(tag, index, value),
            },
            Name::Inline(name) => self.fixed_inline(tag, name, value),
        }
    }

    #[cold]
    #[inline(never)]
    fn fixed_declared<const N: usize>(&mut self, tag: u8, index: usize, value: [u8; N]) {
        if self.begin(tag, Name::Index(index), N) {
            self.bytes.put(&value);
        }
    }

    #[inline(never)]
    fn fixed_inline<const N: usize>(&mut self, tag: u8, name: &str, value: [u8; N]) {
        if self.begin_inline(tag, name, N) {
            self.bytes.put(&value);
        }
    }
}
