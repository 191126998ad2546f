//! Log files that a forked child does not keep open.
//!
//! A child has a copy of each descriptor, and thereby a share in the lock that belongs to the open
//! file. Were its parent killed while it has the lock, the child would keep it for as long as it
//! lives, and nobody could write to the file. Besides, a file that was removed takes up its room on
//! the disk for as long as a child has it open. So the first thing a child does is to close its
//! copies: nothing there uses them, whether or not it ever logs.
//!
//! What a child does right after `fork` must be async-signal-safe: so the files are in a table of
//! atomics. Should more be open than that has room for, the rest is kept open, as ever.

use std::fs::File;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use super::generation;

const SLOTS: usize = 64;

/// What `descriptor` is in a slot that is free, and in one that is being filled.
const FREE: i32 = -1;
const TAKEN: i32 = -2;

struct DescriptorSlot {
    descriptor: AtomicI32,
    device: AtomicU64,
    inode: AtomicU64,
}

static TABLE: [DescriptorSlot; SLOTS] = [const {
    DescriptorSlot {
        descriptor: AtomicI32::new(FREE),
        device: AtomicU64::new(0),
        inode: AtomicU64::new(0),
    }
}; SLOTS];

/// An open file that belongs to this process alone.
#[derive(Debug)]
pub(crate) struct OwnFile {
    /// Where it is in the table.
    slot: Option<usize>,
    generation: u64,
    file: Arc<File>,
}

impl OwnFile {
    pub(crate) fn new(file: File) -> OwnFile {
        let slot = TABLE.iter().position(|slot| slot.fill(&file));
        OwnFile {
            slot,
            generation: generation(),
            file: Arc::new(file),
        }
    }
}

impl Deref for OwnFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.file
    }
}

impl Drop for OwnFile {
    fn drop(&mut self) {
        if self.generation != generation() {
            // It is closed, and its number may be that of another file by now.
            let _ = Arc::into_raw(Arc::clone(&self.file));
        } else if let Some(slot) = self.slot {
            // Before the file is closed: its number is never in the table without it.
            TABLE[slot].descriptor.store(FREE, Ordering::Release);
        }
    }
}

impl DescriptorSlot {
    fn fill(&self, file: &File) -> bool {
        let Ok(metadata) = file.metadata() else {
            return false;
        };
        // Acquire pairs with the Release store in `OwnFile::drop`.
        let (success, failure) = (Ordering::Acquire, Ordering::Relaxed);
        let descriptor = &self.descriptor;
        let is_taken = descriptor.compare_exchange(FREE, TAKEN, success, failure);
        if is_taken.is_err() {
            return false;
        }
        self.device.store(metadata.dev(), Ordering::Relaxed);
        self.inode.store(metadata.ino(), Ordering::Relaxed);
        // Pairs with the swap in `close`: who sees the descriptor sees which file it is.
        descriptor.store(file.as_raw_fd(), Ordering::Release);
        true
    }

    fn close(&self) {
        let descriptor = self.descriptor.swap(FREE, Ordering::Acquire);
        if descriptor < 0 {
            return;
        }
        // SAFETY: a number that names nothing would be answered with an error, and nothing is closed
        // unless it names the file that an `OwnFile` of the parent has. That one does not close it
        // here, since it is of another generation; and nobody else uses it, since what belongs to
        // the parent's pipelines is left alone in a child.
        let file = ManuallyDrop::new(unsafe { File::from_raw_fd(descriptor) });
        // The system copies a process's descriptors a moment before its memory: the number may
        // still be that of another file.
        let is_it = file.metadata().is_ok_and(|metadata| {
            let (device, inode) = (&self.device, &self.inode);
            metadata.dev() == device.load(Ordering::Relaxed)
                && metadata.ino() == inode.load(Ordering::Relaxed)
        });
        if is_it {
            drop(ManuallyDrop::into_inner(file));
        }
    }
}

/// Closes the files of the parent. Async-signal-safe; called in a forked child, by its only thread,
/// within `fork`.
#[cfg_attr(miri, expect(dead_code, reason = "Miri knows no fork"))]
pub(super) fn close_all() {
    TABLE.iter().for_each(DescriptorSlot::close);
}
