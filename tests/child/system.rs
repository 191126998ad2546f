//! What the scenarios need of the system that the standard library does not have.

#![expect(
    unsafe_code,
    reason = "forking and exit handlers are what is tested here"
)]

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Who one is after a fork.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Side {
    /// The process that forked, and the process that it got.
    Parent(libc::pid_t),
    Child,
}

/// How many processes one process forks here, less than.
const FORKS_MAX: u64 = 10_000;

static PROCESS: AtomicU64 = AtomicU64::new(0);
static FORKS: AtomicU64 = AtomicU64::new(0);

/// Tells processes apart: 0 for the first, then by their parent and which of its forks they are.
/// The system's own numbers are used again too soon.
pub(crate) fn process() -> u64 {
    PROCESS.load(Ordering::Relaxed)
}

/// The process that the latest fork made.
pub(crate) fn latest_child() -> u64 {
    process() * FORKS_MAX + FORKS.load(Ordering::Relaxed)
}

pub(crate) fn fork() -> Side {
    FORKS.fetch_add(1, Ordering::Relaxed);
    // SAFETY: in the child of a program with threads only async-signal-safe functions are allowed
    // by POSIX. That offloop keeps to what works on real systems beyond that is what is tested: the
    // C libraries keep their allocator and thread creation usable there.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", std::io::Error::last_os_error()),
        0 => {
            PROCESS.store(latest_child(), Ordering::Relaxed);
            FORKS.store(0, Ordering::Relaxed);
            Side::Child
        }
        child => Side::Parent(child),
    }
}

/// Waits for a child, which must end well.
pub(crate) fn wait_for(child: libc::pid_t) {
    let mut status = 0;
    // SAFETY: `status` is a valid place for the answer.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(waited, child, "waitpid");
    assert_eq!(status, 0, "the child {child} ended badly");
}

/// Sends a child this signal, and returns the one that it ended by: 0 if it ended in order.
pub(crate) fn end_by(child: libc::pid_t, signal: libc::c_int) -> libc::c_int {
    send(child, signal);
    let mut status = 0;
    // SAFETY: `status` is a valid place for the answer.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(waited, child, "waitpid");
    assert!(libc::WIFSIGNALED(status) || status == 0, "{status}");
    libc::WTERMSIG(status)
}

pub(crate) fn send(process: libc::pid_t, signal: libc::c_int) {
    // SAFETY: it has no precondition.
    let answer = unsafe { libc::kill(process, signal) };
    assert_eq!(answer, 0, "kill");
}

/// Ends the process at once: no destructors, no exit handlers.
pub(crate) fn leave(status: i32) -> ! {
    // SAFETY: it has no precondition.
    unsafe { libc::_exit(status) }
}

/// Has SIGINT end the process. Shells have what they run in the background ignore it, and that is
/// passed on.
pub(crate) fn mind_interrupts() {
    // SAFETY: the default action is no handler, so there is nothing that it must uphold.
    let before = unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
    assert_ne!(before, libc::SIG_ERR, "signal");
}

/// Registers what is to be called at the end of the process: the latest first.
pub(crate) fn at_exit(handler: extern "C" fn()) {
    // SAFETY: the handlers here are functions of this program, which is never unloaded.
    let answer = unsafe { libc::atexit(handler) };
    assert_eq!(answer, 0, "atexit");
}

/// Makes a FIFO and opens its reading end, so that it can be written to until it is full.
pub(crate) fn stalled_fifo(path: &Path) -> File {
    let name = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: `name` is a string with its end marked, which lives until the call returns.
    let answer = unsafe { libc::mkfifo(name.as_ptr(), 0o600) };
    assert_eq!(answer, 0, "mkfifo");
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK);
    options.open(path).unwrap()
}
