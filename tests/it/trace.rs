//! Children whose system calls are traced, and fail where that is wanted.
//!
//! Whether a line is on the disk cannot be seen from here. What can be seen, by strace, is what the
//! kernel was asked to do, in which order, and what it answered; and strace can make it answer that
//! the disk failed.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Command;

use offloop::AuditError;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{in_child_with, json_lines, json_lines_among, wrap};

/// Where a child finds its directory.
const DIRECTORY: &str = "OFFLOOP_DIRECTORY";

/// What a child that was traced left behind.
pub(crate) struct Traced {
    pub(crate) directory: TempDir,
    /// The calls of all its threads, in order.
    pub(crate) calls: Vec<String>,
    stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// Plays `scenario` in a child, with a fault that strace injects into its system calls. `None` where
/// there is no strace.
pub(crate) fn traced<F: FnOnce()>(faults: &[&str], scenario: F) -> Option<Traced> {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("trace");
    if Command::new("strace").arg("-V").output().is_err() {
        let _ = writeln!(io::stderr(), "skipped: there is no strace");
        return None;
    }
    let output = in_child_with(
        |command| {
            let mut strace = Command::new("strace");
            strace.args(["-f", "-qq", "-y", "-s", "256", "-o"]);
            strace.arg(&trace).args([
                "-e",
                "trace=fdatasync,fsync,write,close,rename,renameat2,getppid",
            ]);
            for fault in faults {
                strace.args(["-e", &format!("inject={fault}")]);
            }
            command.env(DIRECTORY, directory.path());
            wrap(command, strace);
        },
        scenario,
    );
    let calls = fs::read_to_string(trace).unwrap();
    Some(Traced {
        directory,
        calls: completed(&calls),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
    })
}

/// The calls in the order in which they were completed, without the numbers of the threads.
fn completed(trace: &str) -> Vec<String> {
    let lines = trace.lines().filter_map(|line| line.split_once(' '));
    let mut begun = HashMap::new();
    let mut calls = Vec::new();
    for (thread, call) in lines {
        let call = call.trim_start();
        if let Some(first) = call.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, first.to_owned());
        } else if let Some((_, rest)) = call.split_once(" resumed>") {
            let first = begun.remove(thread).unwrap_or_default();
            calls.push(first + rest);
        } else {
            calls.push(call.to_owned());
        }
    }
    calls
}

impl Traced {
    pub(crate) fn places(&self, is_meant: impl Fn(&str) -> bool) -> Vec<usize> {
        let calls = self.calls.iter().enumerate();
        let meant = calls.filter(|(_, call)| is_meant(call));
        meant.map(|(place, _)| place).collect()
    }

    /// How often the data of a file was synced.
    pub(crate) fn syncs(&self) -> usize {
        self.places(|call| call.starts_with("fdatasync(")).len()
    }

    /// The records of the file that still has its name.
    pub(crate) fn active(&self) -> Vec<Value> {
        json_lines(&fs::read_to_string(self.directory.path().join("app.jsonl")).unwrap())
    }

    /// The files that were set aside, by name.
    pub(crate) fn set_aside(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.directory.path()).unwrap();
        let names = files.map(|file| file.unwrap().path());
        let mut names: Vec<_> = names
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "jsonl")
            })
            .filter(|path| !path.ends_with("app.jsonl"))
            .collect();
        names.sort();
        names
    }

    /// The numbers of the records whose receipts said yes, and of those whose sync failed.
    pub(crate) fn answers(&self) -> (Vec<u64>, Vec<u64>) {
        let with = |answer: &str| {
            let meant = self.told().into_iter();
            numbers(
                &meant
                    .filter(|told| told["answer"] == answer)
                    .collect::<Vec<_>>(),
            )
        };
        (with("Ok"), with("NotDurable"))
    }

    /// What the child told, one JSON value after the other.
    pub(crate) fn told(&self) -> Vec<Value> {
        json_lines_among(&self.stdout)
    }
}

/// The directory that a child shares with its parent.
pub(crate) fn directory() -> PathBuf {
    std::env::var_os(DIRECTORY).unwrap().into()
}

/// A mark in the trace: nothing else asks for the parent.
pub(crate) fn mark() {
    let _ = rustix::process::getppid();
}

/// Tells the parent how a receipt ended.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
pub(crate) fn tell(number: u64, answer: Result<(), AuditError>) {
    let answer = answer.map_or_else(|error| format!("{error:?}"), |()| "Ok".to_owned());
    let told = serde_json::json!({ "number": number, "answer": answer });
    println!("{told}");
}

pub(crate) fn numbers(lines: &[Value]) -> Vec<u64> {
    lines
        .iter()
        .filter_map(|line| line["number"].as_u64())
        .collect()
}
