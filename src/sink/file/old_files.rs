//! The old files beside an active one: found, added to, removed.
//!
//! Everything happens relative to the opened directory, and to regular files alone. A symbolic link
//! with an old file's name is not followed; neither it nor a directory is ever removed.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::lock::Lock;
use super::name::{Form, Names, OldName};
use super::system;

/// How often another process may take the very name that this one is about to take.
const ATTEMPTS_MAX: usize = 8;

/// The directory of an active file, opened.
#[derive(Debug)]
pub(crate) struct OldFiles {
    directory: OwnedFd,
    path: PathBuf,
    active: OsString,
    names: Names,
}

/// An old file, in all its forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OldFile {
    pub(crate) name: OldName,
    /// Each with its length in bytes.
    pub(crate) forms: BTreeMap<Form, u64>,
    /// When it was written to for the last time, by what its file system says.
    pub(crate) modified: DateTime<Utc>,
}

impl OldFile {
    pub(crate) fn bytes(&self) -> u64 {
        self.forms
            .values()
            .fold(0, |sum, &len| sum.saturating_add(len))
    }
}

impl OldFiles {
    /// Opens the directory of an active file.
    pub(crate) fn beside(active: &Path) -> io::Result<OldFiles> {
        let (Some(names), Some(name)) = (Names::of(active), active.file_name()) else {
            return Err(Errno::ISDIR.into());
        };
        let path = match active.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(OldFiles {
            directory: system::open_at(CWD, path.as_os_str(), flags, Mode::empty())?,
            path: path.to_owned(),
            active: name.to_owned(),
            names,
        })
    }

    /// Gives the active file the name of an old one that ended at `ended`, and says which. Names
    /// increase from one to the next. What has that name already is not overwritten.
    ///
    /// The caller holds the active file's lock, and has seen that the path names it.
    pub(crate) fn add_active(&self, ended: DateTime<Utc>) -> io::Result<OldName> {
        for _ in 0..ATTEMPTS_MAX {
            let old = OldName::after(self.newest()?, ended);
            match self.rename_active(&self.names.make(old, Form::Plain)) {
                // Who does not know of the lock, has taken it.
                Err(Errno::EXIST) => {}
                renamed => return renamed.map(|()| old).map_err(io::Error::from),
            }
        }
        Err(Errno::EXIST.into())
    }

    fn rename_active(&self, to: &OsStr) -> Result<(), Errno> {
        #[cfg(target_os = "linux")]
        {
            let (directory, active) = (self.directory.as_fd(), &self.active);
            match system::rename_to_new(directory, active, to) {
                // Not every file system can.
                Err(Errno::INVAL | Errno::NOSYS) => {}
                renamed => return renamed,
            }
        }
        self.link_active(to)
    }

    /// Gives the active file a second name, which does not replace anything either, and then takes
    /// the first one from it. Who is killed in between leaves one file with both names: it goes on
    /// as the active one, and is no old one until it ends. Its second name is taken from it then:
    /// otherwise it would be two old files with the same lines.
    fn link_active(&self, to: &OsStr) -> Result<(), Errno> {
        let (directory, active) = (self.directory.as_fd(), &self.active);
        self.take_second_names()?;
        system::link(directory, active, to)?;
        system::unlink(directory, active).inspect_err(|_| {
            // What failed counts, and whatever is left is found the next time.
            let _ = system::unlink(directory, to);
        })
    }

    /// Takes from the active file the names of old ones.
    fn take_second_names(&self) -> Result<(), Errno> {
        let directory = self.directory.as_fd();
        let active = system::stat(directory, &self.active, AtFlags::SYMLINK_NOFOLLOW)?;
        if active.st_nlink < 2 {
            return Ok(());
        }
        let mut names = Vec::new();
        self.for_each_name(|old, form| names.push(self.names.make(old, form)))?;
        for name in names {
            let found = system::stat(directory, &name, AtFlags::SYMLINK_NOFOLLOW);
            if found.is_ok_and(|found| is_same(&found, &active)) {
                system::unlink(directory, &name)?;
            }
        }
        Ok(())
    }

    /// The newest name there is, whatever has it.
    fn newest(&self) -> io::Result<Option<OldName>> {
        let mut newest = None;
        self.for_each_name(|old, _| newest = newest.max(Some(old)))?;
        Ok(newest)
    }

