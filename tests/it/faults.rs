//! Runs of a program some of whose system calls fail, or of which one is its last: see
//! `tests/child/anomaly.rs`.
//!
//! Which calls those are, strace is told: it counts the calls of each thread for itself.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use tempfile::TempDir;

use crate::child::{self, leftovers_in};
use crate::support::say_unchecked;

/// How many records the program logs.
pub(crate) const RECORDS: u64 = 200;

/// The figure that ends a program which hangs: of `timeout`, in seconds.
const HANG_SECONDS: &str = "120";

/// Which calls count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scope {
    /// Those that concern the log's directory, or the file in it that is written to.
    Log,
    /// All.
    Process,
}

/// Where a program has its log and its pages, whichever run of it.
pub(crate) struct Site {
    directory: TempDir,
    runtime: TempDir,
}

/// How a run ended.
pub(crate) struct Run {
    output: Output,
    trace: String,
}

/// Whether calls can be traced here.
pub(crate) fn is_traceable() -> bool {
    let is_there = Command::new("strace").arg("-V").output().is_ok();
    if !is_there {
        say_unchecked("strace is not installed");
    }
    is_there
}

impl Site {
    pub(crate) fn new() -> Site {
        let mut private = tempfile::Builder::new();
        let private = private.permissions(Permissions::from_mode(0o700));
        let runtime = private
            .tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir());
        Site {
            directory: tempfile::tempdir().unwrap(),
            runtime: runtime.unwrap(),
        }
    }

    /// Runs a scenario to its end.
    pub(crate) fn run(&self, scenario: [&str; 2]) -> Output {
        self.spawn(Command::new("timeout"), scenario)
    }

    /// The same, with this expression of strace's at work.
    pub(crate) fn run_traced(
        &self,
        scenario: [&str; 2],
        calls: &str,
        scope: Scope,
        inject: Option<&str>,
    ) -> Run {
        let trace = self.directory.path().join("trace");
        let mut strace = Command::new("timeout");
        strace.args(["--signal=KILL", HANG_SECONDS, "strace", "-f", "-qq", "-y"]);
        strace.args(["-s", "64", "-o"]).arg(&trace);
        strace.args(["-e", &format!("trace={calls}")]);
        // With a filter in the kernel other calls cost nothing. But then signals come to nothing.
        if inject.is_none_or(|inject| !inject.contains("signal")) {
            strace.arg("--seccomp-bpf");
        }
        if scope == Scope::Log {
            strace.arg("-P").arg(self.logs());
            strace.arg("-P").arg(self.logs().join("app.jsonl"));
        }
        if let Some(inject) = inject {
            strace.args(["-e", &format!("inject={inject}")]);
        }
        let output = self.spawn_with(strace, scenario);
        let trace = fs::read(&trace).unwrap();
        Run {
            output,
            trace: String::from_utf8_lossy(&trace).into_owned(),
        }
    }

    fn spawn(&self, mut around: Command, scenario: [&str; 2]) -> Output {
        around.args(["--signal=KILL", HANG_SECONDS]);
        self.spawn_with(around, scenario)
    }

    fn spawn_with(&self, mut around: Command, [scenario, kind]: [&str; 2]) -> Output {
        around
            .args([child::program(), Path::new(scenario), self.directory.path()])
            .arg(kind)
            .env("XDG_RUNTIME_DIR", self.runtime.path())
            .env("RUST_BACKTRACE", "0")
            .env_remove("RUST_LOG");
        around.output().unwrap()
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.directory.path().join("logs")
    }

    /// How many records were acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        let answers = fs::read(self.directory.path().join("answers"));
        let answers = answers.unwrap_or_default();
        let count = answers.first_chunk().copied();
        u64::from_le_bytes(count.unwrap_or_default())
    }

    /// What the program said at its end.
    pub(crate) fn answer(&self) -> Value {
        let answers = fs::read(self.directory.path().join("answers")).unwrap();
        serde_json::from_slice(answers.get(8..).unwrap_or_default()).unwrap_or_default()
    }

    /// What outlived the program.
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        leftovers_in(self.runtime.path())
    }

    /// All lines of the log, in the order in which its files ended. All of them must be whole.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let mut files = BTreeMap::new();
        let entries = fs::read_dir(self.logs()).into_iter().flatten();
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let (form, order) = order_of(&name);
            // What is compressed by half is there in whole as well.
            if form != Form::Partial {
                files
                    .entry(order)
                    .or_insert_with(BTreeMap::new)
                    .insert(form, path);
            }
        }
        let texts = files
            .values()
            .map(|forms| read(forms.first_key_value().unwrap().1));
        texts.flat_map(|text| parse(&text)).collect()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Plain,
    Compressed,
    Partial,
}

