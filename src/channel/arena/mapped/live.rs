//! The files of pages that running pipelines of this process hold.
//!
//! A file's lock says that its owner is alive. But it is lost as soon as the owner closes any
//! descriptor of the file, so whoever looks for what dead processes have left must not even open
//! those of his own. No lock: a forked child comes here, too.
//!
//! They are known by their names alone, which no two files share: a directory has many paths.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use arc_swap::ArcSwap;

use crate::channel::arena::name;
use crate::fork;

static LIVE: LazyLock<ArcSwap<Vec<Entry>>> = LazyLock::new(ArcSwap::default);

#[derive(Clone, Debug)]
struct Entry {
    path: PathBuf,
    /// Which process it was: what its parent held is not a forked child's own.
    generation: u64,
}

/// The path of a file that nobody in this process opens a second time as long as this lives. Must
/// outlive the file's descriptor.
#[derive(Debug)]
pub(super) struct LivePath(PathBuf);

impl LivePath {
    /// For a file that is about to be made.
    pub(super) fn new(path: PathBuf) -> Self {
        let entry = Entry {
            path: path.clone(),
            generation: fork::generation(),
        };
        LIVE.rcu(|live| [live.as_slice(), std::slice::from_ref(&entry)].concat());
        LivePath(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for LivePath {
    fn drop(&mut self) {
        LIVE.rcu(|live| {
            let others = live.iter().filter(|other| other.path != self.0);
            others.cloned().collect::<Vec<_>>()
        });
    }
}

/// Whether a file of pages belongs to a running pipeline of this process. Such a file must not be
/// opened.
pub(crate) fn is_own(path: &Path) -> bool {
    let named = path.file_name();
    let is_named = |entry: &Entry| {
        let names = [entry.path.as_path(), &name::unfinished(&entry.path)];
        names.map(Path::file_name).contains(&named)
    };
    let live = LIVE.load();
    let mut own = live
        .iter()
        .filter(|entry| entry.generation == fork::generation());
    own.any(is_named)
}
