//! A buffer to encode into. A `Vec<u8>` would do; but an event is a dozen pieces of a few bytes,
//! and this one takes each of them with a single check and plain stores.

/// What stays free at the end for marks that must always fit.
pub(crate) const MARK_ROOM: usize = 64;

/// Bytes up to a limit, with room behind them that is initialised already.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    storage: Vec<u8>,
    len: usize,
    /// Up to where bytes may be put without asking anything else: the end of the storage or the
    /// limit, less the room for marks.
    end: usize,
    limit: usize,
}

impl Buffer {
    pub(crate) const fn new() -> Self {
        Buffer {
            storage: Vec::new(),
            len: 0,
            end: 0,
            limit: 0,
        }
    }

    /// Begins anew, for `limit` bytes at most, at least [`MARK_ROOM`].
    pub(crate) fn begin(&mut self, limit: usize) {
        self.len = 0;
        self.limit = limit;
        self.end = self.storage.len().min(limit).saturating_sub(MARK_ROOM);
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many bytes of memory it takes.
    pub(crate) fn capacity(&self) -> usize {
        self.storage.len()
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.storage[..self.len]
    }

    /// How many bytes more the limit allows.
    pub(crate) fn allowance(&self) -> usize {
        self.limit.saturating_sub(self.len + MARK_ROOM)
    }

    /// Sees to it that there is room for `wanted` bytes. Says no where the limit forbids it.
    #[inline(always)]
    pub(crate) fn reserve(&mut self, wanted: usize) -> bool {
        self.len + wanted <= self.end || self.grow(wanted)
    }

    /// Appends a few bytes, as many as are known when this is compiled. There must be room, by
    /// [`reserve`](Self::reserve) or as a mark; what finds none is left out.
    #[inline(always)]
    pub(crate) fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        if let Some(room) = self.storage.get_mut(self.len..self.len + N) {
            room.copy_from_slice(&bytes);
            self.len += N;
        }
    }

    /// The same for two pieces, one behind the other.
    #[inline(always)]
    pub(crate) fn put_pair<const A: usize, const B: usize>(&mut self, a: [u8; A], b: [u8; B]) {
        if let Some(room) = self.storage.get_mut(self.len..self.len + A + B) {
            room[..A].copy_from_slice(&a);
            room[A..].copy_from_slice(&b);
            self.len += A + B;
        }
    }

    /// The same for a slice.
    #[inline(always)]
    pub(crate) fn put_slice(&mut self, bytes: &[u8]) {
        if let Some(room) = self.storage.get_mut(self.len..self.len + bytes.len()) {
            room.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }

    /// Overwrites four bytes that were appended before.
    #[inline(always)]
    pub(crate) fn set_u32(&mut self, at: usize, value: u32) {
        self.storage[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, wanted: usize) -> bool {
        if self.allowance() < wanted {
            return false;
        }
        let needed = self.len + wanted + MARK_ROOM;
        let doubled = (self.storage.len() * 2).max(512).min(self.limit);
        self.storage.resize(doubled.max(needed), 0);
        self.end = self.storage.len().min(self.limit) - MARK_ROOM;
        true
    }
}
