//! A file, named by its path.
//!
//! ## Opening
//!
//! The path is made absolute when the pipeline is built, so that a program that changes its
//! directory goes on in the same file, and its forked children too. Missing directories are
//! created. A new file has mode 0640 unless another was chosen, less what the umask takes away; one
//! that exists keeps its own, and is appended to. [`open`] says which files are not opened.
//!
//! ## Writing
//!
//! Any number of processes may write to one file. Each batch goes through the same steps: take the
//! file's lock; see whether the path still names this file, and open it anew if not; see to it that
//! the file ends with a whole line; tell where the lines will lie; write them; let go of the lock.
//! So a file that was renamed or removed is noticed with the next batch, and every file holds
//! whole lines, whoever else writes, fails or dies.
//!
//! Where the program may not look any more, since it has given up its privileges, it goes on in the
//! file that it has open. Where it may, it goes by the path, also below a new root (`chroot`).
//!
//! A lock that is not free is no room: the drain comes back. If it stays so for a second, that is a
//! failure like any other, and is reported; records wait for as long as it takes.
//!
//! ## A path that names nothing
//!
//! Who rotates files renames the old one first, and creates the new one a moment later. It would
//! be taken aback to find a file there. So the sink leaves it that moment before it creates the
//! file itself. It does not go on in the old one, which may be about to be compressed.
//!
//! ## The end of a file
//!
//! [`rotation`] says when a file ends, [`name`] what it is called then. It is decided under the lock
//! before each batch, of which as many whole lines go into the file as fit: so any number of
//! processes end it once, and each file holds whole records.
//!
//! ## Opened anew on request
//!
//! `reopen`, or SIGHUP where the program wants that, has the sink close its file and open what the
//! path names by then, before it writes anything else. [`Control`] carries the wish.
//!
//! ## After a crash
//!
//! A process that dies within a write may leave a torn line. Whoever takes the lock next and finds
//! one, ends it with a line break, unless it is known whose it was: what is torn stays torn, but
//! the next record is a line of its own. [`settle`] finds out what a dead process had written.
//!
//! ## FIFOs and devices
//!
//! The path may be that of a FIFO. As long as nobody reads from it, writing fails with `ENXIO`;
//! when its reader goes away, with `EPIPE`. The drain repeats what failed, so that the lines wait
//! for the next reader. That one starts with a whole line: the rest of a line whose beginning the
//! former reader was given, which only happens with lines longer than `PIPE_BUF`, is given up.
//! Devices, such as `/dev/stdout`, are opened as files are. Neither is locked.

mod canonical;
mod care;
mod caretaker;
pub(super) mod compression;
mod control;
mod ending;
mod lock;
mod name;
mod old_files;
pub(super) mod old_log_file;
mod open;
mod plan;
mod regular;
pub(super) mod retention;
pub(crate) mod rotation;
mod settle;
mod sink;
mod sync;
mod system;
mod warnings;

pub(crate) use canonical::canonical;
pub(crate) use control::Control;
pub(crate) use plan::{FILE_MODE, FilePlan};
pub(crate) use regular::TORN_TAIL;
pub(crate) use settle::{fill, settle, settle_locked};
pub(super) use sink::FileSink;
#[cfg(not(any(offloop_loom, offloop_shuttle)))]
#[cfg(test)]
pub(crate) use system::faults;

// Apple's systems lack `mkfifoat`.
#[cfg(not(target_vendor = "apple"))]
#[cfg(test)]
mod tests;
