//! A file, named by its path.
//!
//! ## Opening
//!
//! The path is made absolute when the pipeline is built, so that a program that changes its
//! directory goes on in the same file, and its forked children too. Missing directories are
//! created. A new file has mode 0640, less what the umask takes away; one that exists keeps its
//! own, and is appended to.
//!
//! ## After a crash
//!
//! A process that dies within a write may leave a torn line. If the file does not end in a line
//! break, one is written before the first line: what is torn stays torn, but the next record is a
//! line of its own. Should another process be writing to the file at that very moment, it may look
//! torn when it is not, and then holds an empty line.
//!
//! ## FIFOs and devices
//!
//! The path may be that of a FIFO. As long as nobody reads from it, writing fails with `ENXIO`;
//! when its reader goes away, with `EPIPE`. The drain repeats what failed, so that the lines wait
//! for the next reader. That one starts with a whole line: the rest of a line whose beginning the
//! former reader was given, which only happens with lines longer than `PIPE_BUF`, is given up.
//! Devices, such as `/dev/stdout`, are opened as files are.

mod sync;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::Sink;
use super::descriptor::{LineWriter, wait_for_room};
use crate::error::Error;
use sync::{Unsynced, directories_to_change};

/// Owner: read and write. Group: read. Logs tell about users, so others get nothing.
const MODE: u32 = 0o640;

/// `O_NONBLOCK`: opening a FIFO must not wait for its reader, nor writing to it for room. Regular
/// files do not care. `O_NOCTTY`: a terminal must not become the one that controls a daemon.
const FLAGS: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY);

#[derive(Debug)]
pub(super) struct FileSink {
    name: String,
    path: PathBuf,
    /// `None` while a FIFO has no reader, and in a forked child before its first write.
    file: Option<File>,
    /// Whether the file ends within a line that nobody will finish.
    torn: bool,
    unsynced: Unsynced,
    lines: LineWriter,
}

impl FileSink {
    /// Opens the file, and creates it and its directories if need be.
    pub(super) fn open(path: &Path) -> Result<FileSink, Error> {
        let failed = |cause| Error::OpenFile {
            path: path.to_owned(),
            cause,
        };
        let mut sink = FileSink::open_at_first_write(&std::path::absolute(path).map_err(failed)?);
        sink.unsynced.entered(directories_to_change(&sink.path));
        create_directory_of(path)?;
        sink.file = open_unless_unread(&sink.path).map_err(failed)?;
        if let Some(file) = &sink.file {
            sink.torn = ends_within_line(file, &sink.path);
        }
        Ok(sink)
    }

    /// For a forked child, whose parent has created and mended the file. It is not mended again:
    /// the parent may be in the midst of a write.
    pub(super) fn open_at_first_write(path: &Path) -> FileSink {
        FileSink {
            name: format!("file {}", path.display()),
            path: path.to_owned(),
            file: None,
            torn: false,
            unsynced: Unsynced::default(),
            lines: LineWriter::default(),
        }
    }

    /// The absolute path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Sees to it that a file whose sync failed is not written to.
    fn leave_untrusted(&mut self) -> io::Result<()> {
        if !self.unsynced.is_untrusted() {
            return Ok(());
        }
        if let Some(file) = &self.file {
            self.unsynced.set_aside(&self.path, file)?;
        }
        self.file = None;
        Ok(())
    }
}

impl Sink for FileSink {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.leave_untrusted()?;
        let file = match &mut self.file {
            Some(file) => file,
            closed => {
                let file = closed.insert(open(&self.path)?);
                self.unsynced.opened(&self.path);
                if let Some(given_up) = self.lines.give_up_rest(lines) {
                    return Ok(given_up);
                }
                file
            }
        };
        if self.torn {
            self.lines.write(file.as_fd(), b"\n")?;
            self.torn = false;
        }
        self.unsynced.wrote();
        let written = self.lines.write(file.as_fd(), lines);
        if let Err(error) = &written
            && error.kind() == io::ErrorKind::BrokenPipe
        {
            self.file = None;
        }
        written
    }

    fn wait_for_room(&mut self, at_most: Duration) {
        wait_for_room(self.file.as_ref().map(File::as_fd), at_most);
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.unsynced.sync(self.file.as_ref())
    }

    fn name(&self) -> &str {
        &self.name
    }
}

fn create_directory_of(path: &Path) -> Result<(), Error> {
    let Some(directory) = path.parent() else {
        return Ok(());
    };
    fs::create_dir_all(directory).map_err(|cause| Error::CreateDirectory {
        path: directory.to_owned(),
        cause,
    })
}

/// `None` for a FIFO that nobody reads from yet: that is no reason not to start.
fn open_unless_unread(path: &Path) -> io::Result<Option<File>> {
    match open(path) {
        // Sockets answer the same, and will not change their mind.
        Err(error) if is_unread(&error) && fs::metadata(path)?.file_type().is_fifo() => Ok(None),
        opened => opened.map(Some),
    }
}

fn is_unread(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::NXIO.raw_os_error())
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(MODE)
        .custom_flags(FLAGS.bits().cast_signed())
        .open(path)
}

/// Whether the last line of a regular file lacks its end. One that may not be read is taken as
/// whole.
fn ends_within_line(file: &File, path: &Path) -> bool {
    last_byte(file, path).is_ok_and(|byte| byte.is_some_and(|byte| byte != b'\n'))
}

fn last_byte(file: &File, path: &Path) -> io::Result<Option<u8>> {
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() == 0 {
        return Ok(None);
    }
    // A second time, to read: asking for both at once would fail where only writing is allowed.
    let mut byte = [0];
    File::open(path)?.read_exact_at(&mut byte, metadata.len() - 1)?;
    Ok(Some(byte[0]))
}

// Apple's systems lack `mkfifoat`.
#[cfg(not(target_vendor = "apple"))]
#[cfg(test)]
mod tests;
