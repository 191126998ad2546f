//! An example, run as its user would run it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// A running example.
pub(crate) struct Program {
    child: Child,
    directory: TempDir,
    complaints: JoinHandle<Vec<String>>,
    pub(crate) address: SocketAddr,
}

impl Program {
    /// Runs the example of this name, and waits until it says where it listens.
    pub(crate) fn start(name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new(example(name))
            .args(["--listen", "127.0.0.1:0"])
            .current_dir(&directory)
            .env_remove("RUST_LOG")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut lines = stderr.lines().map(Result::unwrap);
        // A complaint of offloop's is one write, and may come between two that make up a line.
        let mut said = String::new();
        let address = lines.find_map(|line| {
            said += line.split("offloop: ").next().unwrap_or_default();
            let (_, address) = said.rsplit_once("listening on http://")?;
            address.parse().ok()
        });
        // What it says later must not fill the pipe.
        let complaints = std::thread::spawn(move || lines.collect());
        Program {
            child,
            directory,
            complaints,
            address: address.expect("the example listens"),
        }
    }

    /// Ends it by SIGTERM, and gives the records of its requests.
    pub(crate) fn end(mut self) -> Vec<Value> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {:?}", self.complaints.join());
        let log = self.directory.path().join("logs/app.jsonl");
        let log = std::fs::read_to_string(log).unwrap();
        let records = log.lines().map(|line| serde_json::from_str(line).unwrap());
        let of_requests = |record: &Value| record["event.name"] == "http.server.request";
        records.filter(of_requests).collect()
    }
}

/// `cargo test` builds the examples into a directory beside that of the tests.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    profile.join("examples").join(name)
}
