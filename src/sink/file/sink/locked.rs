//! What the sink does under the lock of its regular file.

use std::fs::Metadata;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::{Active, FileSink};
use crate::sink::PlaceInFile;
use crate::sink::file::ending;
use crate::sink::file::regular::{Named, Regular};
use crate::sink::file::{rotation, system};

/// How long others have to put a file where there is none.
const MISSING_MAX: Duration = Duration::from_millis(100);

/// How long to try to set a file aside whose sync failed.
const ASIDE_MAX: Duration = Duration::from_secs(1);

impl FileSink {
    /// Appends lines to the regular file that is open. `None` if the path does not name it any
    /// more, or if it has just ended: it is closed then.
    pub(super) fn append(
        &mut self,
        lines: &[u8],
        note: &mut dyn FnMut(PlaceInFile),
    ) -> io::Result<Option<usize>> {
        self.with_regular(|sink, regular, file, len| {
            if sink.ending.is_over(file, rotation::now()) && sink.end(file) {
                return Ok(None);
            }
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
        self.with_regular(|sink, _, file, _| {
            let has_ended = sink.ending.is_over(file, rotation::now()) && sink.end(file);
            Ok((!has_ended).then_some(()))
        })
    }

    /// Gives the file the name of an old one. Says whether it is to be opened anew.
    fn end(&mut self, file: &Metadata) -> bool {
        match self.ending.end(&self.plan.path, file) {
            Ok(()) => true,
            Err(error) => {
                let destination = self.plan.destination();
                self.warnings
                    .add(format!("end {destination}: {error}; it goes on"));
                false
            }
        }
    }

    /// Does `part` with the regular file that is open, under its lock: as it was found, and with the
    /// length that it has now that it ends with a whole line. If the path does not name it any more,
    /// or `part` returns `None`, the file is closed.
    fn with_regular<T>(
        &mut self,
        part: impl FnOnce(&mut Self, &mut Regular, &Metadata, u64) -> io::Result<Option<T>>,
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
        part: impl FnOnce(&mut Self, &mut Regular, &Metadata, u64) -> io::Result<Option<T>>,
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
            let destination = self.plan.destination();
            self.warnings.add(format!(
                "{destination}: the file system has no locks, so only one process may write to the file"
            ));
        }
        let metadata = system::metadata_of(&file)?;
        let len = regular.mend(&self.plan.path, metadata.len())?;
        part(self, regular, &metadata, len)
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

    pub(super) fn tend_regular(&mut self, written: u64) -> io::Result<()> {
        self.close_if_asked();
        if self.plan.control.take_rotate(written) {
            self.ending.ask();
        }
        if let Err(error) = self.care.start(&self.plan.path) {
            let destination = self.plan.destination();
            let warning = format!("{destination}: start the thread that tends old files: {error}");
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

    /// Sees to it that a file whose sync failed is not written to: it is set aside, under its lock,
    /// with the name of an old one. Says whether it was. If that cannot be, the file goes on after a
    /// while: what is written to it from now on is as likely to get to the disk as in any other file,
    /// and a log that stands still helps nobody.
    pub(super) fn leave_untrusted(&mut self) -> io::Result<bool> {
        let Some(Active::Regular(regular)) = &self.active else {
            return Ok(false);
        };
        let id = regular.id();
        if !self.unsynced.is_untrusted(id) {
            return Ok(false);
        }
        let lock = self.lock_patience.lock(regular.file())?;
        if regular.named_by(&self.plan.path) == Named::This {
            let file = system::metadata_of(regular.file())?;
            if let Err(error) = ending::set_aside(&self.plan.path, &file) {
                if !self.aside_patience.is_over(ASIDE_MAX) {
                    return Err(error);
                }
                let destination = self.plan.destination();
                self.warnings
                    .add(format!("set aside {destination}: {error}; it goes on"));
            }
            // Not otherwise: what the path names may be unknown, and turn out to be this file.
            self.unsynced.set_aside(id);
        }
        drop(lock);
        self.care.file_ended();
        self.active = None;
        self.aside_patience.renew();
        Ok(true)
    }
}
