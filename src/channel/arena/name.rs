//! What files of pages are called: the one place that makes such names and that knows them again.
//!
//! ```text
//! <process>-<16 hexadecimal digits>.pages         from the moment on in which it is complete
//! .<process>-<16 hexadecimal digits>.pages.new    before
//! ```
//!
//! The digits are drawn, so no two files have the same name, wherever they lie. Whatever is called
//! otherwise is none of ours, and is left alone: people keep other things in the directories that
//! they name.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

const DIGITS: usize = 16;

/// What a file with a name like ours is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Pages of a process, dead or alive.
    Pages,
    /// What a process makes before it has pages, or died over.
    Unfinished,
}

/// The name of a process's file.
#[cfg_attr(
    not(all(target_os = "linux", not(any(miri, offloop_loom, offloop_shuttle)))),
    allow(dead_code, reason = "there are no files here")
)]
pub(super) fn name(process: u32, drawn: u64) -> String {
    format!("{process}-{drawn:0DIGITS$x}.pages")
}

/// What a file is called while it is made.
#[cfg_attr(
    not(all(target_os = "linux", not(any(miri, offloop_loom, offloop_shuttle)))),
    allow(dead_code, reason = "there are no files here")
)]
pub(super) fn unfinished(path: &Path) -> PathBuf {
    let mut name = OsStr::new(".").to_owned();
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    path.with_file_name(name)
}

/// What a file is by its name. `None` if we have not given it that name.
pub(crate) fn kind(path: &Path) -> Option<Kind> {
    let name = path.file_name()?.to_str()?;
    let unfinished = name
        .strip_prefix('.')
        .and_then(|name| name.strip_suffix(".new"));
    let (name, kind) = match unfinished {
        Some(name) => (name, Kind::Unfinished),
        None => (name, Kind::Pages),
    };
    let (process, drawn) = name.strip_suffix(".pages")?.split_once('-')?;
    let is_ours = process.parse::<u32>().is_ok()
        && drawn.len() == DIGITS
        && drawn.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_ours.then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_again_and_no_others() {
        let path = Path::new("/dev/shm").join(name(7, 10));
        assert_eq!(path, Path::new("/dev/shm/7-000000000000000a.pages"));
        assert_eq!(kind(&path), Some(Kind::Pages));
        assert_eq!(kind(&unfinished(&path)), Some(Kind::Unfinished));
        for other in [
            "report.pages",
            "7-a.pages",
            "x-000000000000000a.pages",
            "7-000000000000000g.pages",
            "7-000000000000000a.pages.damaged",
            "7-000000000000000a.pages.new",
            ".7-000000000000000a.pages",
            ".notes.new",
            "",
        ] {
            assert_eq!(kind(Path::new(other)), None, "{other}");
        }
    }
}
