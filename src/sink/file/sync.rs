//! A file's way to the disk, and what becomes of a file that did not get there.
//!
//! ## What a sync covers
//!
//! Everything that was written since the last one: the active file's data, that of files which
//! were left since then, and the entries by which the active file is found. A file whose name a
//! power cut takes is as lost as one whose bytes it takes.
//!
//! ## After a failed sync
//!
//! The system tells of a write that failed once, and then takes the lost pages for clean: the next
//! fdatasync on the file would succeed, and lie. So nothing more is written to it. It is set aside
//! under the name of an old file, and the sink goes on in a new one under its own name. That holds
//! for the file, not for the descriptor: one that was left, and opened anew on request, is the same.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;

use super::regular::FileId;
use super::system;

/// As many files as this are left without being synced. One more, and the oldest is synced first.
const LEFT_MAX: usize = 8;

/// As many files as this are known to have failed. The sink comes back to one of them only if
/// somebody gives it the sink's path.
const FAILED_MAX: usize = 64;

/// What is not on the disk yet, of one file sink.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    /// Whether the active file was written to since the last sync.
    is_written: bool,
    /// Files that were written to, and that the sink has left since.
    left: Vec<(Arc<File>, FileId)>,
    /// Directories that may have entries on the way to the active file which are not synced.
    directories: Vec<PathBuf>,
    /// What a sync found that nobody had asked for yet.
    found: Option<io::Error>,
    /// Files whose sync failed, and which were not set aside.
    failed: Vec<FileId>,
}

impl Unsynced {
    /// Notes that the sink goes on in the file of this path.
    pub(super) fn opened(&mut self, path: &Path) {
        self.entered(path.parent().map(Path::to_owned));
    }

    /// Notes that these directories have new entries.
    pub(super) fn entered(&mut self, directories: impl IntoIterator<Item = PathBuf>) {
        for directory in directories {
            if !self.directories.contains(&directory) {
                self.directories.push(directory);
            }
        }
    }

    pub(super) fn wrote(&mut self) {
        self.is_written = true;
    }

    /// Takes the active file, which the sink leaves for another one. It must be a regular file: it
    /// stays open until it is synced.
    pub(super) fn leave(&mut self, file: Arc<File>, id: FileId) {
        if !std::mem::take(&mut self.is_written) {
            return;
        }
        if LEFT_MAX <= self.left.len() {
            let (oldest, id) = self.left.remove(0);
            self.sync_one_left(&oldest, id);
        }
        self.left.push((file, id));
    }

    /// Syncs the files that were left, and closes them. What comes of it, the next sync tells.
    pub(super) fn sync_left(&mut self) {
        for (file, id) in std::mem::take(&mut self.left) {
            self.sync_one_left(&file, id);
        }
    }

    fn sync_one_left(&mut self, file: &File, id: FileId) {
        if let Err(error) = sync_data(file) {
            self.fail(id);
            self.found.get_or_insert(error);
        }
    }

    fn fail(&mut self, id: FileId) {
        if self.failed.len() == FAILED_MAX {
            self.failed.remove(0);
        }
        self.failed.push(id);
    }

    /// Syncs everything. After an error the active file may have to be set aside.
    pub(super) fn sync(&mut self, active: Option<(&File, FileId)>) -> io::Result<()> {
        self.sync_left();
        let mut outcome = self.found.take().map_or(Ok(()), Err);
        if self.is_written
            && let Some((active, id)) = active
        {
            let synced = sync_data(active).and_then(|()| sync_entries(&self.directories, active));
            self.is_written = false;
            if synced.is_err() {
                self.fail(id);
            }
            self.directories.clear();
            outcome = outcome.and(synced);
        }
        outcome
    }

    /// Whether this file must not be written to.
    pub(super) fn is_untrusted(&self, id: FileId) -> bool {
        self.failed.contains(&id)
    }

    /// This file is not the sink's any more.
    pub(super) fn set_aside(&mut self, id: FileId) {
        self.failed.retain(|failed| *failed != id);
    }
}

/// The directories that get an entry when the file is created, with the directories that it needs.
pub(super) fn directories_to_change(path: &Path) -> Vec<PathBuf> {
    let mut above = path.ancestors().skip(1);
    let mut changed = Vec::new();
    for directory in &mut above {
        changed.push(directory.to_owned());
        if directory.exists() {
            break;
        }
    }
    changed
}

