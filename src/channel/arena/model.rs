//! A block as loom sees it: one cell a byte, so that each access that races shows. Shuttle runs one
//! thread at a time.

#![expect(unsafe_code, reason = "loom checks what is shared")]

use std::marker::PhantomData;
use std::ops::Deref;

#[cfg(offloop_loom)]
use loom::cell::UnsafeCell;
#[cfg(offloop_loom)]
use loom::sync::atomic::AtomicU64;

use super::layout::Position;
use crate::capture::record::ThreadLabel;
#[cfg(offloop_shuttle)]
use crate::channel::sync::AtomicU64;

/// A cell with loom's interface.
#[cfg(offloop_shuttle)]
#[derive(Debug)]
struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(offloop_shuttle)]
impl<T> UnsafeCell<T> {
    fn new(value: T) -> Self {
        UnsafeCell(std::cell::UnsafeCell::new(value))
    }

    fn with<R>(&self, read: impl FnOnce(*const T) -> R) -> R {
        read(self.0.get())
    }

    fn with_mut<R>(&self, write: impl FnOnce(*mut T) -> R) -> R {
        write(self.0.get())
    }
}

/// A copy: what loom lends must be given back at once.
#[derive(Debug)]
pub(crate) struct Slice<'a>(Vec<u8>, PhantomData<&'a ()>);

impl Deref for Slice<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// The memory of one page.
#[derive(Debug)]
pub(crate) struct Block {
    state: AtomicU64,
    bytes: Vec<UnsafeCell<u8>>,
}

// SAFETY: as for a block on the heap, and loom checks it.
unsafe impl Send for Block {}
// SAFETY: as for `Send`.
unsafe impl Sync for Block {}

impl Block {
    pub(crate) fn on_heap(capacity: usize) -> Self {
        Block {
            state: AtomicU64::new(0),
            bytes: (0..capacity).map(|_| UnsafeCell::new(0)).collect(),
        }
    }

    pub(crate) fn state(&self) -> &AtomicU64 {
        &self.state
    }

    pub(crate) fn capacity(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) unsafe fn write(&self, offset: usize, source: &[u8]) {
        for (cell, byte) in self.bytes[offset..].iter().zip(source) {
            // SAFETY: loom checks it.
            cell.with_mut(|cell| unsafe { *cell = *byte });
        }
    }

    pub(crate) unsafe fn read(&self, offset: usize, len: usize) -> Slice<'_> {
        // SAFETY: loom checks it.
        let byte = |cell: &UnsafeCell<u8>| cell.with(|cell| unsafe { *cell });
        Slice(
            self.bytes[offset..offset + len].iter().map(byte).collect(),
            PhantomData,
        )
    }

    pub(crate) fn is_stopgap(&self) -> bool {
        false
    }

    pub(crate) fn label(&self, _: u64, _: &ThreadLabel) {}

    pub(crate) fn settle(&self, _: usize, _: usize) {}

    pub(crate) fn position(&self, _: usize) -> Option<Position> {
        None
    }
}
