//! The parent process: starts the children in turns and prints what they report.

use std::error::Error;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::bench::Bench;
use crate::contenders::Contender;
use crate::machine;
use crate::options::Options;
use crate::results::{Metrics, Results};
use crate::survival;

/// A child that takes longer than this hangs, and is ended.
const CHILD_TIMEOUT: Duration = Duration::from_secs(180);

pub fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    println!(
        "# Results\n\n{}; {} run(s) of each",
        machine::describe(),
        options.runs
    );
    let mut lost = Vec::new();
    for bench in &options.benches {
        let start = Instant::now();
        let results = measure(bench, options)?;
        println!("\n## {}: {}", bench.name, bench.about);
        let rows = (bench.report)(&results);
        lost.extend(rows.into_iter().map(|row| format!("{}: {row}", bench.name)));
        eprintln!("{}: {:.0} s", bench.name, start.elapsed().as_secs_f64());
    }
    if !lost.is_empty() {
        println!("\n## Where another logger is ahead of offloop\n");
        lost.iter().for_each(|row| println!("- {row}"));
    }
    if options.survival {
        survival::run(options)?;
    }
    Ok(())
}

/// Runs every contender in every variant, A B C A B C, so that a slow minute hits all of them.
fn measure(bench: &Bench, options: &Options) -> Result<Results, Box<dyn Error>> {
    let mut results = Results::default();
    let runs = options.runs.min(bench.runs_max);
    for run in 1..=runs {
        for variant in bench.variants {
            for contender in options
                .contenders
                .iter()
                .filter(|one| (bench.includes)(one, variant))
            {
                eprintln!("{} {variant} {} {run}/{runs}", bench.name, contender.name);
                let bytes = reference_bytes(&results, variant);
                let outcome = one(bench, contender, variant, bytes, options)?;
                results.add(contender.name, variant, outcome);
            }
        }
    }
    Ok(results)
}

/// The size of the file that offloop (or the baseline, without it) wrote: what plain writes must match.
fn reference_bytes(results: &Results, variant: &str) -> u64 {
    let bytes = |name| {
        results
            .figure(name, variant, "bytes")
            .map(|figure| figure.median as u64)
    };
    bytes("offloop")
        .or_else(|| bytes("tracing-appender-lossless"))
        .unwrap_or(0)
}

/// Runs one child in a directory of its own.
fn one(
    bench: &Bench,
    contender: &Contender,
    variant: &str,
    bytes: u64,
    options: &Options,
) -> Result<Result<Metrics, String>, Box<dyn Error>> {
    let directory = Directory::new(&options.directory)?;
    let mut child = Command::new(std::env::current_exe()?)
        .args(["child", bench.name, contender.name, variant])
        .arg(&directory.0)
        .arg(options.quick.to_string())
        .arg(bytes.to_string())
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let status = wait(&mut child, CHILD_TIMEOUT)?;
    // A child reports one short line, which the pipe holds until we read it here.
    let mut report = String::new();
    child
        .stdout
        .take()
        .ok_or("the child has no output")?
        .read_to_string(&mut report)?;
    Ok(match status {
        None => Err(format!("ended after {} s", CHILD_TIMEOUT.as_secs())),
        Some(status) if !status.success() => Err(format!("failed: {status}")),
        Some(_) => {
            serde_json::from_str(report.trim()).map_err(|error| format!("no report: {error}"))
        }
    })
}

/// `None` if the child took too long and was ended.
pub fn wait(child: &mut Child, timeout: Duration) -> Result<Option<ExitStatus>, Box<dyn Error>> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if deadline <= Instant::now() {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A fresh directory that is removed with all that a logger left in it.
pub struct Directory(pub PathBuf);

impl Directory {
    pub fn new(parent: &Path) -> Result<Directory, Box<dyn Error>> {
        let path = parent.join(format!("offloop-benches-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Directory(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("remove {}: {error}", self.0.display());
        }
    }
}
