//! What opens the file, hands lines to it, and lets go of it.

mod locked;

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::care::OldFilesCare;
use super::ending::Ending;
use super::lock::{PAUSE, Patience};
use super::open;
use super::plan::FilePlan;
use super::regular::{Regular, Torn};
use super::sync::{UnsyncedFiles, directories_to_change};
use super::system;
use super::warnings::Warnings;
use crate::channel::sync::{Instant, thread};
use crate::error::Error;
use crate::sink::descriptor::{DescriptorWriter, is_nameless, wait_for_room};
use crate::sink::{PlaceInFile, Sink};

/// How often in a row the path may name another file than the one that was just opened.
const OPENINGS_MAX: usize = 8;

#[derive(Debug)]
pub(in crate::sink) struct FileSink {
    plan: FilePlan,
    /// `None` while a FIFO has no reader, after a failure to open, and in a forked child before its
    /// first write.
    active: Option<Active>,
    /// How the file was left that was open before.
    torn: Option<Torn>,
    unsynced: UnsyncedFiles,
    /// For streams.
    lines: DescriptorWriter,
    has_given_up: bool,
    ending: Ending,
    care: OldFilesCare,
    lock_patience: Patience,
    missing_patience: Patience,
    aside_patience: Patience,
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
    pub(in crate::sink) fn open(plan: &mut FilePlan) -> Result<FileSink, Error> {
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
    pub(in crate::sink) fn open_at_first_write(plan: &FilePlan) -> FileSink {
        FileSink {
            plan: plan.clone(),
            active: None,
            torn: None,
            unsynced: UnsyncedFiles::default(),
            lines: DescriptorWriter::default(),
            has_given_up: false,
            ending: Ending::new(plan.rotation.clone()),
            care: OldFilesCare::new(plan.care),
            lock_patience: Patience::default(),
            missing_patience: Patience::default(),
            aside_patience: Patience::default(),
            warnings: Warnings::default(),
        }
    }

    fn open_active(&mut self) -> io::Result<()> {
        // First of all, let go of what is open: there may be no descriptor left but that one.
        self.leave_active();
        let file = self.open_path()?;
        let metadata = system::metadata_of(&file)?;
        self.unsynced.opened(&self.plan.path);
        self.ending.begin();
        self.active = Some(if metadata.is_file() {
            Active::Regular(Regular::new(file, &metadata, self.torn.take()))
        } else {
            Active::Stream(file)
        });
        if open::is_open_to_all(&self.plan.path) {
            self.warnings.add(format!(
                "{}: everybody may replace the file: its directory is writable for all and not sticky",
                self.plan.destination()
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
            self.torn = regular.torn();
            self.unsynced
                .leave(Arc::clone(regular.file()), regular.id());
        }
    }

    fn close_if_asked(&mut self) {
        if self.plan.control.take_reopen() {
            self.leave_active();
        }
    }

    fn write_to_stream(&mut self, lines: &[u8]) -> io::Result<usize> {
        let Some(Active::Stream(stream)) = &self.active else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let written = self.lines.write(stream.as_fd(), lines);
        if let Err(error) = &written
            && error.kind() == io::ErrorKind::BrokenPipe
            && !is_nameless(stream.as_fd())
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

    fn write_noting(
        &mut self,
        lines: &[u8],
        note: &mut dyn FnMut(PlaceInFile),
    ) -> io::Result<usize> {
        self.has_given_up = false;
        self.close_if_asked();
        for _ in 0..OPENINGS_MAX {
            if self.active.is_none() {
                self.open_active()?;
                if let Some(given_up) = self.lines.give_up_rest(lines) {
                    self.has_given_up = true;
                    return Ok(given_up);
                }
            }
            if self.leave_untrusted()? {
                continue;
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

    fn has_given_up(&self) -> bool {
        self.has_given_up
    }

    fn has_lost_reader(&mut self, error: &io::Error) -> bool {
        // Such as `/dev/stdout`.
        let is_lost = error.kind() == io::ErrorKind::BrokenPipe
            && matches!(&self.active, Some(Active::Stream(stream)) if is_nameless(stream.as_fd()));
        if is_lost {
            self.lines = DescriptorWriter::default();
        }
        is_lost
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
            Some(Active::Regular(regular)) => Some((&***regular.file(), regular.id())),
            Some(Active::Stream(_)) | None => None,
        };
        self.unsynced.sync(active)
    }

    fn change(&mut self, plan: &FilePlan) {
        self.ending.change(plan.rotation.clone());
        if plan.care != self.plan.care {
            // The thread that tends by the former rules ends, after the file that it is at.
            self.care = OldFilesCare::new(plan.care);
        }
        self.plan = plan.clone();
    }

    fn tend(&mut self, written: u64, warn: &mut dyn FnMut(&str)) {
        if let Some(Active::Regular(_)) = self.active {
            // Somebody may wait for the file to appear. Should that fail, the next write tells.
            let _ = self.tend_regular(written);
        }
        self.unsynced.tend(Instant::now);
        let warnings = self.warnings.take().into_iter();
        warnings
            .chain(self.care.complaints())
            .for_each(|warning| warn(&warning));
    }
}
