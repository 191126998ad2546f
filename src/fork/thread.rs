//! Threads that start in a forked child, too.
//!
//! A thread of the standard library's notes itself in a list before it runs (for the message that a
//! stack overflow ends with), under a lock. If some other thread of the parent was just starting or
//! ending at the moment of the fork, that lock is held in the child for ever, and threads that are
//! started there wait for it without a word. So in a child threads are started by the C library
//! alone, whose own locks are sound after a fork.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{io, ptr, thread};

use super::generation;

type Run = Box<dyn FnOnce() + Send>;

/// Starts a thread that nobody joins. Its panics end nothing but itself.
///
/// # Errors
///
/// If there is no thread to be had; `run` is dropped then.
pub(crate) fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    if generation() == 0 {
        return thread::Builder::new().name(name).spawn(run).map(drop);
    }
    spawn_bare(Box::new(move || {
        set_name(&name);
        run();
    }))
}

fn spawn_bare(run: Run) -> io::Result<()> {
    let argument = Box::into_raw(Box::new(run));
    let mut thread = 0;
    // SAFETY: `begin` is the function of a thread, and takes what `argument` is. Without attributes
    // the thread has the system's usual stack, which is larger than that of the standard library.
    let errno =
        unsafe { libc::pthread_create(&raw mut thread, ptr::null(), begin, argument.cast()) };
    if errno != 0 {
        // SAFETY: no thread was started, so it is still ours, as it came from `into_raw`.
        drop(unsafe { Box::from_raw(argument) });
        return Err(io::Error::from_raw_os_error(errno));
    }
    // SAFETY: it was started just now, and is neither joined nor detached anywhere else.
    unsafe { libc::pthread_detach(thread) };
    Ok(())
}

extern "C" fn begin(argument: *mut c_void) -> *mut c_void {
    // SAFETY: `spawn_bare` passes what came from `into_raw`, to this one thread.
    let run = unsafe { Box::from_raw(argument.cast::<Run>()) };
    // A panic that left this function would abort the process.
    let _ = catch_unwind(AssertUnwindSafe(run));
    ptr::null_mut()
}

/// For those who look at the process's threads.
fn set_name(name: &str) {
    #[cfg(target_os = "linux")]
    if let Ok(name) = std::ffi::CString::new(name) {
        let _ = rustix::thread::set_name(&name);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = name;
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_bare_thread_has_a_name_and_may_panic() {
        let (sender, receiver) = mpsc::channel();
        let told = sender.clone();
        spawn_bare(Box::new(move || {
            set_name("bare");
            told.send(std::fs::read_to_string("/proc/thread-self/comm").ok())
                .unwrap();
        }))
        .unwrap();
        if cfg!(target_os = "linux") {
            assert_eq!(receiver.recv().unwrap().as_deref(), Some("bare\n"));
        }
        spawn_bare(Box::new(move || {
            let _told_in_the_end = sender;
            panic!("nobody minds");
        }))
        .unwrap();
        assert!(receiver.recv().is_err());
    }
}
