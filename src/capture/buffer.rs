//! A buffer to encode into. A `Vec<u8>` would do; but an event is a dozen pieces of a few bytes,
//! and this one takes each of them with a single comparison and plain stores.

/// What stays free at the end for marks that must always fit.
pub(crate) const MARK_ROOM: usize = 64;

/// Bytes up to a limit, with room behind them that is initialised already.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    /// As long as bytes may be put without asking: at most the limit, less the room for marks.
    storage: Vec<u8>,
    /// How many bytes there are. Of 32 bits, so that a sum with another length cannot overflow.
    len: u32,
    limit: usize,
}

impl Buffer {
    pub(crate) const fn new() -> Self {
        Buffer {
            storage: Vec::new(),
            len: 0,
            limit: 0,
        }
    }

    /// Begins anew, for `limit` bytes at most: at least [`MARK_ROOM`], at most `u32::MAX`.
    #[inline]
    pub(crate) fn begin(&mut self, limit: usize) {
        self.len = 0;
        self.limit = limit;
        self.storage.truncate(limit - MARK_ROOM);
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    /// How many bytes of memory it takes.
    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.storage.capacity()
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.storage.get(..self.len()).unwrap_or_default()
    }

    /// How many bytes more the limit allows.
    pub(crate) fn allowance(&self) -> usize {
        self.limit.saturating_sub(self.len() + MARK_ROOM)
    }

    /// Appends `wanted` bytes for the caller to write. `None` where there is no room for them yet:
    /// then [`reserve`](Self::reserve) makes some.
    #[inline(always)]
    pub(crate) fn take(&mut self, wanted: usize) -> Option<&mut [u8]> {
        let start = self.len();
        let end = start + wanted;
        let room = self.storage.get_mut(start..end)?;
        self.len = end as u32;
        Some(room)
    }

    /// Sees to it that there is room for `wanted` bytes. Says no where the limit forbids it.
    #[inline]
    pub(crate) fn reserve(&mut self, wanted: usize) -> bool {
        wanted <= self.storage.len().saturating_sub(self.len()) || self.grow(wanted)
    }

    /// Appends bytes. There must be room, by [`reserve`](Self::reserve); what finds none is left
    /// out.
    #[inline(always)]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        if let Some(room) = self.take(bytes.len()) {
            room.copy_from_slice(bytes);
        }
    }

    /// Takes back all bytes but the first `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len as u32);
    }

    /// How many bytes more there may be until half of what the limit allows is used up.
    #[inline]
    pub(crate) fn left_to_half(&self) -> usize {
        (self.limit / 2).saturating_sub(self.len())
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Sets another limit for what comes next. What is there stays.
    #[cold]
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        let room = limit.saturating_sub(MARK_ROOM);
        self.storage.truncate(room.max(self.len()));
    }

    /// Appends a mark, for which there is room beyond the allowance.
    #[cold]
    pub(crate) fn put_mark(&mut self, mark: &[u8]) {
        let end = (self.len() + mark.len()).min(self.limit);
        if self.storage.len() < end {
            self.storage.resize(end, 0);
        }
        self.put(mark);
    }

    /// Overwrites four bytes that were appended before.
    #[inline(always)]
    pub(crate) fn set_u32(&mut self, at: usize, value: u32) {
        if let Some(place) = self.storage.get_mut(at..at + 4) {
            place.copy_from_slice(&value.to_le_bytes());
        }
    }

    /// Overwrites a byte that was appended before.
    #[inline]
    pub(crate) fn set_u8(&mut self, at: usize, value: u8) {
        if let Some(place) = self.storage.get_mut(at) {
            *place = value;
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, wanted: usize) -> bool {
        if self.allowance() < wanted {
            return false;
        }
        let doubled = (self.storage.len() * 2).max(512);
        let most = self.limit - MARK_ROOM;
        let needed = self.len() + wanted;
        self.storage.resize(doubled.min(most).max(needed), 0);
        true
    }
}
