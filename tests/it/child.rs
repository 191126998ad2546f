//! Runs `tests/child/program.rs`, each time in a process of its own, and reads what it left behind.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::runtime_directory;

/// A program that takes longer hangs, and so does one whose descendants do.
const HANG: Duration = Duration::from_secs(60);

/// As this test was built.
const PROFILE: &str = if cfg!(debug_assertions) {
    "dev"
} else {
    "release"
};

static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| build(PROFILE));
static ABORTING_PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| build("abort"));

/// Builds the program, which is a matter of a moment if `cargo test` has built it before.
fn build(profile: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["build", "--example", "child", "--profile", profile])
        .arg("--message-format=json-render-diagnostics")
        .args([
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ])
        .arg("--target-dir")
        .arg(target)
        .output()
        .unwrap();
    let diagnostics = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "build of the child: {diagnostics}");
    let messages = String::from_utf8(output.stdout).unwrap();
    let executable = messages.lines().find_map(|message| {
        let message: Value = serde_json::from_str(message).unwrap();
        let is_child = message["target"]["name"] == "child";
        let executable = message["executable"].as_str()?;
        is_child.then(|| PathBuf::from(executable))
    });
    executable.unwrap()
}

/// The program while it runs.
pub(crate) struct Child {
    scenario: String,
    process: std::process::Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    answers: Vec<Value>,
    directory: TempDir,
    /// Where its pages are that outlive it: on a tmpfs, if there is one.
    runtime: TempDir,
}

/// What is left of the program.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
    /// What it said on stdout.
    answers: Vec<Value>,
    pub(crate) directory: TempDir,
    runtime: TempDir,
}

/// The program, for who starts it in his own way.
pub(crate) fn program() -> &'static Path {
    &PROGRAM
}

/// Runs a scenario to its end.
pub(crate) fn run(scenario: &[&str]) -> Ended {
    start(&PROGRAM, scenario).end()
}

/// The same in a program that was built with `panic = "abort"`.
pub(crate) fn run_aborting(scenario: &[&str]) -> Ended {
    start(&ABORTING_PROGRAM, scenario).end()
}

pub(crate) fn begin(scenario: &[&str]) -> Child {
    start(&PROGRAM, scenario)
}

/// The same scenario of the next start, after `before` has ended.
pub(crate) fn begin_next(before: Ended, scenario: &[&str]) -> Child {
    start_in(&PROGRAM, scenario, before.directory, before.runtime)
}

fn start(program: &Path, scenario: &[&str]) -> Child {
    let directory = tempfile::tempdir().unwrap();
    start_in(program, scenario, directory, runtime_directory())
}

