//! One contender's turn: a server, a load, a log, and what was measured.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::count::Lines;
use crate::load::{self, Answers};
use crate::logger::Contender;
use crate::options::Options;
use crate::pipe::Pipe;
use crate::progress::Progress;
use crate::schedule::{PATIENCE, STALL};
use crate::server::{LISTENING, SUMMARY};

/// Between the server's start and the first request.
const BREATH: Duration = Duration::from_millis(100);

pub(crate) struct Measured {
    pub(crate) answers: Answers,
    /// Records handed to the logger.
    pub(crate) accepted: u64,
    /// What the log holds.
    pub(crate) lines: Lines,
    /// What the logger itself says.
    pub(crate) lost_reported: u64,
    pub(crate) memory_kib_max: u64,
    pub(crate) log: PathBuf,
}

pub(crate) fn run(
    contender: Contender,
    options: &Options,
    directory: &Path,
    progress: &mut Progress,
) -> Result<Measured, Failure> {
    let log = directory.join(contender.name()).with_extension("jsonl");
    let pipe = Pipe::open(
        directory.join(contender.name()).with_extension("fifo"),
        &log,
    )?;
    let server = Server::start(contender, pipe.path(), options.events_per_request)?;
    let address = server.line_after(LISTENING)?.parse()?;

    let start = Instant::now() + BREATH;
    pipe.stall(start + STALL.start..start + STALL.end);
    let rate = options.requests_per_second;
    let load = thread::spawn(move || load::drive(address, rate, start));
    progress.watch(start, || load.is_finished());
    let answers = load.join().map_err(|_| "the load generator panicked")?;

    let summary = server.stop()?;
    pipe.finish()?;
    let records_per_request = match contender {
        Contender::Off => 0,
        _ => options.events_per_request + 1,
    };
    Ok(Measured {
        answers,
        accepted: summary.answered * records_per_request,
        lines: Lines::count(&log)?,
        lost_reported: summary.lost,
        memory_kib_max: summary.memory_kib_max,
        log,
    })
}

/// The child process.
struct Server {
    process: Child,
    lines: Receiver<String>,
}

struct Summary {
    answered: u64,
    lost: u64,
    memory_kib_max: u64,
}

impl Server {
    fn start(contender: Contender, fifo: &Path, events: u64) -> Result<Self, Failure> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("serve")
            .arg(contender.name())
            .arg(fifo)
            .arg(events.to_string())
            .env_remove("RUST_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process
            .stdout
            .take()
            .ok_or("the server has no standard output")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                _ = sender.send(line);
            }
        });
        Ok(Self { process, lines })
    }

    /// Waits for a line that starts with `prefix`, and returns the rest of it.
    fn line_after(&self, prefix: &str) -> Result<String, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let patience = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(patience);
            let line = line.map_err(|_| format!("the server never said {:?}", prefix.trim()))?;
            if let Some(rest) = line.strip_prefix(prefix) {
                return Ok(rest.to_owned());
            }
        }
    }

    fn stop(mut self) -> Result<Summary, Failure> {
        drop(self.process.stdin.take());
        let summary = self.line_after(SUMMARY)?;
        let numbers: Vec<u64> = summary
            .split(' ')
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        let [answered, lost, memory_kib_max] = numbers[..] else {
            return Err(format!("the server's summary makes no sense: {summary}").into());
        };
        Ok(Summary {
            answered,
            lost,
            memory_kib_max,
        })
    }
}

impl Drop for Server {
    /// After its summary a server ends by itself; if it failed or hangs, it must not stay.
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
