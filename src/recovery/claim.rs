//! Who may touch a leftover: one process at a time, and only once its owner is dead.
//!
//! The owner of a file of pages holds a POSIX record lock on it, which goes with the process,
//! however that ends. So whoever gets that lock knows that the owner is dead, and keeps everybody
//! else out. The lock belongs to a process, and goes as soon as the process closes *any*
//! descriptor of the file; so a process has one descriptor of it at most, which its sinks share,
//! and a list of those that it has.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;
use rustix::process::{Flock, FlockType, fcntl_getlk};

use super::directory::{self, Identity};
use super::ending::Foreign;
use super::leftover::LeftoverFile;
use crate::channel::arena::is_own;
use crate::fork::PerProcess;

/// Who merely looks at a leftover is done after a moment.
const LOOK_PAUSE: Duration = Duration::from_millis(2);
const LOOKS_MAX: u32 = 100;

/// Whose a file of pages is.
#[derive(Debug)]
pub(super) enum Claim {
    /// Ours, for as long as this lives.
    Ours(Arc<LeftoverFile>),
    /// That of a process that lives, or that another is recovering just now.
    Others,
    /// Nobody's, but it cannot be read here.
    Foreign(Foreign),
    /// It is gone.
    Gone,
}

/// Files have many paths: they are known by what they are.
type Open = HashMap<Identity, Weak<LeftoverFile>>;

/// The list of what this process has open. A forked child begins with an empty one: the locks of
/// its parent are not its own.
static OPEN: PerProcess<Mutex<Open>> = PerProcess::new();

fn open_ones() -> MutexGuard<'static, Open> {
    OPEN.get().lock().unwrap_or_else(PoisonError::into_inner)
}

/// Claims a file of pages. Waits a moment for those who merely look at it.
///
/// # Errors
///
/// What the system answers to the one who opens, locks or reads the file.
pub(super) fn claim(path: &Path) -> io::Result<Claim> {
    for _ in 0..LOOKS_MAX {
        match try_claim(path)? {
            Some(claim) => return Ok(claim),
            None => thread::sleep(LOOK_PAUSE),
        }
    }
    Ok(Claim::Others)
}

/// `None` if it is worth to try again.
fn try_claim(path: &Path) -> io::Result<Option<Claim>> {
    let mut open = open_ones();
    if is_own(path) {
        return Ok(Some(Claim::Others));
    }
    let Some(identity) = directory::identity(path)? else {
        return Ok(Some(Claim::Gone));
    };
    match open.get(&identity).map(Weak::upgrade) {
        // One that is on the list and gone is being closed.
        Some(None) => return Ok(None),
        Some(Some(known)) => return Ok(Some(Claim::Ours(known))),
        None => {}
    }
    let file = match directory::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(Claim::Gone)),
        opened => opened?,
    };
    match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::AGAIN | Errno::ACCESS) => {
            let is_owned = is_held_by_owner(path, file)?;
            return Ok(is_owned.then_some(Claim::Others));
        }
        Err(errno) => return Err(errno.into()),
    }
    // Who had it before may have removed it.
    if directory::identity(path)? != Some(identity) {
        return Ok(Some(Claim::Gone));
    }
    let mut leftover = match LeftoverFile::read(path.to_owned(), file)? {
        Ok(leftover) => leftover,
        Err(foreign) => return Ok(Some(Claim::Foreign(foreign))),
    };
    if leftover.lacks_files()? {
        return Ok(Some(Claim::Foreign(Foreign::WithoutFiles)));
    }
    leftover.claimed = Some(identity);
    let leftover = Arc::new(leftover);
    open.insert(identity, Arc::downgrade(&leftover));
    Ok(Some(Claim::Ours(leftover)))
}

/// Whether it is the owner of a file who has it locked.
fn is_held_by_owner(path: &Path, file: File) -> io::Result<bool> {
    let holder = holder(&file)?;
    let leftover = LeftoverFile::read(path.to_owned(), file)?;
    // One that cannot be read here is not worth to wait for.
    Ok(leftover.map_or(true, |leftover| may_be_owner(holder, &leftover)))
}

/// Whether the process that has a leftover locked is, or may be, its owner. Processes of other
/// containers have no number here.
fn may_be_owner(holder: Option<u32>, leftover: &LeftoverFile) -> bool {
    holder.is_some_and(|holder| holder == leftover.owner.pid || holder == 0)
}

/// A look at a file of pages that does not claim it.
#[derive(Debug)]
pub(super) struct Sight<'l> {
    pub(super) leftover: &'l LeftoverFile,
    /// Whether its owner lives.
    pub(super) is_alive: bool,
}

/// Looks at a file of pages, whoever has it. Passes nothing on if no process of this version has
/// written it.
pub(super) fn look<T>(path: &Path, look: impl FnOnce(&Sight<'_>) -> T) -> io::Result<Option<T>> {
    // Let go of after the list, which its end needs.
    let known: Arc<LeftoverFile>;
    let open = open_ones();
    if is_own(path) {
        return Ok(None);
    }
    let Some(identity) = directory::identity(path)? else {
        return Ok(None);
    };
    if let Some(found) = open.get(&identity) {
        let Some(found) = found.upgrade() else {
            return Ok(None);
        };
        known = found;
        let sight = Sight {
            leftover: &known,
            is_alive: false,
        };
        return Ok(Some(look(&sight)));
    }
    let file = directory::open(path)?;
    let holder = holder(&file)?;
    let Ok(leftover) = LeftoverFile::read(path.to_owned(), file)? else {
        return Ok(None);
    };
    let is_alive = may_be_owner(holder, &leftover);
    let sight = Sight {
        leftover: &leftover,
        is_alive,
    };
    Ok(Some(look(&sight)))
}

impl Drop for LeftoverFile {
    fn drop(&mut self) {
        let Some(identity) = self.claimed else {
            return;
        };
        // Nobody here opens it again before it is closed: that would undo his lock.
        let mut open = open_ones();
        self.bytes.close();
        open.remove(&identity);
    }
}

/// The process that has a file locked.
fn holder(file: &File) -> io::Result<Option<u32>> {
    let wanted = Flock::from(FlockType::WriteLock);
    let lock = fcntl_getlk(file, &wanted)?;
    let pid = lock.map(|lock| lock.pid.map_or(0, |pid| pid.as_raw_nonzero().get()));
    Ok(pid.map(i32::cast_unsigned))
}
