//! Opens log files, so that nobody else decides what is written to.
//!
//! `O_APPEND`: every write goes to the end, wherever others have moved it. `O_CLOEXEC`: programs
//! that this one starts get no hold of its log. `O_NOFOLLOW`: who may write to the directory could
//! otherwise have the program append to any file that the program may write to.
//!
//! A symbolic link is followed all the same where only this user or root can have made it, and can
//! put another in its place before it is followed: it belongs to one of them, and so does its
//! directory, to which nobody else may write. So `/dev/stdout` works, and a `current.log` that the
//! operator linked.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::system;

/// `O_NONBLOCK`: opening a FIFO must not wait for its reader, nor writing to it for room. Regular
/// files do not care. `O_NOCTTY`: a terminal must not become the one that controls a daemon.
const FLAGS: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY);

const WRITABLE_FOR_ALL: u32 = 0o002;
const WRITABLE_FOR_GROUP: u32 = 0o020;
const STICKY: u32 = 0o1000;

/// Opens what the path names, to append to it; a regular file also to read from it, where that is
/// allowed. What does not exist becomes a file with this mode.
pub(super) fn open(path: &Path, mode: u32) -> io::Result<File> {
    // A FIFO that is open for reading, too, would never tell that its reader went away.
    let is_regular = system::metadata(path).map_or(true, |metadata| metadata.is_file());
    if is_regular {
        match open_with(path, mode, true) {
            Ok(file) if system::metadata_of(&file)?.is_file() => return Ok(file),
            // Only writing is allowed, or it is another file by now.
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error),
        }
    }
    open_with(path, mode, false)
}

fn open_with(path: &Path, mode: u32, read: bool) -> io::Result<File> {
    let open = |flags: OFlags| {
        let mut options = OpenOptions::new();
        options.append(true).read(read).create(true).mode(mode);
        options.custom_flags(flags.bits().cast_signed());
        system::open(&options, path)
    };
    match open(FLAGS | OFlags::NOFOLLOW) {
        Err(error) if is_link(&error) => {
            check_link(path)?;
            open(FLAGS)
        }
        opened => opened,
    }
}

/// What systems answer to `O_NOFOLLOW` where there is a link: `ELOOP`, FreeBSD `EMLINK`.
fn is_link(error: &io::Error) -> bool {
    [Errno::LOOP, Errno::MLINK]
        .map(|errno| Some(errno.raw_os_error()))
        .contains(&error.raw_os_error())
}

/// Whether a stranger may have made the link, or may put another in its place.
fn check_link(path: &Path) -> io::Result<()> {
    let link = system::link_metadata(path)?;
    if let Some(stranger) = stranger(&link) {
        return Err(refused(&format!("that belongs to user {stranger}")));
    }
    let directory = directory_of(path)?;
    if let Some(stranger) = stranger(&directory) {
        let why = format!("in a directory that belongs to user {stranger}");
        return Err(refused(&why));
    }
    if directory.mode() & WRITABLE_FOR_ALL != 0 {
        return Err(refused("in a directory that everybody may write to"));
    }
    if directory.mode() & WRITABLE_FOR_GROUP != 0 {
        return Err(refused("in a directory that its group may write to"));
    }
    Ok(())
}

fn refused(why: &str) -> io::Error {
    let why = format!("it is a symbolic link {why}");
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

/// Whose it is, if not this user's or root's.
fn stranger(found: &Metadata) -> Option<u32> {
    let owner = found.uid();
    let is_ours = owner == 0 || owner == rustix::process::geteuid().as_raw();
    (!is_ours).then_some(owner)
}

/// Whether anybody may rename or remove the file, or put another in its place.
pub(super) fn is_open_to_all(path: &Path) -> bool {
    let is_open = |mode| mode & (WRITABLE_FOR_ALL | STICKY) == WRITABLE_FOR_ALL;
    directory_of(path).is_ok_and(|directory| is_open(directory.mode()))
}

fn directory_of(path: &Path) -> io::Result<Metadata> {
    system::metadata(path.parent().unwrap_or(Path::new("/")))
}

/// Whether the process, or the system, has no descriptor left.
pub(super) fn lacks_descriptor(error: &io::Error) -> bool {
    [Errno::MFILE, Errno::NFILE]
        .map(|errno| Some(errno.raw_os_error()))
        .contains(&error.raw_os_error())
}

/// Creates the directories above the file.
pub(super) fn create_directory_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), system::create_directories)
}

/// Whether the path is that of a FIFO that answers so because nobody reads from it. Sockets answer
/// the same, and will not change their mind.
pub(super) fn is_unread_fifo(path: &Path, error: &io::Error) -> bool {
    let is_fifo = |metadata: Metadata| metadata.file_type().is_fifo();
    error.raw_os_error() == Some(Errno::NXIO.raw_os_error())
        && system::metadata(path).is_ok_and(is_fifo)
}
