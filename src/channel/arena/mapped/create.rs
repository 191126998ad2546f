//! Making the file, so that nobody finds it before it is complete and locked.

#![expect(unsafe_code, reason = "a file is mapped")]

use std::fs::File;
use std::io;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{FallocateFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};
use rustix::process::Resource;

use super::live::LivePath;
use super::{Mapped, directory};
use crate::channel::arena::layout::{HEADER_BYTES, JOURNALS_MAX, Layout, Owner};
use crate::channel::arena::{ArenaPlan, Refusal, name};
use crate::channel::sync::Queue;
use crate::channel::ticks;
use crate::fork;

/// How many names are tried.
const NAMES_MAX: u32 = 16;

impl Mapped {
    /// Makes a file in the first directory that serves.
    pub(crate) fn create(
        plan: &ArenaPlan,
        page_bytes: usize,
        budget_bytes: usize,
        journals: usize,
    ) -> Result<Arc<Self>, Refusal> {
        let journals = journals.min(JOURNALS_MAX) as u32;
        let layout = Layout::new(page_bytes as u64, budget_bytes as u64, journals)
            .ok_or_else(|| Refusal::expected("pages of that size have no place in a file"))?;
        let directory = match &plan.directory {
            Some(chosen) => directory::first_usable(std::slice::from_ref(chosen)),
            None => directory::first_usable(&plan.candidates),
        }?;
        let limit = rustix::process::getrlimit(Resource::Fsize).current;
        if limit.is_some_and(|limit| limit < layout.file_bytes()) {
            // Making the file would end the process by SIGXFSZ.
            let why = "the limit of the size of files (ulimit -f) is too low";
            return Err(Refusal::alarming(why.to_owned()));
        }
        Mapped::create_in(directory, layout, plan).map_err(|error| {
            let directory = directory.display();
            Refusal::alarming(format!("make a file of pages in {directory}: {error}"))
        })
    }

    fn create_in(directory: &Path, layout: Layout, plan: &ArenaPlan) -> io::Result<Arc<Self>> {
        let (file, live) = open_new(directory)?;
        let path = live.path().to_owned();
        let made = Mapped::map(file, live, layout, plan).and_then(|mapped| {
            std::fs::rename(name::unfinished(&path), &path)?;
            Ok(Arc::new(mapped))
        });
        if made.is_err() {
            let _ = std::fs::remove_file(name::unfinished(&path));
        }
        made
    }

    /// Makes a new file one of pages. Nobody else knows it yet.
    fn map(file: File, live: LivePath, layout: Layout, plan: &ArenaPlan) -> io::Result<Self> {
        rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive)?;
        let file_bytes = layout.file_bytes();
        rustix::fs::ftruncate(&file, file_bytes)?;
        rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, HEADER_BYTES)?;
        let mut header = [0; HEADER_BYTES as usize];
        layout.write_header(&mut header, &owner(plan));
        rustix::io::pwrite(&file, &header, 0)?;
        let len = usize::try_from(file_bytes).map_err(io::Error::other)?;
        let (access, sharing) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: a new mapping at a place that the system chooses overlaps nothing. The file
        // belongs to this process: others of this user only read it once its lock is free.
        let memory =
            unsafe { rustix::mm::mmap(std::ptr::null_mut(), len, access, sharing, &file, 0) }?;
        let memory = NonNull::new(memory.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let slots_of = |class| layout.slots_of(class) as usize;
        Ok(Mapped {
            layout,
            file,
            live,
            memory,
            generation: fork::generation(),
            free: (0..layout.classes())
                .map(|class| Queue::new(slots_of(class)))
                .collect(),
            uses: AtomicU64::new(0),
            told: Mutex::default(),
            overhead_bytes: AtomicUsize::new(HEADER_BYTES as usize),
            stopgaps: AtomicUsize::new(0),
            is_full: AtomicBool::new(false),
            was_full: AtomicBool::new(false),
            is_untold: AtomicBool::new(false),
            is_discarded: AtomicBool::new(false),
            is_removed: AtomicBool::new(false),
            clock_notes: AtomicU64::new(0),
        })
    }
}

/// Opens a file that nobody has, under the name that it has until it is complete.
fn open_new(directory: &Path) -> io::Result<(File, LivePath)> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    let mut refused = Errno::EXIST;
    for _ in 0..NAMES_MAX {
        let name = name::name(std::process::id(), any_number());
        // Before it can be found.
        let live = LivePath::new(directory.join(name));
        match rustix::fs::open(name::unfinished(live.path()), flags, mode) {
            Ok(file) => return Ok((file.into(), live)),
            Err(Errno::EXIST) => {}
            Err(errno) => {
                refused = errno;
                break;
            }
        }
    }
    Err(refused.into())
}

/// A number that is hardly drawn twice. Needs no lock of the system library's.
fn any_number() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    let drawn = DRAWN.fetch_add(1, Ordering::Relaxed);
    RandomState::new().hash_one((ticks::now(), drawn, std::process::id()))
}

fn owner(plan: &ArenaPlan) -> Owner {
    let started = SystemTime::now().duration_since(UNIX_EPOCH);
    Owner {
        pid: std::process::id(),
        started_ns: started.map_or(0, |since| since.as_nanos() as i64),
        boot_id: plan.boot_id,
        ticks_kind: ticks::kind(),
    }
}

/// The system's number of this boot; zero where it has none.
pub(crate) fn boot_id() -> [u8; 16] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let digits = text.unwrap_or_default().replace('-', "");
    u128::from_str_radix(digits.trim(), 16).map_or([0; 16], u128::to_be_bytes)
}
