//! Where leftovers lie, and which of the files there are some.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::process::geteuid;

/// How the names of leftovers end, and of the files of processes that are alive.
pub(super) const EXTENSION: &str = "pages";

/// How the names of files end that are not complete yet.
const UNFINISHED_EXTENSION: &str = "new";

/// It takes a moment to complete a file. One that is not complete by then never will be.
const UNFINISHED_MAX: Duration = Duration::from_secs(60);

/// The files of pages in a directory, of dead processes and of living ones, the oldest first. None
/// where there is no directory.
pub(super) fn files_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in entries {
        let path = entry?.path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(EXTENSION) => files.push(path),
            Some(UNFINISHED_EXTENSION) => remove_unfinished(&path),
            _ => {}
        }
    }
    files.sort_by_cached_key(|path| fs::metadata(path).and_then(|file| file.modified()).ok());
    Ok(files)
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
    if !metadata.is_file() || metadata.uid() != geteuid().as_raw() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "not a file of this user",
        ));
    }
    Ok(file)
}

/// Whether the path names this file.
pub(super) fn is_named(file: &File, path: &Path) -> bool {
    let key = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let named = fs::symlink_metadata(path).map(key).ok();
    named.is_some() && named == file.metadata().map(key).ok()
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
