//! The real logrotate, while a program logs.
//!
//! Where logrotate is not installed these tests say so and check nothing.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use offloop::{Builder, OnHangup, Overflow, Sink};
use tempfile::{TempDir, tempdir};

use crate::log_files::LogFiles;
use crate::support::{PATIENCE, has_played, is_long, say_unchecked, spawn_child, wait_until};

fn runs() -> usize {
    if is_long() { 1_000 } else { 10 }
}

/// A program that logs, and the logrotate that is let loose on its file.
struct Scene {
    directory: TempDir,
    path: PathBuf,
    program: Child,
}

impl Scene {
    /// `None` without logrotate.
    fn start<F: FnOnce()>(scenario: F) -> Option<Scene> {
        if Command::new("logrotate").arg("--version").output().is_err() {
            say_unchecked("logrotate is not installed");
            return None;
        }
        let directory = tempdir().unwrap();
        let path = directory.path().join("app.jsonl");
        let program = start_program(&path, scenario);
        Some(Scene {
            directory,
            path,
            program,
        })
    }

    /// Runs logrotate with these directives until it has rotated the file that often.
    fn rotate(&self, directives: &str) {
        for _ in 0..runs() {
            // There is nothing to rotate in an empty file.
            let has_lines = || fs::metadata(&self.path).is_ok_and(|file| file.len() != 0);
            wait_until(has_lines);
            self.rotate_once(&format!("rotate {}\n{directives}", runs() + 1));
        }
    }

    fn rotate_once(&self, directives: &str) {
        let (configuration, state) = (self.beside("configuration"), self.beside("state"));
        let text = format!("{:?} {{\n{directives}\n}}\n", self.path);
        let mut options = fs::OpenOptions::new();
        // Others may not write to it, or it is refused.
        let options = options.create(true).write(true).truncate(true).mode(0o600);
        io::Write::write_all(&mut options.open(&configuration).unwrap(), text.as_bytes()).unwrap();
        let output = Command::new("logrotate")
            .args(["--force", "--state"])
            .args([&state, &configuration])
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Ends the program. Returns how many records it logged, and what is in the files.
    fn end(mut self) -> (u64, LogFiles) {
        drop(self.program.stdin.take());
        let mut said = String::new();
        let mut stdout = self.program.stdout.take().unwrap();
        stdout.read_to_string(&mut said).unwrap();
        assert!(has_played(self.program.wait().unwrap()));
        let logged = said.lines().find_map(|line| line.strip_prefix("logged "));
        let logged = logged.unwrap().parse().unwrap();
        (logged, LogFiles::read(self.directory.path()))
    }
}

fn start_program<F: FnOnce()>(path: &Path, scenario: F) -> Child {
    let prepare = |command: &mut Command| {
        command.env("LOG_PATH", path);
        command.stdout(Stdio::piped()).stderr(Stdio::inherit());
    };
    spawn_child(prepare, scenario)
}

fn builder() -> Builder {
    let path = PathBuf::from(std::env::var_os("LOG_PATH").unwrap());
    offloop::builder().sink(Sink::file(path).with_process())
}

/// Logs until its stdin is closed.
fn log_until_told(builder: Builder) {
    let builder = builder.overflow(Overflow::Block { at_most: PATIENCE });
    let guard = builder.init().unwrap();
    let stdin = thread::spawn(|| io::copy(&mut io::stdin(), &mut io::sink()));
    let mut number = 0_u64;
    while !stdin.is_finished() {
        for _ in 0..20 {
            tracing::info!(number, text = "what a request might have to say", "work");
            number += 1;
        }
        // A server under load, not one that does nothing but log.
        thread::sleep(Duration::from_millis(1));
    }
    let report = guard.shutdown(PATIENCE);
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.written, number);
    tell(number);
}

#[expect(clippy::print_stdout, reason = "stdout is how it answers the test")]
fn tell(number: u64) {
    println!("\nlogged {number}");
}

#[test]
fn a_file_that_is_renamed_under_load_is_left_for_the_new_one_and_no_line_is_lost() {
    let Some(scene) = Scene::start(|| log_until_told(builder())) else {
        return;
    };
    scene.rotate("create 0640\n");
    let (logged, files) = scene.end();
    assert_eq!(files.paths().count(), runs() + 1);
    files.assert_once(1, logged);
}

#[test]
fn a_file_that_nobody_creates_anew_is_created_by_the_program() {
    let Some(scene) = Scene::start(|| log_until_told(builder())) else {
        return;
    };
    scene.rotate("nocreate\n");
    let (logged, files) = scene.end();
    assert_eq!(files.paths().count(), runs() + 1);
    files.assert_once(1, logged);
}

#[test]
fn a_file_that_is_renamed_and_a_hangup_lose_no_line_either() {
    let Some(scene) = Scene::start(|| log_until_told(builder().on_hangup(OnHangup::Reopen))) else {
        return;
    };
    let process = scene.program.id();
    scene.rotate(&format!(
        "create 0640\npostrotate\nkill -HUP {process}\nendscript\n"
    ));
    let (logged, files) = scene.end();
    assert_eq!(files.paths().count(), runs() + 1);
    files.assert_once(1, logged);
}

/// What is logged between logrotate's copy and its truncation is lost. Since logrotate asks nobody
/// for a lock, its copy may end within a line that is just being written; the rest of that line is
/// lost as well. Nothing else is.
#[test]
fn a_file_that_is_truncated_under_load_has_neither_holes_nor_torn_nor_doubled_lines() {
    let Some(scene) = Scene::start(|| log_until_told(builder())) else {
        return;
    };
    scene.rotate("copytruncate\n");
    let active = scene.path.clone();
    let (logged, mut files) = scene.end();
    let torn_copies = files.cut_torn_ends(&active);
    assert_eq!(files.paths().count(), runs() + 1);
    let counts = files.counts();
    assert!(counts.values().all(|count| *count == 1));
    assert!(counts.keys().all(|(_, number)| *number < logged));
    // What is missing is missing between two files, never within one.
    for numbers in files.numbers() {
        assert!(numbers.windows(2).all(|pair| pair[0].1 + 1 == pair[1].1));
    }
    let lost = logged - counts.len() as u64;
    tell_loss(&format!(
        "copytruncate, {} runs: {lost} of {logged} records lost, {torn_copies} copies end within a line",
        runs()
    ));
}

#[expect(clippy::print_stdout, reason = "a figure for who asks for it")]
fn tell_loss(loss: &str) {
    println!("{loss}");
}
