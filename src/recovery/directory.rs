//! Where leftovers lie, and which of the files there are some.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::process::geteuid;

use crate::channel::arena::name::{self, Kind};

/// It takes a moment to complete a file. One that is not complete by then never will be.
const UNFINISHED_MAX: Duration = Duration::from_secs(60);

/// The files of pages in a directory of this user, of dead processes and of living ones, the oldest
/// first. None where there is no such directory: what another user has put there, maybe in this one's
/// name, was not left by a process of this user.
pub(super) fn files_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let found = fs::symlink_metadata(directory);
    if found.is_ok_and(|found| !found.is_dir() || !is_of_user(&found)) {
        return Ok(Vec::new());
    }
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in entries {
        let path = entry?.path();
        match name::kind(&path) {
            Some(Kind::Pages) => files.push(path),
            Some(Kind::Unfinished) => remove_unfinished(&path),
            None => {}
        }
    }
    oldest_first(&mut files);
    Ok(files)
}

/// Sorts files by when something was last put into them, as far as that is known.
pub(super) fn oldest_first(files: &mut [PathBuf]) {
    files.sort_by_cached_key(|path| fs::metadata(path).and_then(|file| file.modified()).ok());
}

/// Opens a file of pages for reading and writing. Refuses what this user has not made himself.
pub(super) fn open(path: &Path) -> io::Result<File> {
    // Not one that another user has put there, nor a FIFO, at which the opening would wait.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || !is_of_user(&metadata) {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "not a file of this user",
        ));
    }
    Ok(file)
}

/// Whether a file or a directory belongs to this user.
pub(super) fn is_of_user(found: &Metadata) -> bool {
    found.uid() == geteuid().as_raw()
}

/// Device and inode: which file it is, by whatever path it was found.
pub(super) type Identity = (u64, u64);

/// Which file a path names. `None` if it names none.
pub(super) fn identity(path: &Path) -> io::Result<Option<Identity>> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(|found| Some((found.dev(), found.ino()))),
    }
}

/// Removes what a process left that died while it started.
fn remove_unfinished(path: &Path) {
    let modified = fs::symlink_metadata(path).and_then(|file| file.modified());
    let age = modified.ok().and_then(|modified| modified.elapsed().ok());
    if age.is_some_and(|age| UNFINISHED_MAX < age) {
        // Somebody else may have been faster.
        let _ = fs::remove_file(path);
    }
}
