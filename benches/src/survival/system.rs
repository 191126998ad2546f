//! What the endings need of the system that the standard library does not have.

use std::io;
use std::ptr;

/// Forks. `None` in the child, which is ended when its parent's thread is.
pub fn fork() -> io::Result<Option<libc::pid_t>> {
    // SAFETY: POSIX allows only async-signal-safe functions in the child of a program with threads.
    // What loggers do beyond that is what is looked at here; the system's C library keeps its
    // allocator and thread creation usable there.
    let answer = unsafe { libc::fork() };
    if answer == 0 {
        // A child that hangs must not outlive the run.
        // SAFETY: this option takes a signal's number, and touches no memory of ours.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    }
    Ok((checked(answer)? != 0).then_some(answer))
}

/// Waits until a child is gone, however it ended.
pub fn wait_for(child: libc::pid_t) -> io::Result<()> {
    // SAFETY: no status is asked for, so there is no place for it to be valid.
    checked(unsafe { libc::waitpid(child, ptr::null_mut(), 0) }).map(drop)
}

pub fn kill(process: libc::pid_t, signal: i32) -> io::Result<()> {
    // SAFETY: it takes two numbers, and touches no memory of ours.
    checked(unsafe { libc::kill(process, signal) }).map(drop)
}

/// Ends this process by a signal that it does not handle.
pub fn signal_self(signal: i32) -> io::Result<()> {
    // SAFETY: it has no precondition.
    kill(unsafe { libc::getpid() }, signal)
}

/// Writes where nobody may write: what a stray pointer does.
pub fn fault() -> io::Result<()> {
    const BYTES: usize = 4096;
    // SAFETY: a new mapping at a place of the system's choice is in nobody's way.
    let page = unsafe {
        libc::mmap(
            ptr::null_mut(),
            BYTES,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if page == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the page is ours, and nothing lies in it; that the system refuses the access, and
    // ends the process, is the purpose.
    unsafe { page.cast::<u8>().write_volatile(1) };
    Ok(())
}

fn checked(answer: libc::c_int) -> io::Result<libc::c_int> {
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(answer)
}
