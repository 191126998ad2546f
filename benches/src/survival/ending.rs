//! The ways to end, and how each looks from outside.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

#[derive(Clone, Copy, PartialEq)]
pub enum How {
    Return,
    GuardDropped,
    Exit,
    Abort,
    Panic,
    /// In a program that was built so.
    AbortingPanic,
    /// Sent by the process to itself, this long after its last call returned.
    Signal(i32, Duration),
    /// An access to memory that must not be accessed.
    Fault,
    ForkChild,
    ForkParent,
}

/// The rows of the table.
pub const ENDINGS: [(&str, How); 14] = [
    ("return", How::Return),
    ("guard dropped at once", How::GuardDropped),
    ("exit", How::Exit),
    ("abort", How::Abort),
    ("panic", How::Panic),
    ("panic=abort", How::AbortingPanic),
    ("SIGTERM", How::Signal(libc::SIGTERM, Duration::ZERO)),
    ("SIGINT", How::Signal(libc::SIGINT, Duration::ZERO)),
    ("SIGSEGV", How::Fault),
    (
        "SIGKILL at once",
        How::Signal(libc::SIGKILL, Duration::ZERO),
    ),
    (
        "SIGKILL after 0.3 s",
        How::Signal(libc::SIGKILL, Duration::from_millis(300)),
    ),
    (
        "SIGKILL after 1.5 s",
        How::Signal(libc::SIGKILL, Duration::from_millis(1500)),
    ),
    ("fork child", How::ForkChild),
    ("fork parent", How::ForkParent),
];

pub fn find(name: &str) -> Option<How> {
    let found = ENDINGS.iter().find(|(other, _)| *other == name);
    found.map(|(_, how)| *how)
}

impl How {
    /// Whether a process ended like this. If not, its cell would tell of something else.
    pub fn agrees_with(self, status: ExitStatus) -> bool {
        match self {
            How::Panic => status.code() == Some(101),
            How::Abort | How::AbortingPanic => status.signal() == Some(libc::SIGABRT),
            How::Signal(signal, _) => status.signal() == Some(signal),
            How::Fault => status.signal() == Some(libc::SIGSEGV),
            _ => status.success(),
        }
    }
}