fn start_in(program: &Path, scenario: &[&str], directory: TempDir, runtime: TempDir) -> Child {
    let mut process = Command::new(program)
        .arg(scenario[0])
        .arg(directory.path())
        .args(&scenario[1..])
        .env("RUST_BACKTRACE", "0")
        .env("XDG_RUNTIME_DIR", runtime.path())
        .env_remove("RUST_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // So that its own children can be ended with it.
        .process_group(0)
        .spawn()
        .unwrap();
    let stdout = lines_of(process.stdout.take().unwrap());
    let stderr = lines_of(process.stderr.take().unwrap());
    Child {
        scenario: scenario.join(" "),
        process,
        stdout,
        stderr,
        answers: Vec::new(),
        directory,
        runtime,
    }
}

/// Reads lines as they come. The end comes once no process has the other end of the pipe.
fn lines_of(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n') {
            let line = String::from_utf8_lossy(&line.unwrap()).into_owned();
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

impl Child {
    /// Waits until the program says `answer`.
    pub(crate) fn wait_for(&mut self, answer: &Value) {
        while self.answers.last() != Some(answer) {
            let line = self.stdout.recv_timeout(HANG);
            let Ok(line) = line else { self.fail() };
            self.answers.push(serde_json::from_str(&line).unwrap());
        }
    }

    /// What the program says next; `None` once it has ended.
    pub(crate) fn next_answer(&mut self) -> Option<Value> {
        match self.stdout.recv_timeout(HANG) {
            Ok(line) => {
                self.answers.push(serde_json::from_str(&line).unwrap());
                self.answers.last().cloned()
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => self.fail(),
        }
    }

    /// Where its log is.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Waits until something is so.
    pub(crate) fn wait_until(&mut self, is_so: impl Fn(&Child) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            if HANG < begun.elapsed() {
                self.fail();
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The whole lines of its log so far.
    pub(crate) fn records(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.directory.path().join("app.jsonl")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let parsed = whole.lines().map(serde_json::from_str);
        parsed.collect::<Result<_, _>>().unwrap()
    }

    /// Lets a program go on that waits for its stdin to end.
    pub(crate) fn close_stdin(&mut self) {
        self.process.stdin = None;
    }

    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).unwrap();
    }

    /// Waits until the program and all processes that it left behind have ended.
    pub(crate) fn end(mut self) -> Ended {
        loop {
            match self.stdout.recv_timeout(HANG) {
                Ok(line) => self.answers.push(serde_json::from_str(&line).unwrap()),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => self.fail(),
            }
        }
        let status = self.process.wait().unwrap();
        Ended {
            status,
            stderr: self.stderr.iter().collect::<Vec<_>>().join("\n"),
            answers: self.answers,
            directory: self.directory,
            runtime: self.runtime,
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    /// Ends the program, and the test: says what it was doing.
    fn fail(&mut self) -> ! {
        let threads = threads_of(self.process.id());
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let stderr: Vec<_> = self.stderr.iter().collect();
        let (scenario, answers) = (&self.scenario, &self.answers);
        panic!("{scenario} hangs\nthreads: {threads:#?}\nsaid: {answers:?}\nstderr: {stderr:#?}");
    }
}

/// The names of a process's threads, and where in the kernel each of them waits.
fn threads_of(process: u32) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{process}/task"));
    let threads = threads.into_iter().flatten().flatten();
    threads
        .map(|thread| {
            let read = |file| fs::read_to_string(thread.path().join(file)).unwrap_or_default();
            format!("{}: {}", read("comm").trim(), read("syscall").trim())
        })
        .collect()
}

impl Ended {
    /// The program returned from `main`, or called `exit(0)`.
    #[track_caller]
    pub(crate) fn assert_success(&self) {
        assert!(self.status.success(), "{}: {}", self.status, self.stderr);
    }

    #[track_caller]
    pub(crate) fn assert_signal(&self, signal: Signal) {
        let by = self.status.signal();
        assert_eq!(
            by,
            Some(signal.as_raw()),
            "{}: {}",
            self.status,
            self.stderr
        );
    }

    /// What is left of its pages, and of those of its descendants.
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        leftovers_in(self.runtime.path())
    }

    /// What the program said under this key.
    pub(crate) fn answers(&self, key: &str) -> Vec<&Value> {
        self.answers
            .iter()
            .filter_map(|answer| answer.get(key))
            .collect()
    }

    /// Every line of its log, all of which must be whole.
    #[track_caller]
    pub(crate) fn records(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.directory.path().join("app.jsonl")).unwrap_or_default();
        assert!(text.is_empty() || text.ends_with('\n'), "torn: {text:?}");
        let parsed = text.lines().map(serde_json::from_str);
        parsed.collect::<Result<_, _>>().unwrap()
    }

    /// The numbers of its records, in the order of the file, by the process that logged them. The
    /// program itself is process 0.
    #[track_caller]
    pub(crate) fn numbers_by_process(&self) -> BTreeMap<u64, Vec<u64>> {
        let mut numbers = BTreeMap::<_, Vec<_>>::new();
        for record in self.records() {
            if let (Some(process), Some(number)) =
                (record["process"].as_u64(), record["number"].as_u64())
            {
                numbers.entry(process).or_default().push(number);
            }
        }
        numbers
    }

    /// The numbers of records, whoever logged them.
    #[track_caller]
    pub(crate) fn numbers(&self) -> Vec<u64> {
        let records = self.records();
        records
            .iter()
            .filter_map(|record| record["number"].as_u64())
            .collect()
    }

    /// What the program counted adds up, and there is such a count.
    #[track_caller]
    pub(crate) fn assert_stats_add_up(&self) {
        let stats = self.answers("stats");
        assert!(!stats.is_empty(), "no stats: {}", self.stderr);
        for stats in stats {
            let ended = ["written", "filtered", "waiting", "lost"];
            let ended: u64 = ended.iter().map(|key| stats[key].as_u64().unwrap()).sum();
            assert_eq!(stats["accepted"].as_u64(), Some(ended), "{stats}");
        }
    }
}

/// The leftovers of programs that have this runtime directory. A file that was not even begun with
/// when its process was killed holds nothing, and stays for a minute.
pub(crate) fn leftovers_in(runtime: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(runtime.join("offloop"));
    let entries = entries.into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_none_or(|end| end != "new"))
        .collect()
}
