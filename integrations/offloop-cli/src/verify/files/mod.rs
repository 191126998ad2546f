//! Which files are read, and in which order.
//!
//! A log may be written to, ended, compressed and cleared away while it is looked at. Its active file
//! is opened before the old ones are listed, and counts if it is still the active one afterwards:
//! then what is opened and what is listed are together all that there was at that moment. An old
//! file that is compressed later is read in its other form; if one goes away altogether,
//! all begins anew.

mod listing;
mod order;
mod source;

pub(super) use self::source::Source;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use offloop::OldLogFile;

use self::listing::{Log, keep_plain};
use super::line::Layouts;

/// The files to read.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) sources: Vec<Source>,
    /// Files that are passed over, and why nothing is missing without them.
    pub(super) skipped: BTreeSet<String>,
    /// What could not be read, and why.
    pub(super) troubles: Vec<String>,
    /// Whether an old file went away meanwhile.
    pub(super) is_stale: bool,
}

/// Finds the files that are named, and brings them into order.
pub(super) fn find(paths: &[PathBuf], layouts: &Layouts) -> Files {
    let mut found = Found::default();
    paths.iter().for_each(|path| found.add(path));
    found.into_files(layouts)
}

#[derive(Debug, Default)]
struct Found {
    files: Files,
    logs: BTreeMap<PathBuf, Log>,
    /// Old files that were named one by one.
    named: BTreeMap<OldLogFile, PathBuf>,
}

impl Found {
    fn add(&mut self, path: &Path) {
        if let Err(error) = self.try_add(path) {
            let trouble = format!("read {}: {error}", path.display());
            self.files.troubles.push(trouble);
        }
    }

    fn try_add(&mut self, path: &Path) -> io::Result<()> {
        if path == Path::new("-") {
            if !self.files.sources.iter().any(Source::is_stdin) {
                self.files.sources.push(Source::stdin());
            }
            return Ok(());
        }
        let whole = absolute(path);
        if OldLogFile::parse_partial(&whole).is_some() {
            self.files.skipped.insert(listing::said_of_partial(path));
        } else if let Some(old) = OldLogFile::parse(&whole) {
            keep_plain(&mut self.named, old, path.to_owned());
        } else if path.is_dir() {
            let logs = listing::logs_in(path)?;
            logs.iter().for_each(|log| self.add(log));
        } else {
            self.add_log(path)?;
        }
        Ok(())
    }

    fn add_log(&mut self, active: &Path) -> io::Result<()> {
        // The same file may be named in several ways, and has its old ones beside it.
        let name = active.canonicalize().unwrap_or_else(|_| absolute(active));
        if let Entry::Vacant(place) = self.logs.entry(name) {
            let is_link = active.is_symlink();
            let path = if is_link { place.key() } else { active };
            let log = Log::list(path)?;
            place.insert(log);
        }
        Ok(())
    }

    fn into_files(mut self, layouts: &Layouts) -> Files {
        let mut old_files = BTreeMap::new();
        let mut listed = BTreeSet::new();
        for log in std::mem::take(&mut self.logs).into_values() {
            listed.insert(absolute(&log.path));
            self.files.skipped.extend(log.skipped);
            let active = log.active.map(|file| Source::active(log.path, file));
            self.files.sources.extend(active);
            old_files.extend(log.old_files);
        }
        for (old, path) in std::mem::take(&mut self.named) {
            if !old_files.contains_key(&old) {
                let form = self.form_of_named(&old, &path, listed.contains(old.log()));
                old_files.extend(form.map(|path| (old, path)));
            }
        }
        let old_files = old_files.into_iter();
        let old_files = old_files.map(|(old, path)| Source::old(old, path));
        self.files.sources.extend(old_files);
        self.files.look_into(layouts);
        order::sort(&mut self.files.sources);
        self.files
    }

    /// Where an old file lies that was named. Retention may have removed it since, if the whole log was
    /// named as well.
    fn form_of_named(
        &mut self,
        old: &OldLogFile,
        path: &Path,
        is_log_named: bool,
    ) -> Option<PathBuf> {
        let shown = path.display();
        match listing::form_of(old, path) {
            Ok(path) => return Some(path),
            Err(error) if is_log_named && error.kind() == io::ErrorKind::NotFound => {
                let said = format!("{shown}: has been removed since it was named");
                self.files.skipped.insert(said);
            }
            Err(error) => self.files.troubles.push(format!("read {shown}: {error}")),
        }
        None
    }
}

impl Files {
    /// Looks for what brings sources into order. What cannot be looked into is none.
    fn look_into(&mut self, layouts: &Layouts) {
        for mut source in std::mem::take(&mut self.sources) {
            match source.look(layouts) {
                Ok(()) => self.sources.push(source),
                Err(error) => {
                    self.is_stale |= error.kind() == io::ErrorKind::NotFound;
                    let trouble = format!("read {}: {error}", source.name());
                    self.troubles.push(trouble);
                }
            }
        }
    }
}

/// One name for one path, however it is written. A link as its last part stays.
fn absolute(path: &Path) -> PathBuf {
    let directory = listing::directory_of(path).canonicalize();
    match (directory, path.file_name()) {
        (Ok(directory), Some(name)) => directory.join(name),
        _ => path.to_owned(),
    }
}
