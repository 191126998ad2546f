//! One look at what dead processes left, for all sinks of a pipeline.
//!
//! The sinks of one start would find the same leftovers, most of which may be meant for other
//! programs. So the first writer that needs to know looks for all of them, and the others wait for
//! what it finds. A leftover that is meant for none of them is let go of at once.
//!
//! Such a one is kept, and takes up memory, until its own program starts again. That may be never: its
//! log file has another name by now, or the program is gone. One that nobody has taken for a while
//! is worth a word.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use super::claim::{self, Claim};
use super::directory;
use super::ending::{self, Ended};
use super::leftover::LeftoverFile;
use crate::complaint::Complaints;
use crate::drain::clock::wall_ns_now;
use crate::sink::file::canonical;

/// A program that is to start again has done so by then.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60 * 60);

/// What the sinks of a pipeline have to take up, once one of them has looked.
#[derive(Debug)]
pub(crate) struct Scan {
    /// The paths of the sinks' files.
    paths: Vec<PathBuf>,
    /// Where leftovers are looked for.
    directories: Vec<PathBuf>,
    complaints: Complaints,
    /// Whether what nobody has taken is worth a word.
    tells_forgotten: bool,
    found: OnceLock<Vec<Found>>,
}

/// A leftover, and for which of the sinks it is.
#[derive(Debug)]
struct Found {
    file: PathBuf,
    paths: Vec<PathBuf>,
}

/// What nobody has taken.
#[derive(Debug, Default)]
struct Forgotten {
    leftovers: u64,
    bytes: u64,
}

impl Scan {
    /// For the sinks with files of these absolute paths.
    pub(crate) fn new(
        paths: Vec<PathBuf>,
        directories: Vec<PathBuf>,
        complaints: Complaints,
    ) -> Self {
        Scan {
            paths,
            directories,
            complaints,
            tells_forgotten: true,
            found: OnceLock::new(),
        }
    }

    /// The same for a forked child, whose parent has told of what nobody has taken.
    pub(crate) fn in_child(self) -> Self {
        Scan {
            tells_forgotten: false,
            ..self
        }
    }

    /// The leftovers that are meant for the sink with the file of this canonical path, the oldest
    /// first.
    pub(super) fn files_for(&self, path: &Path) -> Vec<PathBuf> {
        let found = self.found.get_or_init(|| self.look());
        let is_meant = |found: &&Found| found.paths.iter().any(|meant| meant == path);
        let files = found.iter().filter(is_meant);
        files.map(|found| found.file.clone()).collect()
    }

    fn look(&self) -> Vec<Found> {
        let (mut found, mut forgotten) = (Vec::new(), Forgotten::default());
        let mut complaints = self.complaints.clone();
        let paths: Vec<_> = self.paths.iter().map(|path| canonical(path)).collect();
        for file in self.files(&mut complaints) {
            match claim::claim(&file) {
                Ok(Claim::Ours(leftover)) => {
                    let is_meant = |path: &&PathBuf| leftover.sinks_at(path).next().is_some();
                    let paths: Vec<_> = paths.iter().filter(is_meant).cloned().collect();
                    if !paths.is_empty() {
                        found.push(Found { file, paths });
                    } else if !end(&leftover, &mut complaints) {
                        forgotten.add(&leftover);
                    }
                }
                Ok(Claim::Foreign(foreign)) => complaints.say(&ending::refuse(&file, foreign)),
                Ok(Claim::Others | Claim::Gone) => {}
                Err(error) => {
                    complaints.say(&format!("open leftover {}: {error}", file.display()));
                }
            }
        }
        if self.tells_forgotten {
            forgotten.complain(&mut complaints);
        }
        found
    }

    /// All files of pages, the oldest first.
    fn files(&self, complaints: &mut Complaints) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for directory in &self.directories {
            match directory::files_in(directory) {
                Ok(found) => files.extend(found),
                Err(error) => complaints.say(&format!(
                    "look for leftovers in {}: {error}",
                    directory.display()
                )),
            }
        }
        directory::oldest_first(&mut files);
        files
    }
}

impl Forgotten {
    fn add(&mut self, leftover: &LeftoverFile) {
        let age_ns = wall_ns_now().saturating_sub(leftover.last_alive_ns);
        if FORGOTTEN_AFTER.as_nanos() < u128::from(age_ns.max(0).unsigned_abs()) {
            self.leftovers += 1;
            self.bytes += leftover.bytes.used_bytes().unwrap_or_default();
        }
    }

    fn complain(&self, complaints: &mut Complaints) {
        let Forgotten { leftovers, bytes } = self;
        if *leftovers != 0 {
            complaints.say(&format!(
                "what dead processes left for other log files takes up {bytes} bytes of memory \
                 (leftovers: {leftovers}), and no start has taken it up for an hour: \
                 `offloop recover` does"
            ));
        }
    }
}

/// Removes a leftover of which nothing is left. Says no if something is.
pub(super) fn end(leftover: &LeftoverFile, complaints: &mut Complaints) -> bool {
    match leftover.end_if_done() {
        Ok(Ended::NotYet) => return false,
        Ok(Ended::Removed) => {}
        Ok(Ended::SetAside) => complaints.say(&ending::set_aside_text(&leftover.path)),
        Err(error) => complaints.say(&format!(
            "remove leftover {}: {error}",
            leftover.path.display()
        )),
    }
    true
}
