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
//! under the name of an old file, and the sink goes on in a new one under its own name.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use chrono::Utc;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// As many files as this are left without being synced. One more, and the oldest is synced first.
const LEFT_MAX: usize = 2;

/// So many names are tried for a file that is set aside.
const NAMES_MAX: u32 = 10_000;

/// What is not on the disk yet, of one file sink.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    /// Whether the active file was written to since the last sync.
    is_written: bool,
    /// Files that were written to, and that the sink has left since.
    left: Vec<File>,
    /// Directories that may have entries on the way to the active file which are not synced.
    directories: Vec<PathBuf>,
    /// What a sync found that nobody had asked for yet.
    found: Option<io::Error>,
    /// Whether a sync of the active file failed.
    is_untrusted: bool,
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
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a sink does not leave a file that it trusts")
    )]
    pub(super) fn leave(&mut self, file: File) {
        if !std::mem::take(&mut self.is_written) {
            return;
        }
        if LEFT_MAX <= self.left.len()
            && let Err(error) = sync_data(&self.left.remove(0))
        {
            self.found.get_or_insert(error);
        }
        self.left.push(file);
    }

    /// Syncs everything. After an error the active file may have to be set aside.
    pub(super) fn sync(&mut self, active: Option<&File>) -> io::Result<()> {
        let mut outcome = self.found.take().map_or(Ok(()), Err);
        for file in self.left.drain(..) {
            outcome = outcome.and(sync_data(&file));
        }
        if self.is_written
            && let Some(active) = active
        {
            let synced = sync_data(active).and_then(|()| sync_entries(&self.directories, active));
            self.is_written = false;
            self.is_untrusted = synced.is_err();
            self.directories.clear();
            outcome = outcome.and(synced);
        }
        outcome
    }

    /// Whether the active file must not be written to.
    pub(super) fn is_untrusted(&self) -> bool {
        self.is_untrusted
    }

    /// Gives the file that the path names another name, if it is this one, which is not trusted. Then
    /// the sink may open the path anew.
    pub(super) fn set_aside(&mut self, path: &Path, file: &File) -> io::Result<()> {
        if is_named_by(file, path)? {
            rename_aside(path)?;
        }
        self.is_untrusted = false;
        Ok(())
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
    unless_without_disk(file.sync_data())
}

fn sync_entries(directories: &[PathBuf], active: &File) -> io::Result<()> {
    directories.iter().try_for_each(|directory| {
        match File::open(directory) {
            Ok(directory) => unless_without_disk(directory.sync_all()),
            // It may be written to, but not read. An fsync of a new file brings its entry along
            // on the common file systems of Linux: nothing better can be done.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                unless_without_disk(active.sync_all())
            }
            Err(error) => Err(error),
        }
    })
}

/// A pipe, a terminal, some network file systems' directories: they have nothing to sync, and say
/// so.
fn unless_without_disk(synced: io::Result<()>) -> io::Result<()> {
    let without_disk = [Errno::INVAL, Errno::ROFS].map(|errno| Some(errno.raw_os_error()));
    synced.or_else(|error| {
        if without_disk.contains(&error.raw_os_error()) {
            return Ok(());
        }
        Err(error)
    })
}

fn is_named_by(file: &File, path: &Path) -> io::Result<bool> {
    let own = file.metadata()?;
    match fs::metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (own.dev(), own.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn rename_aside(path: &Path) -> io::Result<()> {
    let time = Utc::now().format("%Y-%m-%dT%H%MZ").to_string();
    for number in 1..NAMES_MAX {
        match rename_to_new(path, &old_name(path, &time, number)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            renamed => return renamed,
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// `app.jsonl` becomes `app.2026-11-22T0330Z.1.jsonl`.
fn old_name(path: &Path, time: &str, number: u32) -> PathBuf {
    let mut name = path.file_stem().map(OsString::from).unwrap_or_default();
    name.push(format!(".{time}.{number}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Never overwrites anything.
fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems cannot promise that.
        Err(Errno::INVAL | Errno::NOSYS) if !to.try_exists()? => fs::rename(from, to),
        Err(Errno::INVAL | Errno::NOSYS) => Err(io::ErrorKind::AlreadyExists.into()),
        renamed => renamed.map_err(io::Error::from),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
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
        unsynced.sync(Some(&file)).unwrap();
        assert!(unsynced.directories.is_empty() && !unsynced.is_written);
        assert_eq!(directories_to_change(&path), [path.parent().unwrap()]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_whose_sync_failed_is_set_aside_and_never_overwrites_another() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("app.jsonl");
        for count in 1..=3 {
            let file = failing(&path);
            let mut unsynced = Unsynced::default();
            unsynced.opened(&path);
            unsynced.wrote();
            assert!(unsynced.sync(Some(&file)).is_err() && unsynced.is_untrusted());
            unsynced.set_aside(&path, &file).unwrap();
            assert!(!unsynced.is_untrusted() && !path.exists());
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), count);
        }
        for old in fs::read_dir(directory.path()).unwrap() {
            assert_eq!(fs::read(old.unwrap().path()).unwrap(), b"untrusted\n");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_that_the_path_does_not_name_any_more_is_left_where_it_is() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("app.jsonl");
        let file = failing(&path);
        fs::rename(&path, directory.path().join("moved")).unwrap();
        let mut unsynced = Unsynced::default();
        unsynced.set_aside(&path, &file).unwrap();
        fs::write(&path, "of another process\n").unwrap();
        unsynced.set_aside(&path, &file).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"of another process\n");
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
                unsynced.leave(failing(&path));
            }
            assert!(unsynced.left.len() <= LEFT_MAX);
            let active = File::create(directory.path().join("active")).unwrap();
            unsynced.wrote();
            assert!(unsynced.sync(Some(&active)).is_err());
            assert!(!unsynced.is_untrusted() && !unsynced.is_written);
            unsynced.wrote();
            unsynced.sync(Some(&active)).unwrap();
        }
    }

    #[test]
    fn what_has_no_disk_has_nothing_to_sync() {
        let null = OpenOptions::new().write(true).open("/dev/null").unwrap();
        let mut unsynced = Unsynced::default();
        unsynced.wrote();
        unsynced.sync(Some(&null)).unwrap();
    }

    #[test]
    fn names_of_old_files_keep_the_extension() {
        let old = |name: &str| old_name(Path::new(name), "T", 2);
        assert_eq!(old("logs/app.jsonl"), Path::new("logs/app.T.2.jsonl"));
        assert_eq!(old("/app"), Path::new("/app.T.2"));
    }
}
