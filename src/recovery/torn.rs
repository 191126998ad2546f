//! A line that a kill tore, found by another process that writes to the same file.
//!
//! It is cut off, since it will be written whole by whoever recovers what the dead process left:
//! would the finder end it with a line break instead, a torn line would stay in the file for good.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use arc_swap::ArcSwap;

use super::claim::{self, Sight};
use super::directory;
use super::journal::Journal;
use crate::sink::PlaceInFile;
use crate::sink::file::{TORN_TAIL, canonical, settle_locked};

/// Where dead processes may have left something. Known before anybody asks: a forked child, which
/// may be the one that finds a torn line, must not look into the environment, whose lock may be held
/// there for ever.
static DIRECTORIES: LazyLock<ArcSwap<Vec<PathBuf>>> = LazyLock::new(ArcSwap::default);

/// From now on sinks ask here whose a torn line is: that of a process that left something in one of
/// these directories, or in one of those that were named before.
pub(crate) fn watch_torn_tails(directories: &[PathBuf]) {
    DIRECTORIES.rcu(|known| {
        let is_new = |directory: &&PathBuf| !known.contains(directory);
        let new = directories.iter().filter(is_new);
        known.iter().chain(new).cloned().collect::<Vec<_>>()
    });
    let _ = TORN_TAIL.set(cut_torn_tail);
}

/// Cuts off the line with which the file ends, if a dead process left the whole of it. The file's
/// lock is held.
fn cut_torn_tail(path: &Path, file: &File) {
    let path = canonical(path);
    for directory in DIRECTORIES.load().iter() {
        for leftover in directory::files_in(directory).unwrap_or_default() {
            // What cannot be read accounts for nothing.
            let _ = claim::look(&leftover, |sight| settle_sinks(sight, &path, file));
        }
    }
}

fn settle_sinks(sight: &Sight<'_>, path: &Path, file: &File) {
    if sight.is_alive {
        return;
    }
    for sink in sight.leftover.sinks_at(path) {
        let pending = Journal::new(sight.leftover, sink.place).pending();
        if let Ok(Some(pending)) = pending {
            // The line then gets its end from the finder.
            let _ = pending.there_already(&sink.format, |place, lines| {
                settle_if_there(file, place, lines)
            });
        }
    }
}

/// Settles the lines if it is this file that they were to be written to.
fn settle_if_there(file: &File, place: PlaceInFile, lines: &[u8]) -> io::Result<usize> {
    let found = file.metadata()?;
    if (found.dev(), found.ino()) != (place.device, place.inode) {
        return Ok(0);
    }
    settle_locked(file, place.offset, lines)
}
