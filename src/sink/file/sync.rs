//! A file's way to the disk, and what becomes of a file that did not get there.
//!
//! ## What a sync covers
//!
//! Everything that was written since the last one: the active file's data, that of files which
//! were left since then, and the entries by which the active file is found. A file whose name a
//! power cut takes is as lost as one whose bytes it takes.
//!
//! ## Files that were left
//!
//! A file that the sink leaves must be synced before it is closed: otherwise nobody would ever
//! know whether it got to the disk. Nobody waits for that yet, and the system writes it by itself
//! within half a minute. So it stays open for a while, until its sync costs next to nothing. Not for
//! ever: what is removed or compressed takes up its room on the disk as long as it is open.
//!
//! ## After a failed sync
//!
//! The system tells of a write that failed once, and then takes the lost pages for clean: the next
//! fdatasync on the file would succeed, and lie. So nothing more is written to it. It is set aside
//! under the name of an old file, and the sink goes on in a new one under its own name. Where files
//! cannot be renamed, it goes on in the same one: what is written there once more, at another place,
//! is new to the system, and the next sync tells the truth about it. A new file under another name
//! would be no way out: a directory that refuses the rename refuses new files, too; that of a file which
//! is mounted on its own is gone with the container, where nobody keeps it; and whoever reads the log
//! knows of its path alone, as do the other processes that write to it.
//!
//! All of that holds for the file, not for a descriptor: one that was left, and opened anew on request,
//! is the same.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;

use super::regular::FileId;
use super::system;
use crate::channel::sync::Instant;
use crate::fork::OwnFile;

/// As many files as this are left without being synced. One more, and the oldest is synced first.
const LEFT_MAX: usize = 8;

/// As many files as this are known to have failed. The sink comes back to one of them only if
/// somebody gives it the sink's path.
const FAILED_MAX: usize = 64;

/// A file is left without being synced for so long at most. Linux begins to write what is older
/// than 30 s, and looks every 5 s.
const LEFT_FOR: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Left {
    file: Arc<OwnFile>,
    id: FileId,
    at: Instant,
}

/// What is not on the disk yet, of one file sink.
#[derive(Debug, Default)]
pub(super) struct UnsyncedFiles {
    /// Whether the active file was written to since the last sync.
    is_written: bool,
    /// Files that were written to, and that the sink has left since. The oldest first.
    left: VecDeque<Left>,
    /// Directories that may have entries on the way to the active file which are not synced.
    directories: Vec<PathBuf>,
    /// What a sync found that nobody had asked for yet.
    found: Option<io::Error>,
    /// Files whose sync failed, and which were not set aside.
    failed: Vec<FileId>,
}

impl UnsyncedFiles {
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
    pub(super) fn leave(&mut self, file: Arc<OwnFile>, id: FileId) {
        if !std::mem::take(&mut self.is_written) {
            return;
        }
        if LEFT_MAX <= self.left.len() {
            self.sync_oldest_left();
        }
        let at = Instant::now();
        self.left.push_back(Left { file, id, at });
    }

    /// Syncs the files that were left, and closes them. What comes of it, the next sync tells.
    pub(super) fn sync_left(&mut self) {
        while self.sync_oldest_left() {}
    }

    /// The same for one that was left long enough before `now`. More of them wait for the next call.
    pub(super) fn tend(&mut self, now: impl FnOnce() -> Instant) {
        if let Some(oldest) = self.left.front()
            && LEFT_FOR <= now().saturating_duration_since(oldest.at)
        {
            self.sync_oldest_left();
        }
    }

    fn sync_oldest_left(&mut self) -> bool {
        let Some(oldest) = self.left.pop_front() else {
            return false;
        };
        if let Err(error) = sync_data(&oldest.file) {
            self.fail(oldest.id);
            self.found.get_or_insert(error);
        }
        true
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
        if let Some((active, id)) = active {
            let synced = self.sync_active(active);
            if synced.is_err() {
                self.fail(id);
            }
            outcome = outcome.and(synced);
        }
        outcome
    }

