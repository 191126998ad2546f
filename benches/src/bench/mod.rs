//! The measurements. Each has a part that runs in a contender's process and a part that reports.

mod allocations;
mod call;
mod detail;
mod disabled;
mod idle;
pub mod instructions;
mod layers;
mod memory;
mod middleware;
mod pages;
mod redaction;
mod request;
mod side;
mod stall;
mod throughput;

use std::error::Error;
use std::path::PathBuf;

use crate::contenders::{self, Contender, Setup};
use crate::results::{Metrics, Results};

/// One measurement.
pub struct Bench {
    pub name: &'static str,
    pub about: &'static str,
    /// More runs would only take longer.
    pub runs_max: usize,
    /// Each contender runs once per variant.
    pub variants: &'static [&'static str],
    pub includes: fn(&Contender, &str) -> bool,
    pub child: fn(&Job) -> Result<Metrics, Box<dyn Error>>,
    /// Prints the tables, and returns where offloop is not the first.
    pub report: fn(&Results) -> Vec<String>,
}

/// What a child process has to do.
pub struct Job {
    pub contender: &'static Contender,
    pub variant: String,
    pub directory: PathBuf,
    pub quick: bool,
    /// The size of the file that plain writes have to match.
    pub bytes: u64,
}

pub const ALL: &[&Bench] = &[
    &call::BENCH,
    &request::BENCH,
    &middleware::BENCH,
    &disabled::BENCH,
    &throughput::BENCH,
    &idle::BENCH,
    &stall::BENCH,
    &memory::BENCH,
    &allocations::BENCH,
    &pages::BENCH,
    &redaction::BENCH,
    &instructions::BENCH,
    &detail::BENCH,
    &layers::BENCH,
];

/// The names by which the tables' ratios refer to the two peers that the bars are set by.
const BASELINE: &str = "tracing-appender";
const RIVAL: &str = "ticklog";

pub fn find(name: &str) -> Option<&'static Bench> {
    ALL.iter().copied().find(|bench| bench.name == name)
}

/// Runs in the child: measures, and reports as one line of JSON on stdout.
pub fn child(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [bench, contender, variant, directory, quick, bytes] = arguments else {
        return Err("child: wrong number of arguments".into());
    };
    let job = Job {
        contender: contenders::find(contender).ok_or("child: no such contender")?,
        variant: variant.clone(),
        directory: PathBuf::from(directory),
        quick: quick.parse()?,
        bytes: bytes.parse()?,
    };
    let metrics = (find(bench).ok_or("child: no such bench")?.child)(&job)?;
    report(&metrics)
}

fn report(metrics: &Metrics) -> Result<(), Box<dyn Error>> {
    use std::io::Write;
    let mut output = std::io::stdout().lock();
    serde_json::to_writer(&mut output, metrics)?;
    output.flush()?;
    Ok(())
}

impl Job {
    fn setup(&self, lossless: bool) -> Setup {
        Setup {
            directory: self.directory.clone(),
            lossless,
            filter: "info".to_owned(),
        }
    }

    /// `full` samples, or a tenth of them in a quick run.
    fn samples(&self, full: usize) -> usize {
        if self.quick { (full / 10).max(1) } else { full }
    }
}

/// Everybody who logs, whatever the variant.
fn loggers(contender: &Contender, _: &str) -> bool {
    contender.name != "plain-writes"
}