fn sync_data(file: &File) -> io::Result<()> {
    // fdatasync, or what the system has instead; repeated if a signal interrupts it.
    unless_without_disk(system::sync_data(file))
}

fn sync_entries(directories: &[PathBuf], active: &File) -> io::Result<()> {
    directories.iter().try_for_each(|directory| {
        match system::open_directory(directory) {
            Ok(directory) => unless_without_disk(system::sync_all(&directory)),
            // It may be written to, but not read. An fsync of a new file brings its entry along
            // on the common file systems of Linux: nothing better can be done.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                unless_without_disk(system::sync_all(active))
            }
            Err(error) => Err(error),
        }
    })
}

/// A device, some network file systems' directories: they have nothing to sync, and say so by
/// `EINVAL`. Not by `EROFS`, though POSIX would allow it: that is also what a file system answers
/// which has given up after an error.
fn unless_without_disk(synced: io::Result<()>) -> io::Result<()> {
    match synced {
        Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => Ok(()),
        synced => synced,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::os::unix::fs::OpenOptionsExt;

    use rustix::fs::OFlags;
    use tempfile::tempdir;

    use super::*;

    /// A file whose sync fails: the descriptor names it, and can do nothing else.
    #[cfg(target_os = "linux")]
    fn failing(path: &Path) -> File {
        fs::write(path, "untrusted\n").unwrap();
        let flags = OFlags::PATH.bits().cast_signed();
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(flags).open(path).unwrap()
    }

    fn id(file: &File) -> FileId {
        FileId::of(&file.metadata().unwrap())
    }

    #[test]
    fn what_was_written_is_synced_once_with_the_entries_that_lead_to_it() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("a/b/app.jsonl");
        let mut unsynced = Unsynced::default();
        unsynced.entered(directories_to_change(&path));
        let expected = ["a/b", "a", ""].map(|name| directory.path().join(name));
        assert_eq!(unsynced.directories, expected);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = File::create(&path).unwrap();
        unsynced.opened(&path);
        assert_eq!(unsynced.directories, expected);
        unsynced.wrote();
        unsynced.sync(Some((&file, id(&file)))).unwrap();
        assert!(unsynced.directories.is_empty() && !unsynced.is_written);
        assert_eq!(directories_to_change(&path), [path.parent().unwrap()]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_failed_sync_of_a_file_that_was_left_is_told_and_the_active_one_stays_trusted() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("app.jsonl");
        for files in 1..=LEFT_MAX + 2 {
            let mut unsynced = Unsynced::default();
            for _ in 0..files {
                unsynced.wrote();
                let file = failing(&path);
                let id = id(&file);
                unsynced.leave(Arc::new(file), id);
            }
            assert!(unsynced.left.len() <= LEFT_MAX);
            let active = File::create(directory.path().join("active")).unwrap();
            unsynced.wrote();
            let id = id(&active);
            assert!(unsynced.sync(Some((&active, id))).is_err());
            assert!(!unsynced.is_untrusted(id) && !unsynced.is_written);
            unsynced.wrote();
            unsynced.sync(Some((&active, id))).unwrap();
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_that_was_left_and_opened_anew_is_not_trusted_once_its_sync_has_failed() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("app.jsonl");
        let left = failing(&path);
        let mut unsynced = Unsynced::default();
        unsynced.wrote();
        let failed = id(&left);
        unsynced.leave(Arc::new(left), failed);
        unsynced.wrote();
        let active = OpenOptions::new().append(true).open(&path).unwrap();
        assert!(unsynced.sync(Some((&active, id(&active)))).is_err());
        assert!(unsynced.is_untrusted(id(&active)));
        unsynced.set_aside(failed);
        assert!(!unsynced.is_untrusted(failed));
    }

    #[test]
    fn what_has_no_disk_has_nothing_to_sync() {
        let null = OpenOptions::new().write(true).open("/dev/null").unwrap();
        let mut unsynced = Unsynced::default();
        unsynced.wrote();
        unsynced.sync(Some((&null, id(&null)))).unwrap();
    }
}
