//! A regular file that is open for appending, and how lines get into it whole.
//!
//! All of this happens under the file's lock. Lines that are accepted in part are taken back: the
//! file is cut to the end of the last whole one. So a full disk tears nothing, and what follows
//! may go into another file.
//!
//! ## The limit on the size of files
//!
//! A write beyond `RLIMIT_FSIZE` ends the process by a signal, unless the program has said
//! otherwise. A library has no business with a program's signals, so the limit is asked for before
//! each write, and kept.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Resource, getrlimit};

use super::system;
use crate::fork::OwnFile;
use crate::sink::PlaceInFile;
use crate::sink::lines::whole_len;

/// Called with the path and the file, whose lock is held, when it ends within a line. Whoever
/// knows whose line that was may cut it off, to write it whole later.
pub(crate) static TORN_TAIL: OnceLock<fn(&Path, &File)> = OnceLock::new();

/// Ends a torn line that will be written again. All of it may be there but its line break, which
/// alone would make it whole: it would be there twice.
const TORN_END: &[u8] = b"<torn>\n";

/// A regular file, and how this sink left it.
#[derive(Debug)]
pub(super) struct Regular {
    file: Arc<OwnFile>,
    id: FileId,
    left: Left,
}

/// Which file it is, whatever its name is, and whoever has it open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    pub(super) fn of(metadata: &Metadata) -> FileId {
        FileId {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// How a file was left.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Left {
    /// Not known: somebody else has written to it.
    Unknown,
    /// It had this length, and ended with a whole line.
    Whole(u64),
    /// It had the length `len`, and could not be cut to the end of its last whole line.
    Torn { len: u64, whole_len: u64 },
}

/// A file that was left within a line, and could not be cut: whoever opens it anew is to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Torn {
    id: FileId,
    left: Left,
}

/// What a path names by now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Named {
    This,
    Another,
    Nothing,
}

impl Regular {
    /// `torn` is how a file was left before, which may be this one.
    pub(super) fn new(file: File, metadata: &Metadata, torn: Option<Torn>) -> Regular {
        let id = FileId::of(metadata);
        let torn = torn.filter(|torn| torn.id == id);
        Regular {
            file: Arc::new(OwnFile::new(file)),
            id,
            left: torn.map_or(Left::Unknown, |torn| torn.left),
        }
    }

    /// How the file is left, if that is within a line.
    pub(super) fn torn(&self) -> Option<Torn> {
        let Regular { id, left, .. } = *self;
        matches!(left, Left::Torn { .. }).then_some(Torn { id, left })
    }

    /// The file, so that its lock can be held while the rest changes.
    pub(super) fn file(&self) -> &Arc<OwnFile> {
        &self.file
    }

    pub(super) fn id(&self) -> FileId {
        self.id
    }

    /// Whether the path still names this file.
    pub(super) fn named_by(&self, path: &Path) -> Named {
        match system::metadata(path) {
            Ok(found) if FileId::of(&found) == self.id => Named::This,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Named::Nothing,
            // A program that has given up its privileges may not even look, nor open the file anew:
            // it keeps what it has.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Named::This,
            // Whatever it is: opening it will tell.
            _ => Named::Another,
        }
    }

    /// Appends whole lines to the file, which ends at `end` with a whole line, and says how many
    /// bytes of them it has: all, or whole lines up to where there was an error. Tells `note` where
    /// they will lie.
    pub(super) fn append(
        &mut self,
        end: u64,
        lines: &[u8],
        note: &mut dyn FnMut(PlaceInFile),
    ) -> io::Result<usize> {
        let lines = within_limit(lines, end)?;
        note(PlaceInFile {
            device: self.id.device,
            inode: self.id.inode,
            offset: end,
        });
        // Should this come to a bad end, nothing is known.
        self.left = Left::Unknown;
        let (written, outcome) = write_all(&self.file, lines);
        if written == lines.len() {
            self.left = Left::Whole(end + written as u64);
            return Ok(written);
        }
        let whole = whole_len(lines, written);
        self.left = Left::Torn {
            len: end + written as u64,
            whole_len: end + whole as u64,
        };
        // If that fails, too, it is tried once more before the next lines.
        let _ = self.cut();
        if whole == 0 {
            outcome.map(|()| 0)
        } else {
            Ok(whole)
        }
    }

    /// Sees to it that the file, which has this length, ends with a whole line. Says how long it is
    /// then.
    pub(super) fn mend(&mut self, path: &Path, len: u64) -> io::Result<u64> {
        // The rule, and a call of the system less.
        if self.left == Left::Whole(len) {
            return Ok(len);
        }
        self.end_line(path)?;
        self.len()
    }

    fn end_line(&mut self, path: &Path) -> io::Result<()> {
        // An append-only file cannot be cut. The line stays torn, and is written whole below.
        let end = if self.cut().is_err() { TORN_END } else { b"\n" };
        if !self.ends_within_line()? {
            return Ok(());
        }
        if let Some(owner_known) = TORN_TAIL.get() {
            owner_known(path, &self.file);
        }
        if !self.ends_within_line()? {
            return Ok(());
        }
        // Nobody will finish that line. What is torn stays torn, but the next is one of its own.
        let end = within_limit(end, self.len()?)?;
        write_all(&self.file, end).1
    }

    /// Cuts off what an earlier write left of a line, unless somebody has changed the file since.
    fn cut(&mut self) -> io::Result<()> {
        let Left::Torn { len, whole_len } = self.left else {
            return Ok(());
        };
        if self.len()? == len {
            retry_on_intr(|| system::truncate(&self.file, whole_len))?;
            self.left = Left::Whole(whole_len);
        } else {
            self.left = Left::Unknown;
        }
        Ok(())
    }

    pub(super) fn len(&self) -> io::Result<u64> {
        system::metadata_of(&self.file).map(|metadata| metadata.len())
    }

    /// Whether the last line lacks its end, or nobody can tell: an empty line does less harm than a
    /// line that begins within another. A file that may be written to alone is taken as whole.
    fn ends_within_line(&self) -> io::Result<bool> {
        let Some(at) = self.len()?.checked_sub(1) else {
            return Ok(false);
        };
        let mut last = [b'\n'];
        Ok(match system::read_exact_at(&self.file, &mut last, at) {
            Ok(()) => last != *b"\n",
            // Somebody has just truncated it.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            Err(error) => error.raw_os_error() != Some(Errno::BADF.raw_os_error()),
        })
    }
}

/// Writes until all is accepted. Otherwise says how much was, and what was wrong.
pub(super) fn write_all(file: &File, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match retry_on_intr(|| system::write(file, &bytes[written..])) {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(accepted) => written += accepted,
            Err(errno) => return (written, Err(errno.into())),
        }
    }
    (written, Ok(()))
}

/// As many whole lines as the process may still append to a file that ends at `end`.
fn within_limit(lines: &[u8], end: u64) -> io::Result<&[u8]> {
    let Some(limit) = getrlimit(Resource::Fsize).current else {
        return Ok(lines);
    };
    let room = limit.saturating_sub(end);
    if lines.len() as u64 <= room {
        return Ok(lines);
    }
    match whole_len(lines, room as usize) {
        0 => Err(Errno::FBIG.into()),
        len => Ok(&lines[..len]),
    }
}
