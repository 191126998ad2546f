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
pub(crate) fn candidates() -> Vec<PathBuf> {
    let of_session = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    // Started as another user, a program may have the variable of the one who started it: that one
    // could put anything into the place of what is made there.
    let is_own = |directory: &PathBuf| {
        rustix::fs::stat(directory).is_ok_and(|found| found.st_uid == geteuid().as_raw())
    };
    let of_session = of_session.filter(|directory| directory.is_absolute() && is_own(directory));
    let of_system = PathBuf::from(format!("/dev/shm/offloop-{}", geteuid().as_raw()));
    let of_session = of_session.map(|directory| directory.join("offloop"));
    of_session.into_iter().chain([of_system]).collect()
}

/// The first of these directories that serves, made if need be; else why the last one does not.
pub(super) fn first_usable(directories: &[PathBuf]) -> Result<&Path, Refusal> {
    let mut refusal = Refusal::expected("there is no tmpfs on this system");
    for directory in directories {
        match prepare(directory) {
            Ok(()) => return Ok(directory),
            Err(why) => refusal = why,
        }
    }
    Err(refusal)
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
