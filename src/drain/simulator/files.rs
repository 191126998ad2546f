//! All files that there ever were, in the order in which they came to be.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::sink::file::faults;

/// What the log file is called.
pub(super) const ACTIVE: &str = "app.jsonl";

/// The files of a directory.
#[derive(Debug)]
pub(super) struct Files {
    directory: PathBuf,
    born: Vec<Born>,
}

/// A file, whatever it is called by now.
#[derive(Debug, Default)]
struct Born {
    inode: u64,
    /// What was in it each time that somebody truncated it, or removed it.
    destroyed: Vec<Vec<u8>>,
}

impl Files {
    pub(super) fn new(directory: &Path) -> Files {
        Files {
            directory: directory.to_owned(),
            born: Vec::new(),
        }
    }

    pub(super) fn active(&self) -> PathBuf {
        self.directory.join(ACTIVE)
    }

    /// Finds out which files are new. To be called after every step.
    pub(super) fn look(&mut self) {
        let mut found: Vec<_> = self.found().collect();
        // Of several that one step has made, the names tell the order.
        found.sort_by_key(|(path, _)| order(path));
        for (_, inode) in found {
            if self.born.iter().all(|born| born.inode != inode) {
                self.born.push(Born {
                    inode,
                    ..Born::default()
                });
            }
        }
    }

    fn found(&self) -> impl Iterator<Item = (PathBuf, u64)> {
        let entries = fs::read_dir(&self.directory).unwrap();
        entries.map(|entry| {
            let entry = entry.unwrap();
            (entry.path(), entry.metadata().unwrap().ino())
        })
    }

    /// Somebody removes the active file, if there is one.
    pub(super) fn remove_active(&mut self) {
        if self.keep_active() {
            fs::remove_file(self.active()).unwrap();
        }
    }

    /// Somebody has copied the active file, and truncates it now.
    pub(super) fn truncate_active(&mut self) {
        if self.keep_active() {
            File::create(self.active()).unwrap();
        }
    }

    /// Somebody renames the active file.
    pub(super) fn rename_active(&mut self, number: usize) {
        let moved = self.directory.join(format!("moved.{number}"));
        let _ = fs::rename(self.active(), moved);
    }

    /// Keeps in mind what will be gone. Says no if there is nothing.
    fn keep_active(&mut self) -> bool {
        let Ok(metadata) = fs::metadata(self.active()) else {
            return false;
        };
        let text = fs::read(self.active()).unwrap();
        let inode = metadata.ino();
        let mut born = self.born.iter_mut();
        let born = born.find(|born| born.inode == inode).unwrap();
        born.destroyed.push(text);
        faults::note_cut(inode, 0);
        true
    }

    /// What is, and what was, in each of the files.
    pub(super) fn texts(&self) -> Vec<Vec<u8>> {
        self.read(|_, text| text)
    }

    /// The same after a power cut at this moment. What was destroyed on purpose counts, too.
    pub(super) fn texts_on_disk(&self) -> Vec<Vec<u8>> {
        self.read(faults::left_on_disk)
    }

    fn read(&self, left: impl Fn(u64, Vec<u8>) -> Vec<u8>) -> Vec<Vec<u8>> {
        let paths: Vec<_> = self.found().collect();
        let texts = |born: &Born| {
            let path = paths.iter().find(|(_, inode)| *inode == born.inode);
            let text = path.map_or_else(Vec::new, |(path, _)| fs::read(path).unwrap());
            let mut texts = born.destroyed.clone();
            texts.push(left(born.inode, text));
            texts
        };
        self.born.iter().flat_map(texts).collect()
    }
}

/// Old files by time and number, then the active one.
fn order(path: &Path) -> (bool, String, u32) {
    let name = path.file_name().unwrap().to_str().unwrap();
    let parts: Vec<_> = name.split('.').collect();
    match parts[..] {
        [_, time, number, _] => (false, time.to_owned(), number.parse().unwrap()),
        _ => (true, name.to_owned(), 0),
    }
}