    /// The entries come along even if nothing was written to the file since the last sync: those by
    /// which a file was found that was left are among them.
    fn sync_active(&mut self, active: &File) -> io::Result<()> {
        if std::mem::take(&mut self.is_written) {
            sync_data(active)?;
        }
        // What fails is still to be synced, and so is what comes after it.
        while let Some(directory) = self.directories.first() {
            sync_entries(directory, active)?;
            self.directories.remove(0);
        }
        Ok(())
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

fn sync_entries(directory: &Path, active: &File) -> io::Result<()> {
    match system::open_directory(directory) {
        Ok(directory) => unless_without_disk(system::sync_all(&directory)),
        // It may be written to, but not read. An fsync of a new file brings its entry along
        // on the common file systems of Linux: nothing better can be done.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            unless_without_disk(system::sync_all(active))
        }
        // Nothing is found by it any more.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
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
    #[cfg(not(any(offloop_loom, offloop_shuttle)))]
    use crate::sink::file::faults::{self, Call, Fault, Flaw};

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
        let mut unsynced = UnsyncedFiles::default();
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
            let mut unsynced = UnsyncedFiles::default();
            for _ in 0..files {
                unsynced.wrote();
                let file = failing(&path);
                let id = id(&file);
                unsynced.leave(Arc::new(OwnFile::new(file)), id);
            }
            assert_eq!(unsynced.left.len(), files.min(LEFT_MAX));
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
    fn a_file_that_was_left_is_closed_after_a_while_and_what_came_of_it_is_told_by_the_next_sync() {
        let directory = tempdir().unwrap();
        let old = failing(&directory.path().join("app.1.jsonl"));
        let old_id = id(&old);
        let old = Arc::new(OwnFile::new(old));
        let mut unsynced = UnsyncedFiles::default();
        unsynced.wrote();
        unsynced.leave(Arc::clone(&old), old_id);
        let left = unsynced.left[0].at;
        unsynced.tend(|| left);
        assert_eq!(Arc::strong_count(&old), 2, "nobody has waited for the disk");
        unsynced.tend(|| left + LEFT_FOR);
        assert_eq!(Arc::strong_count(&old), 1);
        assert!(unsynced.sync(None).is_err());
        unsynced.sync(None).unwrap();
    }

    #[test]
    fn the_entries_of_a_file_that_was_left_are_synced_though_nothing_was_written_since() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("app.jsonl");
        let mut unsynced = UnsyncedFiles::default();
        unsynced.opened(&path);
        unsynced.wrote();
        let old = File::create(directory.path().join("old")).unwrap();
        let old_id = id(&old);
        unsynced.leave(Arc::new(OwnFile::new(old)), old_id);
        let active = File::create(&path).unwrap();
        unsynced.opened(&path);
        unsynced.sync(Some((&active, id(&active)))).unwrap();
        assert!(unsynced.directories.is_empty());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_that_was_left_and_opened_anew_is_not_trusted_once_its_sync_has_failed() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("app.jsonl");
        let left = failing(&path);
        let mut unsynced = UnsyncedFiles::default();
        unsynced.wrote();
        let failed = id(&left);
        unsynced.leave(Arc::new(OwnFile::new(left)), failed);
        unsynced.wrote();
        let active = OpenOptions::new().append(true).open(&path).unwrap();
        assert!(unsynced.sync(Some((&active, id(&active)))).is_err());
        assert!(unsynced.is_untrusted(id(&active)));
        unsynced.set_aside(failed);
        assert!(!unsynced.is_untrusted(failed));
    }

    #[test]
    #[cfg(not(any(offloop_loom, offloop_shuttle)))]
    fn directories_whose_sync_failed_are_synced_the_next_time() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("a/b/app.jsonl");
        // The file itself, then one directory after the other.
        for (synced, left) in [(0, 3), (1, 3), (2, 2), (3, 1)] {
            let mut unsynced = UnsyncedFiles::default();
            unsynced.entered(["a/b", "a", ""].map(|name| directory.path().join(name)));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let file = File::create(&path).unwrap();
            unsynced.wrote();
            faults::plan(Fault {
                call: Call::Sync,
                flaw: Flaw::Error(Errno::IO),
                after: synced,
                times: 1,
            });
            unsynced.sync(Some((&file, id(&file)))).unwrap_err();
            assert_eq!(unsynced.directories.len(), left);
            // One of them is gone by then.
            fs::remove_dir_all(directory.path().join("a")).unwrap();
            unsynced.sync(Some((&file, id(&file)))).unwrap();
            assert!(unsynced.directories.is_empty());
        }
    }

    #[test]
    fn what_has_no_disk_has_nothing_to_sync() {
        let null = OpenOptions::new().write(true).open("/dev/null").unwrap();
        let mut unsynced = UnsyncedFiles::default();
        unsynced.wrote();
        unsynced.sync(Some((&null, id(&null)))).unwrap();
    }
}
