//! The files of pages that running pipelines of this process hold.
//!
//! A file's lock says that its owner is alive. But it is lost as soon as the owner closes any
//! descriptor of the file, so whoever looks for what dead processes have left must not even open
//! those of his own. No lock: a forked child comes here, too.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use arc_swap::ArcSwap;

static LIVE: LazyLock<ArcSwap<Vec<PathBuf>>> = LazyLock::new(ArcSwap::default);

/// What a file of pages is called while it is made.
pub(super) fn unfinished(path: &Path) -> PathBuf {
    let mut name = OsStr::new(".").to_owned();
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    path.with_file_name(name)
}

/// Notes that a file is about to be made.
pub(super) fn add(path: &Path) {
    LIVE.rcu(|live| {
        let others = live.iter().map(PathBuf::as_path);
        others.chain([path]).map(Path::to_owned).collect::<Vec<_>>()
    });
}

/// Notes that a file is gone.
pub(super) fn remove(path: &Path) {
    LIVE.rcu(|live| {
        let others = live.iter().filter(|other| *other != path);
        others.cloned().collect::<Vec<_>>()
    });
}

/// Whether a file of pages belongs to a running pipeline of this process (or of one from which it
/// was forked). Such a file must not be opened.
pub(crate) fn is_own(path: &Path) -> bool {
    let live = LIVE.load();
    live.iter()
        .any(|live| path == live || path == unfinished(live))
}
