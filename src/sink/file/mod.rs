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
//! A lock that is not free is no room: the drain comes back. If it stays so for a second, that is a
//! failure like any other, and is reported; records wait for as long as it takes.
//!
//! ## A path that names nothing
//!
//! Who rotates files renames the old one first, and creates the new one a moment later. It would
//! be taken aback to find a file there. So the sink leaves it that moment before it creates the
//! file itself. It does not go on in the old one, which may be about to be compressed.
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

mod lock;
#[allow(dead_code, reason = "for the sink, once it ends files")]
mod name;
mod open;
mod regular;
#[allow(dead_code, reason = "for the sink, once it ends files")]
pub(crate) mod rotation;
#[allow(
    dead_code,
    reason = "for the recovery of what a killed process left behind"
)]
mod settle;

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::descriptor::{LineWriter, wait_for_room};
use super::{Place, Sink};
use crate::error::Error;
use lock::Patience;
#[allow(
    unused_imports,
    reason = "for the recovery of what a killed process left behind"
)]
pub(crate) use regular::TORN_TAIL;
use regular::{Named, Regular};
#[allow(
    unused_imports,
    reason = "for the recovery of what a killed process left behind"
)]
pub(crate) use settle::{settle, settle_locked};

/// Owner: read and write. Group: read. Logs tell about users, so others get nothing.
const MODE: u32 = 0o640;

/// How long others have to put a file where there is none.
const MISSING_MAX: Duration = Duration::from_millis(100);

/// How soon to look again, if somebody else is at it.
const PAUSE: Duration = Duration::from_micros(500);

/// How often in a row the path may name another file than the one that was just opened.
const OPENINGS_MAX: usize = 8;

/// What a file sink is made from.
#[derive(Clone, Debug)]
pub(crate) struct FilePlan {
    /// Absolute once the sink is open.
    pub(crate) path: PathBuf,
    /// The mode of new files, less what the umask takes away.
    pub(crate) mode: u32,
}

impl FilePlan {
    pub(crate) fn new(path: PathBuf) -> FilePlan {
        FilePlan { path, mode: MODE }
    }
}

#[derive(Debug)]
pub(super) struct FileSink {
    name: String,
    plan: FilePlan,
    /// `None` while a FIFO has no reader, after a failure to open, and in a forked child before its
    /// first write.
    active: Option<Active>,
    /// For streams.
    lines: LineWriter,
    lock_patience: Patience,
    missing_patience: Patience,
    warnings: Warnings,
}

/// What the path named when it was opened.
#[derive(Debug)]
enum Active {
    Regular(Regular),
    /// A FIFO, a terminal, a device.
    Stream(File),
}

impl FileSink {
    /// Opens the file, and creates it and its directories if need be. Makes the path absolute.
    pub(super) fn open(plan: &mut FilePlan) -> Result<FileSink, Error> {
        let given = plan.path.clone();
        let failed = |cause| Error::OpenFile {
            path: given.clone(),
            cause,
        };
        plan.path = std::path::absolute(&given).map_err(failed)?;
        open::create_directory_of(&given).map_err(|cause| Error::CreateDirectory {
            path: given.parent().map(Path::to_owned).unwrap_or_default(),
            cause,
        })?;
        let mut sink = FileSink::open_at_first_write(plan);
        match sink.open_active() {
            // That is no reason not to start.
            Err(error) if open::is_unread_fifo(&plan.path, &error) => Ok(sink),
            opened => opened.map(|()| sink).map_err(failed),
        }
    }

    /// For a forked child, whose parent has opened the file.
    pub(super) fn open_at_first_write(plan: &FilePlan) -> FileSink {
        FileSink {
            name: format!("file {}", plan.path.display()),
            plan: plan.clone(),
            active: None,
            lines: LineWriter::default(),
            lock_patience: Patience::default(),
            missing_patience: Patience::default(),
            warnings: Warnings::default(),
        }
    }

    fn open_active(&mut self) -> io::Result<()> {
        // First of all, let go of what is open: there may be no descriptor left but that one.
        self.active = None;
        let FilePlan { path, mode } = &self.plan;
        let file = match open::open(path, *mode) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                open::create_directory_of(path)?;
                open::open(path, *mode)?
            }
            opened => opened?,
        };
        let metadata = file.metadata()?;
        self.active = Some(if metadata.is_file() {
            Active::Regular(Regular::new(file, &metadata))
        } else {
            Active::Stream(file)
        });
        if open::is_open_to_all(path) {
            self.warnings.add(format!(
                "{}: everybody may replace the file: its directory is writable for all and not sticky",
                self.name
            ));
        }
        Ok(())
    }

    /// Appends lines to the regular file that is open. `None` if the path does not name it any more.
    fn append(&mut self, lines: &[u8], note: &mut dyn FnMut(Place)) -> io::Result<Option<usize>> {
        let Some(Active::Regular(regular)) = &mut self.active else {
            return Ok(None);
        };
        let file = Arc::clone(regular.file());
        let lock = self.lock_patience.lock(&file)?;
        if !lock.is_supported() {
            let name = &self.name;
            self.warnings.add(format!(
                "{name}: the file system has no locks, so only one process may write to the file"
            ));
        }
        match regular.named_by(&self.plan.path) {
            Named::This => {
                self.missing_patience.renew();
                regular.append(&self.plan.path, lines, note).map(Some)
            }
            Named::Nothing if !self.missing_patience.is_over(MISSING_MAX) => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            Named::Nothing | Named::Another => Ok(None),
        }
    }

    fn write_to_stream(&mut self, lines: &[u8]) -> io::Result<usize> {
        let Some(Active::Stream(stream)) = &self.active else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let written = self.lines.write(stream.as_fd(), lines);
        if let Err(error) = &written
            && error.kind() == io::ErrorKind::BrokenPipe
        {
            self.active = None;
        }
        written
    }
}

impl Sink for FileSink {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.write_noting(lines, &mut |_| {})
    }

    fn write_noting(&mut self, lines: &[u8], note: &mut dyn FnMut(Place)) -> io::Result<usize> {
        for _ in 0..OPENINGS_MAX {
            if self.active.is_none() {
                self.open_active()?;
                if let Some(given_up) = self.lines.give_up_rest(lines) {
                    return Ok(given_up);
                }
            }
            if let Some(Active::Stream(_)) = self.active {
                return self.write_to_stream(lines);
            }
            if let Some(accepted) = self.append(lines, note)? {
                return Ok(accepted);
            }
            self.active = None;
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn wait_for_room(&mut self, at_most: Duration) {
        match &self.active {
            Some(Active::Stream(stream)) => wait_for_room(Some(stream.as_fd()), at_most),
            // Nothing tells when somebody lets go of a lock.
            Some(Active::Regular(_)) | None => thread::sleep(at_most.min(PAUSE)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn take_warning(&mut self) -> Option<String> {
        self.warnings.unsaid.pop()
    }
}

/// What the operator should know, once.
#[derive(Debug, Default)]
struct Warnings {
    said: HashSet<String>,
    unsaid: Vec<String>,
}

impl Warnings {
    fn add(&mut self, warning: String) {
        if self.said.insert(warning.clone()) {
            self.unsaid.push(warning);
        }
    }
}

// Apple's systems lack `mkfifoat`.
#[cfg(not(target_vendor = "apple"))]
#[cfg(test)]
mod tests;
