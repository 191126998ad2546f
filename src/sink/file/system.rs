//! The door to the file system: every call that a file sink, or who tends its old files, makes of
//! it.
//!
//! In a normal build these are the plain calls. In unit tests [`faults`] may have any of them
//! fail, so that it shows what comes of that.

#[cfg(not(any(offloop_loom, offloop_shuttle)))]
#[cfg(test)]
pub(crate) mod faults;

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

#[cfg(not(any(offloop_loom, offloop_shuttle)))]
#[cfg(test)]
use faults::{attempt, attempt_write};

/// What is asked of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Call {
    Link,
    List,
    Lock,
    MakeDirectory,
    Open,
    Read,
    Rename,
    Stat,
    Sync,
    Truncate,
    Unlink,
    Write,
}

#[cfg(any(not(test), offloop_loom, offloop_shuttle))]
#[inline(always)]
fn attempt<T, E>(_: Call, call: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    call()
}

#[cfg(any(not(test), offloop_loom, offloop_shuttle))]
#[inline(always)]
fn attempt_write(
    _: Call,
    bytes: &[u8],
    call: impl FnOnce(&[u8]) -> Result<usize, Errno>,
) -> Result<usize, Errno> {
    call(bytes)
}

pub(super) fn metadata(path: &Path) -> io::Result<Metadata> {
    attempt(Call::Stat, || fs::metadata(path))
}

/// Of a symbolic link itself.
pub(super) fn link_metadata(path: &Path) -> io::Result<Metadata> {
    attempt(Call::Stat, || fs::symlink_metadata(path))
}

pub(super) fn metadata_of(file: &File) -> io::Result<Metadata> {
    attempt(Call::Stat, || file.metadata())
}

pub(super) fn stat(directory: BorrowedFd<'_>, name: &OsStr, flags: AtFlags) -> Result<Stat, Errno> {
    attempt(Call::Stat, || rustix::fs::statat(directory, name, flags))
}

pub(super) fn stat_of(file: &File) -> Result<Stat, Errno> {
    attempt(Call::Stat, || rustix::fs::fstat(file))
}

pub(super) fn canonical(path: &Path) -> io::Result<PathBuf> {
    attempt(Call::Stat, || fs::canonicalize(path))
}

pub(super) fn open(options: &OpenOptions, path: &Path) -> io::Result<File> {
    attempt(Call::Open, || options.open(path))
}

pub(super) fn open_directory(path: &Path) -> io::Result<File> {
    attempt(Call::Open, || File::open(path))
}

pub(super) fn open_at(
    directory: BorrowedFd<'_>,
    name: &OsStr,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    attempt(Call::Open, || {
        rustix::fs::openat(directory, name, flags, mode)
    })
}

pub(super) fn create_directories(path: &Path) -> io::Result<()> {
    attempt(Call::MakeDirectory, || fs::create_dir_all(path))
}

pub(super) fn entries(directory: BorrowedFd<'_>) -> Result<Dir, Errno> {
    attempt(Call::List, || Dir::read_from(directory))
}

pub(super) fn read_exact_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    attempt(Call::Read, || file.read_exact_at(bytes, at))
}

pub(super) fn write(file: &File, bytes: &[u8]) -> Result<usize, Errno> {
    let written = attempt_write(Call::Write, bytes, |bytes| rustix::io::write(file, bytes));
    #[cfg(not(any(offloop_loom, offloop_shuttle)))]
    #[cfg(test)]
    faults::note_time(file);
    written
}

pub(super) fn truncate(file: &File, len: u64) -> Result<(), Errno> {
    let cut = attempt(Call::Truncate, || rustix::fs::ftruncate(file, len));
    #[cfg(not(any(offloop_loom, offloop_shuttle)))]
    #[cfg(test)]
    faults::note_truncation(file);
    cut
}

pub(super) fn lock(file: &File, operation: FlockOperation) -> Result<(), Errno> {
    attempt(Call::Lock, || rustix::fs::flock(file, operation))
}

pub(super) fn sync_data(file: &File) -> io::Result<()> {
    let synced = attempt(Call::Sync, || file.sync_data());
    #[cfg(not(any(offloop_loom, offloop_shuttle)))]
    #[cfg(test)]
    faults::note_sync(file, synced.is_ok());
    synced
}

pub(super) fn sync_all(file: &File) -> io::Result<()> {
    attempt(Call::Sync, || file.sync_all())
}

pub(super) fn sync_directory(directory: BorrowedFd<'_>) -> Result<(), Errno> {
    attempt(Call::Sync, || rustix::fs::fsync(directory))
}

/// Within a directory, unless something has that name.
#[cfg(target_os = "linux")]
pub(super) fn rename_to_new(
    directory: BorrowedFd<'_>,
    from: &OsStr,
    to: &OsStr,
) -> Result<(), Errno> {
    let flags = rustix::fs::RenameFlags::NOREPLACE;
    attempt(Call::Rename, || {
        rustix::fs::renameat_with(directory, from, directory, to, flags)
    })
}

/// Within a directory, whatever has that name.
pub(super) fn rename(directory: BorrowedFd<'_>, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
    attempt(Call::Rename, || {
        rustix::fs::renameat(directory, from, directory, to)
    })
}

/// Another name within the directory, unless something has it.
pub(super) fn link(directory: BorrowedFd<'_>, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
    attempt(Call::Link, || {
        rustix::fs::linkat(directory, from, directory, to, AtFlags::empty())
    })
}

pub(super) fn unlink(directory: BorrowedFd<'_>, name: &OsStr) -> Result<(), Errno> {
    attempt(Call::Unlink, || {
        rustix::fs::unlinkat(directory, name, AtFlags::empty())
    })
}
