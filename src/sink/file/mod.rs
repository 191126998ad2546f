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

mod care;
mod caretaker;
pub(super) mod compression;
mod control;
mod ending;
mod lock;
mod name;
mod old_files;
mod open;
mod plan;
mod regular;
pub(super) mod retention;
pub(crate) mod rotation;
mod settle;
mod sync;
mod warnings;

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::descriptor::{LineWriter, wait_for_room};
use super::{Place, Sink};
use crate::error::Error;
use care::OldFilesCare;
pub(crate) use control::Control;
use ending::Ending;
use lock::Patience;
pub(crate) use plan::FilePlan;
pub(crate) use regular::TORN_TAIL;
use regular::{Named, Regular};
pub(crate) use settle::{settle, settle_locked};
use sync::{Unsynced, directories_to_change};
use warnings::Warnings;

/// How long others have to put a file where there is none.
const MISSING_MAX: Duration = Duration::from_millis(100);

/// How soon to look again, if somebody else is at it.
const PAUSE: Duration = Duration::from_micros(500);

/// How often in a row the path may name another file than the one that was just opened.
const OPENINGS_MAX: usize = 8;

#[derive(Debug)]
pub(super) struct FileSink {
    name: String,
    plan: FilePlan,
    /// `None` while a FIFO has no reader, after a failure to open, and in a forked child before its
    /// first write.
    active: Option<Active>,
    unsynced: Unsynced,
    /// For streams.
    lines: LineWriter,
    ending: Ending,
    care: OldFilesCare,
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
        let changed = directories_to_change(&plan.path);
        open::create_directory_of(&given).map_err(|cause| Error::CreateDirectory {
            path: given.parent().map(Path::to_owned).unwrap_or_default(),
            cause,
        })?;
        let mut sink = FileSink::open_at_first_write(plan);
        sink.unsynced.entered(changed);
        if sink.ending.ends_at_start() {
            sink.ending.ask();
        }
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
            unsynced: Unsynced::default(),
            lines: LineWriter::default(),
            ending: Ending::new(plan.rotation.clone()),
            care: OldFilesCare::new(plan.care),
            lock_patience: Patience::default(),
            missing_patience: Patience::default(),
            warnings: Warnings::default(),
        }
    }

    fn open_active(&mut self) -> io::Result<()> {
        // First of all, let go of what is open: there may be no descriptor left but that one.
        self.leave_active();
        let file = self.open_path()?;
        let metadata = file.metadata()?;
        self.unsynced.opened(&self.plan.path);
        self.ending.begin();
        self.active = Some(if metadata.is_file() {
            Active::Regular(Regular::new(file, &metadata))
        } else {
            Active::Stream(file)
        });
        if open::is_open_to_all(&self.plan.path) {
            self.warnings.add(format!(
                "{}: everybody may replace the file: its directory is writable for all and not sticky",
                self.name
            ));
        }
        Ok(())
    }

    fn open_path(&mut self) -> io::Result<File> {
        let FilePlan { path, mode, .. } = &self.plan;
        match open::open(path, *mode) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let changed = directories_to_change(path);
                open::create_directory_of(path)?;
                self.unsynced.entered(changed);
                open::open(path, *mode)
            }
            Err(error) if open::lacks_descriptor(&error) => {
                self.unsynced.sync_left();
                open::open(path, *mode)
            }
            opened => opened,
        }
    }

    /// Closes the file, once it is synced if that is still to be done.
    fn leave_active(&mut self) {
        if let Some(Active::Regular(regular)) = self.active.take() {
            self.unsynced.leave(Arc::clone(regular.file()));
        }
    }

    fn close_if_asked(&mut self) {
        if self.plan.control.take_reopen() {
            self.leave_active();
        }
    }

    /// Appends lines to the regular file that is open. `None` if the path does not name it any
    /// more, or if it has just ended: it is closed then.
    fn append(&mut self, lines: &[u8], note: &mut dyn FnMut(Place)) -> io::Result<Option<usize>> {
        self.with_regular(|sink, regular, file| {
            if sink.ending.is_over(file, rotation::now()) && sink.end(file) {
                return Ok(None);
            }
            let len = regular.len()?;
            sink.unsynced.wrote();
            match sink.ending.fitting(len, lines) {
                0 if sink.end(file) => Ok(None),
                0 => regular.append(len, lines, note).map(Some),
                fitting => regular.append(len, &lines[..fitting], note).map(Some),
            }
        })
    }

    /// Ends the file, if it is to end whether or not there is anything to write.
    fn end_if_over(&mut self) -> io::Result<Option<()>> {
        self.with_regular(|sink, _, file| {
            let has_ended = sink.ending.is_over(file, rotation::now()) && sink.end(file);
            Ok((!has_ended).then_some(()))
        })
    }

    /// Gives the file the name of an old one. Says whether it is to be opened anew.
    fn end(&mut self, file: &Metadata) -> bool {
        match self.ending.end(&self.plan.path, file) {
            Ok(()) => true,
            Err(error) => {
                let name = &self.name;
                self.warnings
                    .add(format!("end {name}: {error}; it goes on"));
                false
            }
        }
    }

    /// Does `part` with the regular file that is open, and as it is, under its lock. If the path does
    /// not name it any more, or `part` returns `None`, the file is closed.
    fn with_regular<T>(
        &mut self,
        part: impl FnOnce(&mut Self, &mut Regular, &Metadata) -> io::Result<Option<T>>,
    ) -> io::Result<Option<T>> {
        let Some(Active::Regular(mut regular)) = self.active.take() else {
            return Ok(None);
        };
        let outcome = self.with_locked(&mut regular, part);
        self.active = Some(Active::Regular(regular));
        if matches!(outcome, Ok(None)) {
            self.leave_active();
            // Not before its lock is free: a file that somebody has locked is left for later.
            self.care.file_ended();
        }
        outcome
    }

    fn with_locked<T>(
        &mut self,
        regular: &mut Regular,
        part: impl FnOnce(&mut Self, &mut Regular, &Metadata) -> io::Result<Option<T>>,
    ) -> io::Result<Option<T>> {
        let file = Arc::clone(regular.file());
        let lock = match self.lock_patience.lock(&file) {
            Err(error) if !self.is_left(regular)? => return Err(error),
            // Whoever has it: an old file is locked while it is compressed.
            Err(_) => return Ok(None),
            Ok(lock) => lock,
        };
        if self.is_left(regular)? {
            return Ok(None);
        }
        if !lock.is_supported() {
            let name = &self.name;
            self.warnings.add(format!(
                "{name}: the file system has no locks, so only one process may write to the file"
            ));
        }
        let metadata = file.metadata()?;
        regular.mend(&self.plan.path, metadata.len())?;
        part(self, regular, &metadata)
    }

    /// Whether the path names another file, or has named none for a while.
    ///
    /// # Errors
    ///
    /// `WouldBlock` while it names none, since somebody may be about to create one.
    fn is_left(&mut self, regular: &Regular) -> io::Result<bool> {
        match regular.named_by(&self.plan.path) {
            Named::This => {
                self.missing_patience.renew();
                return Ok(false);
            }
            Named::Nothing if !self.missing_patience.is_over(MISSING_MAX) => {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Named::Nothing | Named::Another => {}
        }
        self.lock_patience.renew();
        Ok(true)
    }

    fn tend_regular(&mut self, written: u64) -> io::Result<()> {
        self.close_if_asked();
        if self.plan.control.take_rotate(written) {
            self.ending.ask();
        }
        if let Err(error) = self.care.start(&self.plan.path) {
            let name = &self.name;
            let warning = format!("{name}: start the thread that tends old files: {error}");
            self.warnings.add(warning);
        }
        if self.active.is_some() && self.ending.may_be_over(rotation::now()) {
            self.end_if_over()?;
        }
        if self.active.is_none() {
            self.open_active()?;
        }
        Ok(())
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

    /// Sees to it that a file whose sync failed is not written to: it is set aside, under its lock,
    /// with the name of an old one.
    fn leave_untrusted(&mut self) -> io::Result<()> {
        if !self.unsynced.is_untrusted() {
            return Ok(());
        }
        if let Some(Active::Regular(regular)) = &self.active {
            let _lock = self.lock_patience.lock(regular.file())?;
            if regular.named_by(&self.plan.path) == Named::This {
                ending::set_aside(&self.plan.path, &regular.file().metadata()?)?;
            }
        }
        self.active = None;
        self.unsynced.begin_trusted();
        Ok(())
    }
}

impl Sink for FileSink {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.write_noting(lines, &mut |_| {})
    }

    fn write_noting(&mut self, lines: &[u8], note: &mut dyn FnMut(Place)) -> io::Result<usize> {
        self.leave_untrusted()?;
        self.close_if_asked();
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
            self.leave_active();
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

    fn sync(&mut self) -> io::Result<()> {
        let active = match &self.active {
            Some(Active::Regular(regular)) => Some(&**regular.file()),
            Some(Active::Stream(_)) | None => None,
        };
        self.unsynced.sync(active)
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn tend(&mut self, written: u64, warn: &mut dyn FnMut(&str)) {
        if let Some(Active::Regular(_)) = self.active {
            // Somebody may wait for the file to appear. Should that fail, the next write tells.
            let _ = self.tend_regular(written);
        }
        let warnings = self.warnings.take().into_iter();
        warnings
            .chain(self.care.complaints())
            .for_each(|warning| warn(&warning));
    }
}

// Apple's systems lack `mkfifoat`.
#[cfg(not(target_vendor = "apple"))]
#[cfg(test)]
mod tests;
