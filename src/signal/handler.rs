//! The handlers of the signals that ask a service to end.
//!
//! A handler notes that its signal has come, wakes the thread that watches, and passes the signal on to
//! whoever had a handler before. Nobody watches in a forked child, so the first thing that it does is
//! to put back what was there before; where somebody has put a handler of his own on top, that stays.
//!
//! Installed by this crate itself: a registry that others share could not be left in a child without
//! taking the signals from them.

#![expect(
    unsafe_code,
    reason = "signal handlers are installed with the C library"
)]

use std::ffi::{c_int, c_void};
use std::mem::{self, MaybeUninit};
use std::os::fd::{BorrowedFd, IntoRawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering};
use std::{io, ptr};

use libc::{SIGINT, SIGTERM, sigaction, siginfo_t};

/// One signal, as its handler and the thread that watches know it.
struct Handled {
    signal: c_int,
    has_come: AtomicBool,
    /// What was there before; null if this crate has never handled it.
    before: AtomicPtr<sigaction>,
}

static HANDLED: [Handled; 2] = [Handled::new(SIGTERM), Handled::new(SIGINT)];

/// Where a byte wakes the thread of this process that watches.
static WAKE: AtomicI32 = AtomicI32::new(-1);

/// Which process that is, by the system's number: a signal may come before a child has noticed that it is
/// one.
static PROCESS: AtomicI32 = AtomicI32::new(0);

/// Has the signals wake who reads from the other end of `wake` from now on. Says why, for each of them
/// that cannot be handled.
pub(super) fn install(wake: UnixStream) -> Vec<io::Error> {
    // Full, it wakes all the same: a handler must not wait.
    if let Err(cause) = wake.set_nonblocking(true) {
        return vec![cause];
    }
    // It stays open: a handler may run at any time. Relaxed: see below.
    WAKE.store(wake.into_raw_fd(), Ordering::Relaxed);
    // Pairs with the Acquire load in `on_signal`: who is of this process finds its descriptor.
    PROCESS.store(own_process(), Ordering::Release);
    let refused = HANDLED.iter().map(Handled::install);
    refused.filter_map(Result::err).collect()
}

/// The signals that have come since the last look.
pub(super) fn take() -> impl Iterator<Item = c_int> {
    // Pairs with the store in `on_signal`, which comes before its byte.
    let come = |handled: &&Handled| handled.has_come.swap(false, Ordering::Acquire);
    HANDLED.iter().filter(come).map(|handled| handled.signal)
}

#[cfg(not(miri))]
/// Puts back what was there before, in a child that was forked just now. Async-signal-safe.
pub(crate) fn restore_in_child() {
    for handled in &HANDLED {
        handled.restore();
    }
}

impl Handled {
    const fn new(signal: c_int) -> Self {
        Handled {
            signal,
            has_come: AtomicBool::new(false),
            before: AtomicPtr::new(ptr::null_mut()),
        }
    }

    fn install(&self) -> io::Result<()> {
        // It may be the parent's. Relaxed: no handler of this process has run yet.
        self.has_come.store(false, Ordering::Relaxed);
        let before = self.current()?;
        if is_ours(&before) {
            return Ok(());
        }
        // Never given back: a handler may be at it. Pairs with the Acquire load in `before`.
        self.before
            .store(Box::into_raw(Box::new(before)), Ordering::Release);
        // SAFETY: all zeros are a `sigaction`: without flags, and with an empty set.
        let mut action: sigaction = unsafe { mem::zeroed() };
        action.sa_sigaction = address_of_ours();
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        self.set(&action)
    }

    /// Says whether it has put back what was there before.
    fn restore(&self) -> bool {
        let is_ours = self.current().is_ok_and(|current| is_ours(&current));
        let before = self.before().filter(|_| is_ours);
        before.is_some_and(|before| self.set(before).is_ok())
    }

    fn before(&self) -> Option<&'static sigaction> {
        // Pairs with the Release store in `install`.
        let before = self.before.load(Ordering::Acquire);
        // SAFETY: it is null, or came from a box that is never given back and only read.
        unsafe { before.as_ref() }
    }

    fn current(&self) -> io::Result<sigaction> {
        let mut current = MaybeUninit::<sigaction>::uninit();
        // SAFETY: nothing is changed, and there is room for the answer.
        let answer = unsafe { libc::sigaction(self.signal, ptr::null(), current.as_mut_ptr()) };
        if answer != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call has succeeded, so it has filled it in.
        Ok(unsafe { current.assume_init() })
    }

    fn set(&self, action: &sigaction) -> io::Result<()> {
        // SAFETY: the handler is `on_signal`, which is async-signal-safe and of the type that its flags
        // say, or one that the system had for this signal.
        let answer = unsafe { libc::sigaction(self.signal, action, ptr::null_mut()) };
        match answer {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

fn own_process() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

fn address_of_ours() -> usize {
    on_signal as *const () as usize
}

fn is_ours(action: &sigaction) -> bool {
    action.sa_sigaction == address_of_ours()
}

/// Only what is async-signal-safe: atomics, `write`, and what was there before.
extern "C" fn on_signal(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let Some(handled) = HANDLED.iter().find(|handled| handled.signal == signal) else {
        return;
    };
    // Pairs with the Release store in `install`.
    if PROCESS.load(Ordering::Acquire) == own_process() {
        // Pairs with the swap in `take`.
        handled.has_come.store(true, Ordering::Release);
        wake();
    } else if handled.restore() {
        // A child that has not got so far. It comes again once this returns, for what was there before.
        // SAFETY: it has no precondition.
        unsafe { libc::raise(signal) };
        return;
    }
    // In a child, a handler on top has called this one.
    if let Some(before) = handled.before() {
        pass_on(before, signal, info, context);
    }
}

fn wake() {
    // Relaxed: the process was seen before, and with it the descriptor.
    let wake = WAKE.load(Ordering::Relaxed);
    // SAFETY: `install` has stored it before it installed the handler, and it is never closed.
    let wake = unsafe { BorrowedFd::borrow_raw(wake) };
    let _ = rustix::io::write(wake, &[0]);
}

fn pass_on(before: &sigaction, signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    if [libc::SIG_DFL, libc::SIG_IGN].contains(&before.sa_sigaction) {
        return;
    }
    if before.sa_flags & libc::SA_SIGINFO == 0 {
        // SAFETY: whoever installed it without this flag said that it is such a function.
        let handler: extern "C" fn(c_int) = unsafe { mem::transmute(before.sa_sigaction) };
        return handler(signal);
    }
    // SAFETY: whoever installed it with this flag said that it is such a function.
    let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
        unsafe { mem::transmute(before.sa_sigaction) };
    handler(signal, info, context);
}
