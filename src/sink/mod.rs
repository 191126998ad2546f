//! Stage 5, sink: lines leave the program.
//!
//! - In: batches of whole lines.
//! - Out: the same bytes, once and in order, in a file, a pipe, a terminal, a user's writer.
//! - Runs on: the writer thread that owns the sink.
//! - Never: retries on its own what failed, decides what is lost, reports. That is the drain's
//!   part; a sink says how many bytes the outside accepted, or why it did not.
//!
//! A [`Target`] is what the user chose. The pipeline keeps it, so that a forked child can open a
//! sink of its own.

mod appender;
mod descriptor;
pub(crate) mod file;
pub(crate) mod lines;
mod memory;
mod stdio;

use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::error::Error;

use appender::AppenderSink;
use file::FileSink;
pub use file::compression::Compression;
pub use file::old_log_file::OldLogFile;
pub use file::retention::Retention;
pub(crate) use file::rotation::{Every, RotationRules, Schedule, Zone};
pub(crate) use file::{Control, FILE_MODE, FilePlan};
pub use memory::Memory;
use memory::MemorySink;
use stdio::StdioSink;
pub(crate) use stdio::complain_on_stderr;

/// Where lines go. Owned by one writer thread; every call may block that thread, and no other.
pub(crate) trait Sink: Send {
    /// Writes the beginning of `lines`, which are not empty, and says how many bytes the outside
    /// accepted: at least one.
    ///
    /// `lines` are whole lines, or begin with the rest of what an earlier call accepted in part.
    ///
    /// # Errors
    ///
    /// `WouldBlock` means no room now and is no failure: [`wait_for_room`](Sink::wait_for_room)
    /// comes next. Any other error means that nothing was accepted, and that the same lines may be
    /// offered again. Interrupted calls are repeated inside.
    fn write(&mut self, lines: &[u8]) -> io::Result<usize>;

    /// The same for a sink whose bytes can be found again after a crash: before it writes, it
    /// tells `note` where the first of the lines will lie. It writes to one place in one call, and
    /// accepts whole lines only. A sink whose bytes are gone once they are written tells nothing.
    fn write_noting(
        &mut self,
        lines: &[u8],
        _note: &mut dyn FnMut(PlaceInFile),
    ) -> io::Result<usize> {
        self.write(lines)
    }

    /// Whether what the last call accepted is given up: the rest of a record whose beginning has gone
    /// to a reader that is gone as well.
    fn has_given_up(&self) -> bool {
        false
    }

    /// Whether this error, with which `write` has just failed, says that nobody can ever read what the
    /// sink is given, unless somebody puts something else into its place. What it was in the midst of
    /// is given up then.
    fn has_lost_reader(&mut self, _error: &io::Error) -> bool {
        false
    }

    /// Waits until there may be room, `at_most` that long.
    fn wait_for_room(&mut self, at_most: Duration);

    /// Hands over what the sink itself holds back, as a user's `BufWriter` does.
    fn flush(&mut self) -> io::Result<()>;

    /// Does what is due whether or not there is anything to write. Called whenever the drain looks
    /// around, after it has written everything before the ticket `written`. Passes on to `warn`
    /// what the operator should know although nothing has failed, once.
    fn tend(&mut self, _written: u64, _warn: &mut dyn FnMut(&str)) {}

    /// Goes on otherwise, if it is a file: with another mode, other ends, another care of what has
    /// ended. The path is the same.
    fn change(&mut self, _plan: &FilePlan) {}

    /// Brings everything that was accepted onto the disk. A sink that has no disk, or no say in
    /// when it is used, has nothing to do: a pipe, a terminal, a user's writer.
    ///
    /// # Errors
    ///
    /// What was accepted since the last sync may never get there, whatever a later one says. The
    /// sink goes on in another place with the next write.
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where in which file lines lie. An inode keeps its number when its file is renamed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PlaceInFile {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) offset: u64,
}

impl PlaceInFile {
    /// Where what comes after so many bytes at this place lies.
    pub(crate) fn behind(self, bytes: usize) -> PlaceInFile {
        PlaceInFile {
            offset: self.offset.saturating_add(bytes as u64),
            ..self
        }
    }
}

/// What a sink is made of.
pub(crate) enum Target {
    /// A file to append to.
    File(FilePlan),
    Stdout,
    Stderr,
    /// Gone once the sink is open: the sink has it. Never locked; the mutex is there since a
    /// pipeline is shared between threads, which a writer need not allow.
    Writer(Mutex<Option<Box<dyn io::Write + Send>>>),
    Memory(Memory),
}

