//! A file system that fails as a test has planned it, on the test's own thread.
//!
//! It also keeps what a disk would: of which file how much was synced, and which file's sync failed,
//! whose unsynced pages are gone from then on, whatever later syncs say.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt;

use rustix::io::Errno;

pub(crate) use super::Call;
use crate::channel::sync::simulated;

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Error(Errno),
    /// A write accepts half of what it is given.
    Short,
    /// A write accepts nothing.
    Nothing,
}

impl Flaw {
    /// Whether a call of that kind may fail in this way.
    pub(crate) fn may_be_of(self, call: Call) -> bool {
        match self {
            Flaw::Error(_) => true,
            Flaw::Short | Flaw::Nothing => call == Call::Write,
        }
    }

    /// Whether calls may fail in this way for long. What a signal interrupts is repeated until none
    /// comes; and what is accepted bit by bit is accepted.
    pub(crate) fn may_last(self) -> bool {
        !matches!(self, Flaw::Error(Errno::INTR) | Flaw::Short)
    }
}

/// Some calls of one kind fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) call: Call,
    pub(crate) flaw: Flaw,
    /// So many succeed before.
    pub(crate) after: u32,
    /// So many fail then.
    pub(crate) times: u32,
}

#[derive(Default)]
struct Disk {
    faults: Vec<Fault>,
    fired: HashMap<Call, u32>,
    /// By inode: bytes that a power cut leaves.
    synced: HashMap<u64, Synced>,
}

/// What of a file is on the disk.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Synced {
    pub(crate) len: u64,
    has_failed: bool,
}

thread_local! {
    static DISK: RefCell<Disk> = RefCell::default();
}

/// Begins with a disk that is new and works.
pub(crate) fn renew() {
    DISK.take();
}

pub(crate) fn plan(fault: Fault) {
    DISK.with_borrow_mut(|disk| disk.faults.push(fault));
}

/// Nothing fails from now on.
pub(crate) fn heal() {
    DISK.with_borrow_mut(|disk| disk.faults.clear());
}

/// How many calls of that kind have failed.
pub(crate) fn fired(call: Call) -> u32 {
    DISK.with_borrow(|disk| disk.fired.get(&call).copied().unwrap_or_default())
}

/// How many bytes of the file with that inode a power cut leaves.
pub(crate) fn synced_len(inode: u64) -> u64 {
    DISK.with_borrow(|disk| disk.synced.get(&inode).map_or(0, |synced| synced.len))
}

/// Somebody has cut the file to nothing.
pub(crate) fn truncated(inode: u64) {
    DISK.with_borrow_mut(|disk| disk.synced.entry(inode).or_default().len = 0);
}

/// Whether a fault is planned that would go on for ever.
pub(crate) fn is_lasting() -> bool {
    DISK.with_borrow(|disk| disk.faults.iter().any(|fault| fault.times == u32::MAX))
}

impl Disk {
    /// What is wrong with this call, if anything is.
    fn next(&mut self, call: Call) -> Option<Flaw> {
        let mut flaw = None;
        for fault in self.faults.iter_mut().filter(|fault| fault.call == call) {
            if fault.after != 0 {
                fault.after -= 1;
            } else if fault.times != 0 && flaw.is_none() {
                flaw = Some(fault.flaw);
                if fault.times != u32::MAX {
                    fault.times -= 1;
                }
            }
        }
        if flaw.is_some() {
            *self.fired.entry(call).or_default() += 1;
        }
        flaw
    }
}

/// Makes the call, unless it is to fail.
pub(super) fn attempt<T, E: From<Errno>>(
    call: Call,
    action: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    match DISK.with_borrow_mut(|disk| disk.next(call)) {
        // The standard library repeats these by itself.
        Some(Flaw::Error(Errno::INTR)) if matches!(call, Call::Open | Call::Sync) => action(),
        Some(Flaw::Error(errno)) => Err(errno.into()),
        Some(Flaw::Short | Flaw::Nothing) | None => action(),
    }
}

/// The same for a write, which may accept less than it is given.
pub(super) fn attempt_write(
    call: Call,
    bytes: &[u8],
    action: impl FnOnce(&[u8]) -> Result<usize, Errno>,
) -> Result<usize, Errno> {
    match DISK.with_borrow_mut(|disk| disk.next(call)) {
        Some(Flaw::Error(errno)) => Err(errno),
        Some(Flaw::Short) => action(&bytes[..bytes.len().div_ceil(2)]),
        Some(Flaw::Nothing) => Ok(0),
        None => action(bytes),
    }
}

/// A file that is written to gets the time that the thread's clock shows.
pub(super) fn note_time(file: &File) {
    if let Some(time) = simulated::wall_clock() {
        file.set_modified(time).unwrap();
    }
}

pub(super) fn note_sync(file: &File, is_synced: bool) {
    let metadata = file.metadata().unwrap();
    DISK.with_borrow_mut(|disk| {
        let synced = disk.synced.entry(metadata.ino()).or_default();
        synced.has_failed |= !is_synced;
        if !synced.has_failed {
            synced.len = metadata.len();
        }
    });
}