    /// The old files, oldest first.
    pub(crate) fn list(&self) -> io::Result<Vec<OldFile>> {
        let active = self.active_file();
        let mut found = Vec::new();
        self.for_each_name(|old, form| found.push((old, form)))?;
        let mut files = BTreeMap::<OldName, OldFile>::new();
        for (name, form) in found {
            let Some(stat) = self.regular_file(&self.names.make(name, form))? else {
                continue;
            };
            if active.is_some_and(|active| is_same(&active, &stat)) {
                continue;
            }
            let file = files.entry(name).or_insert_with(|| OldFile {
                name,
                forms: BTreeMap::new(),
                modified: DateTime::<Utc>::MIN_UTC,
            });
            file.forms.insert(form, stat.st_size.cast_unsigned());
            file.modified = file.modified.max(modified(&stat));
        }
        Ok(files.into_values().collect())
    }

    fn for_each_name(&self, mut each: impl FnMut(OldName, Form)) -> Result<(), Errno> {
        for entry in system::entries(self.directory.as_fd())? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if let Some((old, form)) = self.names.parse(name) {
                each(old, form);
            }
        }
        Ok(())
    }

    fn active_file(&self) -> Option<Stat> {
        system::stat(self.directory.as_fd(), &self.active, AtFlags::empty()).ok()
    }

    /// `None` for what is gone by now, and for links, directories and all else.
    fn regular_file(&self, name: &OsStr) -> io::Result<Option<Stat>> {
        match system::stat(self.directory.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if is_regular(&stat) => Ok(Some(stat)),
            Ok(_) | Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Opens an old file to read it. `None` if it is none, or gone by now.
    pub(crate) fn open(&self, old: OldName, form: Form) -> io::Result<Option<File>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let name = self.names.make(old, form);
        let file = match system::open_at(self.directory.as_fd(), &name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT | Errno::LOOP | Errno::MLINK) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        let is_file = is_regular(&system::stat_of(&file)?);
        Ok(is_file.then_some(file))
    }

    /// Takes an old file's lock, which it has while it is compressed and while somebody who does
    /// not know yet that it ended is about to write to it. `None` if the name is not that of
    /// this file any more.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if another has the lock.
    pub(super) fn lock<'f>(&self, file: &'f File, old: OldName) -> io::Result<Option<Lock<'f>>> {
        let lock = Lock::take(file)?;
        let named = self.regular_file(&self.names.make(old, Form::Plain))?;
        let opened = system::stat_of(file)?;
        let is_named = named.is_some_and(|named| is_same(&named, &opened));
        Ok(is_named.then_some(lock))
    }

    /// Creates an old file in a form, to write it.
    pub(crate) fn create(&self, old: OldName, form: Form, mode: Mode) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let name = self.names.make(old, form);
        let file = system::open_at(
            self.directory.as_fd(),
            &name,
            flags | OFlags::NOFOLLOW,
            mode,
        )?;
        Ok(File::from(file))
    }

    /// Gives one form of an old file the name of another, which it replaces.
    pub(crate) fn rename(&self, old: OldName, from: Form, to: Form) -> io::Result<()> {
        let (from, to) = (self.names.make(old, from), self.names.make(old, to));
        Ok(system::rename(self.directory.as_fd(), &from, &to)?)
    }

    /// Removes an old file in one form. It may be gone already.
    pub(crate) fn remove(&self, old: OldName, form: Form) -> io::Result<()> {
        let name = self.names.make(old, form);
        if self.regular_file(&name)?.is_none() {
            return Ok(());
        }
        match system::unlink(self.directory.as_fd(), &name) {
            Err(errno) if errno != Errno::NOENT => Err(errno.into()),
            _ => Ok(()),
        }
    }

    /// Puts names on the disk: what was created and renamed before is there after a power cut if
    /// anything is that was changed later.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(system::sync_directory(self.directory.as_fd())?)
    }

    /// How many bytes this user may still write to the file system.
    pub(crate) fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::fstatvfs(&self.directory)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// How long the active file is. 0 if there is none.
    pub(crate) fn active_bytes(&self) -> u64 {
        self.active_file()
            .map_or(0, |stat| stat.st_size.cast_unsigned())
    }

    /// Where an old file lies, for reports.
    pub(crate) fn path(&self, old: OldName, form: Form) -> PathBuf {
        self.path.join(self.names.make(old, form))
    }
}

fn is_regular(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode).is_file()
}

fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

fn modified(stat: &Stat) -> DateTime<Utc> {
    DateTime::from_timestamp(stat.st_mtime, 0).unwrap_or_default()
}

#[cfg(test)]
mod tests;
