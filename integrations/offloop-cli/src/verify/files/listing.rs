//! What lies beside an active file, or in a directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use offloop::OldLogFile;

use super::absolute;

/// How often the active file may end while its directory is read.
const ATTEMPTS_MAX: usize = 100;

/// All files of a log, as they were at one moment.
#[derive(Debug)]
pub(super) struct Log {
    /// That of the active file.
    pub(super) path: PathBuf,
    /// Opened. `None` right after it ended.
    pub(super) active: Option<File>,
    pub(super) old_files: BTreeMap<OldLogFile, PathBuf>,
    /// What was passed over, and why.
    pub(super) skipped: Vec<String>,
}

impl Log {
    pub(super) fn list(path: &Path) -> io::Result<Log> {
        for _ in 0..ATTEMPTS_MAX {
            let active = if_there(File::open(path))?;
            let metadata = active.as_ref().map(File::metadata).transpose()?;
            let mut log = Log {
                path: path.to_owned(),
                active,
                old_files: BTreeMap::new(),
                skipped: Vec::new(),
            };
            // A pipe is no log that has old files.
            if metadata
                .as_ref()
                .is_some_and(|metadata| !metadata.is_file())
            {
                return Ok(log);
            }
            log.add_old_files(metadata.as_ref())?;
            let now = if_there(fs::metadata(path))?;
            if identity(now.as_ref()) == identity(metadata.as_ref()) {
                return log.or_nothing();
            }
        }
        Err(io::Error::other(
            "ends more often than its directory can be read",
        ))
    }

    fn or_nothing(self) -> io::Result<Log> {
        if self.active.is_none() && self.old_files.is_empty() {
            return Err(not_found());
        }
        Ok(self)
    }

    fn add_old_files(&mut self, active: Option<&Metadata>) -> io::Result<()> {
        let log = absolute(&self.path);
        for entry in fs::read_dir(directory_of(&self.path))? {
            let name = entry?.file_name();
            let (path, whole) = (self.path.with_file_name(&name), log.with_file_name(&name));
            if OldLogFile::parse_partial(&whole).is_some_and(|old| old.log() == log) {
                self.skipped.push(said_of_partial(&path));
            }
            let Some(old) = OldLogFile::parse(&whole).filter(|old| old.log() == log) else {
                continue;
            };
            // The library follows no links here. A second name of the active file is none of an old one.
            let metadata = if_there(fs::symlink_metadata(&path))?;
            let is_old = metadata.as_ref().is_some_and(Metadata::is_file)
                && identity(metadata.as_ref()) != identity(active);
            if is_old {
                keep_plain(&mut self.old_files, old, path);
            }
        }
        Ok(())
    }
}

/// The active files of the logs in a directory.
pub(super) fn logs_in(directory: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut logs = BTreeSet::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        let path = directory.join(&name);
        if name.as_bytes().starts_with(b".") || OldLogFile::parse_partial(&path).is_some() {
            continue;
        }
        if let Some(old) = OldLogFile::parse(&path) {
            logs.insert(old.log().to_owned());
        } else if if_there(fs::metadata(&path))?.is_some_and(|metadata| metadata.is_file()) {
            logs.insert(path);
        }
    }
    if logs.is_empty() {
        return Err(io::Error::other("there is no file in this directory"));
    }
    Ok(logs)
}

/// Where an old file lies that was seen at `path`, and may have been compressed since.
pub(super) fn form_of(old: &OldLogFile, path: &Path) -> io::Result<PathBuf> {
    if path.try_exists()? {
        return Ok(path.to_owned());
    }
    let mut forms = BTreeMap::new();
    for entry in fs::read_dir(directory_of(path))? {
        let form = path.with_file_name(entry?.file_name());
        if OldLogFile::parse(absolute(&form)).as_ref() == Some(old) {
            keep_plain(&mut forms, old.clone(), form);
        }
    }
    let form = forms.into_values().next();
    form.ok_or_else(not_found)
}

/// Notes an old file. While it is compressed, and after a crash, it lies there in two forms: the
/// plain one is whole.
pub(super) fn keep_plain(
    files: &mut BTreeMap<OldLogFile, PathBuf>,
    old: OldLogFile,
    path: PathBuf,
) {
    let is_compressed = |path: &Path| {
        let extension = path.extension().unwrap_or_default();
        extension == "gz" || extension == "zst"
    };
    let is_better = |known: &PathBuf| is_compressed(known) && !is_compressed(&path);
    if files.get(&old).is_none_or(is_better) {
        files.insert(old, path);
    }
}

pub(super) fn said_of_partial(path: &Path) -> String {
    let path = path.display();
    format!("{path}: not compressed to its end yet, so the file that it is made of is read")
}

pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// In the words of the system.
fn not_found() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "No such file or directory")
}

fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

fn identity(metadata: Option<&Metadata>) -> Option<(u64, u64)> {
    metadata.map(|metadata| (metadata.dev(), metadata.ino()))
}
