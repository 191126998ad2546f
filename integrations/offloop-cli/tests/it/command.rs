//! Runs the binary.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// What the command answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn offloop<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Answer {
    offloop_with(arguments, |command| command)
}

/// The same, with a say in how the command starts.
pub(crate) fn offloop_with<A: AsRef<OsStr>>(
    arguments: impl IntoIterator<Item = A>,
    prepare: impl FnOnce(&mut Command) -> &mut Command,
) -> Answer {
    let mut command = Command::new(env!("CARGO_BIN_EXE_offloop"));
    command.args(arguments).stdin(Stdio::null());
    let output = prepare(&mut command).output().unwrap();
    Answer {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}
