//! One run of one cell, seen from the process that starts it.

use std::error::Error;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use super::RECORDS;
use super::child::{LOGGED, NEXT_START};
use super::count::{Count, count};
use super::ending::How;
use super::peers::Peer;
use crate::parent::{Directory, wait};

/// A process that takes longer than this hangs. All that it has to do takes milliseconds.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What one run left.
pub struct Left {
    found: Count,
    /// The same before the next start, for a logger that has something to do then.
    before: Option<Count>,
    hung: bool,
}

/// The worst of several runs: the most records missing, the most doubled, any hang, any failure.
#[derive(Default)]
pub struct Worst {
    found: Count,
    before: Option<Count>,
    hung: bool,
    failure: Option<String>,
}

pub fn run(
    program: &Path,
    peer: &Peer,
    ending: &str,
    how: How,
    parent: &Path,
) -> Result<Result<Left, String>, Box<dyn Error>> {
    let directory = Directory::new(parent)?;
    let logs = directory.0.join("logs");
    fs::create_dir(&logs)?;
    let (status, said) = start(program, peer, ending, &directory.0, &logs)?;
    if said != LOGGED {
        return Ok(Err(format!("did not log: {status:?}")));
    }
    if status.is_some_and(|status| !how.agrees_with(status)) {
        return Ok(Err(format!("ended otherwise: {status:?}")));
    }
    let found = count(&logs, |_| true, 0..RECORDS)?;
    let mut left = Left {
        found,
        before: None,
        hung: status.is_none(),
    };
    if peer.is_offloop() {
        let (status, _) = start(program, peer, NEXT_START, &directory.0, &logs)?;
        if !status.is_some_and(|status| status.success()) {
            return Ok(Err(format!("next start: {status:?}")));
        }
        left.before = Some(found);
        left.found = count(&logs, |_| true, 0..RECORDS)?;
    }
    Ok(Ok(left))
}

/// Runs a process to its end. Returns its status, unless it hung, and what it said.
fn start(
    program: &Path,
    peer: &Peer,
    ending: &str,
    directory: &Path,
    logs: &Path,
) -> Result<(Option<ExitStatus>, String), Box<dyn Error>> {
    let mut command = Command::new(program);
    command
        .args(["survival-child", peer.name(), ending])
        .arg(logs)
        .env_remove("RUST_LOG")
        // A panic that walks the stack takes so long that every logger is done by then.
        .env_remove("RUST_BACKTRACE")
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(directory.join("stderr"))?);
    // SAFETY: between fork and exec it makes one system call, and touches no memory but its own.
    unsafe { command.pre_exec(without_core) };
    let mut child = command.spawn()?;
    let status = wait(&mut child, PATIENCE)?;
    let mut said = String::new();
    let output = child.stdout.as_mut().ok_or("the child has no output")?;
    output.read_to_string(&mut said)?;
    Ok((status, said))
}

/// Several endings here would leave the memory of the process in a file.
fn without_core() -> io::Result<()> {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `none` is a live `rlimit` for the whole call.
    match unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

impl Worst {
    pub fn add(&mut self, run: Result<Left, String>) {
        match run {
            Err(failure) => self.failure = Some(failure),
            Ok(left) => {
                self.found = worse(self.found, left.found);
                self.before = left
                    .before
                    .map(|before| worse(self.before.unwrap_or_default(), before));
                self.hung |= left.hung;
            }
        }
    }

    pub fn before_next_start(&self) -> Option<String> {
        self.before.map(|before| before.to_string())
    }
}

fn worse(one: Count, other: Count) -> Count {
    Count {
        missing: one.missing.max(other.missing),
        doubled: one.doubled.max(other.doubled),
    }
}

impl fmt::Display for Worst {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(failure) = &self.failure {
            return formatter.write_str(failure);
        }
        write!(formatter, "{}", self.found)?;
        if self.hung {
            formatter.write_str(", hangs")?;
        }
        Ok(())
    }
}

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.missing)?;
        if self.doubled != 0 {
            write!(formatter, " + {} doubled", self.doubled)?;
        }
        Ok(())
    }
}