impl Target {
    /// Opens the sink.
    pub(crate) fn open(&mut self) -> Result<Box<dyn Sink>, Error> {
        Ok(match self {
            Target::File(plan) => Box::new(FileSink::open(plan)?),
            Target::Stdout => Box::new(StdioSink::stdout()),
            Target::Stderr => Box::new(StdioSink::stderr()),
            Target::Writer(writer) => {
                let writer = writer
                    .get_mut()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take();
                Box::new(AppenderSink::new(writer.ok_or(Error::WriterTaken)?))
            }
            Target::Memory(memory) => Box::new(MemorySink::new(memory)),
        })
    }

    /// Opens a sink for a forked child, after the parent opened its own.
    ///
    /// Nothing that parent and child share is relied on, apart from the descriptors 1 and 2. `None`
    /// for a user's writer and for memory: another thread of the parent may have been in the midst
    /// of changing them, and would never finish in the child.
    pub(crate) fn open_in_child(&self) -> Option<Box<dyn Sink>> {
        match self {
            Target::File(plan) => Some(Box::new(FileSink::open_at_first_write(plan))),
            Target::Stdout => Some(Box::new(StdioSink::stdout())),
            Target::Stderr => Some(Box::new(StdioSink::stderr())),
            Target::Writer(_) | Target::Memory(_) => None,
        }
    }

    /// Where lines go, as reports say it: `file /srv/logs/app.jsonl`, `stdout`. The path is absolute
    /// once the sink is open.
    pub(crate) fn destination(&self) -> String {
        match self {
            Target::File(plan) => plan.destination(),
            Target::Stdout => "stdout".to_owned(),
            Target::Stderr => "stderr".to_owned(),
            Target::Writer(_) => "writer".to_owned(),
            Target::Memory(_) => "memory".to_owned(),
        }
    }

    /// The path of a file, absolute once the sink is open.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Target::File(plan) => Some(&plan.path),
            Target::Stdout | Target::Stderr | Target::Writer(_) | Target::Memory(_) => None,
        }
    }

    /// Makes the path of a file absolute.
    pub(crate) fn name_absolutely(&mut self) -> Result<(), Error> {
        let Target::File(plan) = self else {
            return Ok(());
        };
        let absolute = std::path::absolute(&plan.path).map_err(|cause| Error::OpenFile {
            path: plan.path.clone(),
            cause,
        });
        plan.path = absolute?;
        Ok(())
    }

    /// Whether lines go to the same place, if that can be told from outside: a writer looks like
    /// any other. Paths are absolute.
    pub(crate) fn is_same_as(&self, other: &Target) -> bool {
        match (self, other) {
            (Target::File(own), Target::File(other)) => own.path == other.path,
            (Target::Stdout, Target::Stdout)
            | (Target::Stderr, Target::Stderr)
            | (Target::Writer(_), Target::Writer(_)) => true,
            (Target::Memory(own), Target::Memory(other)) => own.is(other),
            _ => false,
        }
    }

    /// What can be asked of a file. `None` for everything else.
    pub(crate) fn control(&self) -> Option<&Control> {
        match self {
            Target::File(plan) => Some(&plan.control),
            Target::Stdout | Target::Stderr | Target::Writer(_) | Target::Memory(_) => None,
        }
    }

    /// The path of a file whose lines can be found again: not that of a FIFO or a device.
    pub(crate) fn regular_path(&self) -> Option<&Path> {
        let path = self.path()?;
        // In a forked child it may have been removed: it is created anew with the first write.
        let is_regular = fs::metadata(path).map_or(true, |found| found.is_file());
        is_regular.then_some(path)
    }

    /// Whether an audit record is kept for good here. Memory stands in for a file in tests.
    pub(crate) fn keeps_audits(&self) -> bool {
        matches!(self, Target::Memory(_)) || self.regular_path().is_some()
    }

    /// Whether a person looks at it. Files are for later, whatever they are.
    pub(crate) fn is_terminal(&self) -> bool {
        match self {
            Target::Stdout => rustix::stdio::stdout().is_terminal(),
            Target::Stderr => rustix::stdio::stderr().is_terminal(),
            Target::File(_) | Target::Writer(_) | Target::Memory(_) => false,
        }
    }
}
