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

/// Who one is after a fork.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Side {
    /// The process that forked, and the process that it got.
    Parent(libc::pid_t),
    Child,
}

pub(crate) fn fork() -> Side {
    // SAFETY: in the child of a program with threads only async-signal-safe functions are allowed
    // by POSIX. That offloop keeps to what works on real systems beyond that is what is tested: the
    // C libraries keep their allocator and thread creation usable there.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", std::io::Error::last_os_error()),
        0 => Side::Child,
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

/// Ends the process at once: no destructors, no exit handlers.
pub(crate) fn leave(status: i32) -> ! {
    // SAFETY: it has no precondition.
    unsafe { libc::_exit(status) }
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
