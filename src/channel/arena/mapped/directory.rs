//! Where files of pages lie: in a directory that no other user can reach, on a tmpfs.

use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::channel::arena::Refusal;

const TMPFS_MAGIC: i64 = 0x0102_1994;

/// Only for the owner.
const MODE: Mode = Mode::RWXU;

/// Directories where files of pages may lie, the best one first. Reads the environment.
///
/// A session's directory comes after the one that depends on none: it goes away with the session,
/// and the next start may be told of another one, or of none. Where sessions have theirs by custom is
/// looked at whatever the variable says, for the same reason.
pub(crate) fn candidates() -> Vec<PathBuf> {
    candidates_in(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from))
}

fn candidates_in(session: Option<PathBuf>) -> Vec<PathBuf> {
    let user = geteuid().as_raw();
    let by_custom = PathBuf::from(format!("/run/user/{user}"));
    let mut found = vec![PathBuf::from(format!("/dev/shm/offloop-{user}"))];
    for session in session.into_iter().chain([by_custom]) {
        let directory = session.join("offloop");
        if session.is_absolute() && is_of_user(&session) && !found.contains(&directory) {
            found.push(directory);
        }
    }
    found
}

/// Started as another user, a program may have the variable of the one who started it: that one could
/// put anything into the place of what is made there.
fn is_of_user(directory: &Path) -> bool {
    rustix::fs::stat(directory).is_ok_and(|found| found.st_uid == geteuid().as_raw())
}

/// The first of these directories that serves, made if need be; else why the best one does not.
pub(super) fn first_usable(directories: &[PathBuf]) -> Result<&Path, Refusal> {
    let mut refusal = None;
    for directory in directories {
        match prepare(directory) {
            Ok(()) => return Ok(directory),
            Err(why) => refusal = refusal.or(Some(why)),
        }
    }
    Err(refusal.unwrap_or_else(|| Refusal::expected("there is no tmpfs on this system")))
}

/// Sees to it that the directory exists, and that it is safe to put records into it.
fn prepare(directory: &Path) -> Result<(), Refusal> {
    let parent = directory.parent().unwrap_or(directory);
    if !is_on_tmpfs(directory) && !is_on_tmpfs(parent) {
        let why = format!("{} is not on a tmpfs", directory.display());
        return Err(Refusal::expected(&why));
    }
    let failed = |what: &str, errno: Errno| {
        Refusal::alarming(format!("{what} {}: {errno}", directory.display()))
    };
    match rustix::fs::mkdir(directory, MODE) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(failed("create", errno)),
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(directory, flags, Mode::empty());
    let opened = opened.map_err(|errno| failed("open", errno))?;
    let found = rustix::fs::fstat(&opened).map_err(|errno| failed("look at", errno))?;
    let others = Mode::RWXG | Mode::RWXO;
    let is_private = found.st_uid == geteuid().as_raw()
        && !Mode::from_raw_mode(found.st_mode).intersects(others)
        && FileType::from_raw_mode(found.st_mode).is_dir();
    if !is_private {
        let directory = directory.display();
        return Err(Refusal::alarming(format!(
            "{directory} belongs to somebody else or is open to others: it must be this user's, with mode 0700"
        )));
    }
    Ok(())
}

fn is_on_tmpfs(directory: &Path) -> bool {
    #[allow(
        clippy::unnecessary_cast,
        reason = "the type differs between architectures"
    )]
    rustix::fs::statfs(directory).is_ok_and(|found| found.f_type as i64 == TMPFS_MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_of_no_session_comes_before_those_that_go_away_with_one() {
        let session = tempfile::tempdir().unwrap();
        let found = candidates_in(Some(session.path().to_owned()));
        let user = geteuid().as_raw();
        assert_eq!(found[0], Path::new(&format!("/dev/shm/offloop-{user}")));
        assert_eq!(found[1], session.path().join("offloop"));
    }

    #[test]
    fn the_session_of_another_user_and_one_that_has_no_absolute_path_are_passed_over() {
        let without = candidates_in(None);
        for session in ["", "run", "/proc/1/missing"] {
            assert_eq!(candidates_in(Some(session.into())), without);
        }
    }

    #[test]
    fn who_hears_that_no_directory_serves_hears_of_the_best_one() {
        let disk = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let [best, other] = ["best", "other"].map(|name| disk.path().join(name));
        let refusal = first_usable(&[best.clone(), other]).unwrap_err();
        assert_eq!(refusal.why, format!("{} is not on a tmpfs", best.display()));
    }
}