/// `app.2026-11-22T0330Z.3.jsonl`, perhaps with `.gz` or `.gz.partial`; `app.jsonl` is the last one.
fn order_of(name: &str) -> (Form, (String, u32)) {
    let parts: Vec<_> = name.split('.').collect();
    let form = match parts.last() {
        Some(&"gz") => Form::Compressed,
        Some(&"partial") => Form::Partial,
        _ => Form::Plain,
    };
    match parts[..] {
        [_, "jsonl"] => (form, ("active".to_owned(), 0)),
        [_, time, number, ..] => (form, (time.to_owned(), number.parse().unwrap())),
        _ => panic!("what is {name}?"),
    }
}

fn read(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "gz") {
        let mut text = String::new();
        let read = MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text);
        read.unwrap();
        return text;
    }
    String::from_utf8(bytes).unwrap()
}

pub(crate) fn parse(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'), "torn: {text}");
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(parse).collect()
}

impl Run {
    /// The run ended by itself, and nothing panicked.
    pub(crate) fn assert_ended(&self) {
        let errors = String::from_utf8_lossy(&self.output.stderr);
        let status = self.output.status;
        assert!(
            status.success() && !errors.contains("panicked"),
            "{status}: {errors}"
        );
    }

    pub(crate) fn was_killed(&self) -> bool {
        !self.output.status.success()
    }

    /// How many calls failed that were to fail.
    pub(crate) fn injected(&self) -> usize {
        self.trace.matches("(INJECTED)").count()
    }

    /// How often one thread made each call, at most.
    pub(crate) fn calls(&self) -> BTreeMap<String, usize> {
        let mut counts = HashMap::<_, usize>::new();
        for line in self.trace.lines() {
            let Some((thread, call)) = line.split_once(' ') else {
                continue;
            };
            let name = call.trim_start().split_once('(');
            // Not its second half, where another thread came between, nor the end of a thread.
            if let Some((name, _)) = name.filter(|(name, _)| !name.contains([' ', '<', '+'])) {
                *counts.entry((thread, name)).or_default() += 1;
            }
        }
        let mut calls = BTreeMap::new();
        for ((_, name), count) in counts {
            let most = calls.entry(name.to_owned()).or_default();
            *most = count.max(*most);
        }
        calls
    }
}

/// How often each number is in these lines, but for those that were written once more after a
/// failed sync. They are counted by the notice before them, not looked for until the one behind them: if
/// the new file could not be synced either, they hold such notices themselves.
pub(crate) fn counts(lines: &[Value]) -> BTreeMap<u64, usize> {
    let (mut counts, mut again) = (BTreeMap::new(), 0);
    for line in lines {
        if again != 0 {
            again -= 1;
        } else if line["message"] == "sync failed" {
            again = line["lines"].as_u64().unwrap();
        } else if let Some(number) = line["number"].as_u64() {
            *counts.entry(number).or_default() += 1;
        }
    }
    counts
}

#[test]
fn lines_written_again_twice_over_count_once() {
    let notice =
        |message: &str, lines: u64| serde_json::json!({"message": message, "lines": lines});
    let record = |number: u64| serde_json::json!({"message": "one", "number": number});
    let lines = [
        record(0),
        // A new file, which cannot be synced either,
        notice("sync failed", 1),
        record(0),
        notice("end of lines written again", 1),
        record(1),
        // and the next one.
        notice("sync failed", 4),
        notice("sync failed", 1),
        record(0),
        notice("end of lines written again", 1),
        record(1),
        notice("end of lines written again", 4),
        record(2),
    ];
    assert!(counts(&lines).into_iter().eq([(0, 1), (1, 1), (2, 1)]));
}
