//! A file system that fails as a test has planned it, on the test's own thread.
//!
//! It also keeps what a disk would: how much of which file was synced, and which bytes are gone since
//! the sync that should have covered them failed, whatever later syncs say.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
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
#[derive(Debug, Default)]
struct Synced {
    /// What lies beyond was written since the last sync.
    len: u64,
    /// What is not there either: the system took it for written when its sync had failed.
    gone: Vec<Range<u64>>,
}

impl Synced {
    /// The file has this length now. What is written at these places from now on is new.
    fn cut(&mut self, len: u64) {
        self.len = self.len.min(len);
        self.gone.retain(|gone| gone.start < len);
        for gone in &mut self.gone {
            gone.end = gone.end.min(len);
        }
    }
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

/// What a power cut leaves of the file with that inode, which holds `text`. What is gone is zeros.
pub(crate) fn left_on_disk(inode: u64, mut text: Vec<u8>) -> Vec<u8> {
    DISK.with_borrow(|disk| {
        let Some(synced) = disk.synced.get(&inode) else {
            return Vec::new();
        };
        let end = |place: u64| text.len().min(place as usize);
        let gone = synced.gone.iter();
        let gone: Vec<_> = gone.map(|gone| end(gone.start)..end(gone.end)).collect();
        let len = end(synced.len);
        gone.into_iter().for_each(|gone| text[gone].fill(0));
        text.truncate(len);
        text
    })
}

/// The file was cut to this length.
pub(crate) fn note_cut(inode: u64, len: u64) {
    DISK.with_borrow_mut(|disk| disk.synced.entry(inode).or_default().cut(len));
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
        if !is_synced {
            synced.gone.push(synced.len..metadata.len());
        }
        synced.len = metadata.len();
    });
}

pub(super) fn note_truncation(file: &File) {
    let metadata = file.metadata().unwrap();
    note_cut(metadata.ino(), metadata.len());
}
