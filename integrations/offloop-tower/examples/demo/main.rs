//! A web server under load whose log's reader stands still for three seconds: five loggers, one
//! after the other, each in a process of its own.
//!
//! `cargo run --release -p offloop-tower --example demo`, and with `-- --help` its options.
//!
//! This process sends the requests and reads the log, the server and its logger live in a child:
//!
//!     load.rs  ── HTTP ──▶  server.rs + logger.rs  ── FIFO ──▶  pipe.rs ──▶ a file
//!     this process          child                               this process

#![expect(clippy::print_stdout, reason = "a program for a terminal")]

mod options;
mod schedule;

mod load;
mod logger;
mod pipe;
mod server;

mod contest;
mod count;
mod progress;
mod report;

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use contest::Measured;
use logger::Contender;
use options::{Command, Options};
use progress::Progress;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<ExitCode, Failure> {
    match Command::parse(std::env::args().skip(1))? {
        Command::Help => {
            println!("{}", options::HELP);
            Ok(ExitCode::SUCCESS)
        }
        Command::Serve {
            contender,
            fifo,
            events,
        } => {
            server::serve(contender, &fifo, events)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Contest(options) => contest(&options),
    }
}

fn contest(options: &Options) -> Result<ExitCode, Failure> {
    let directory = directory()?;
    println!("{}\n", options.describe());
    let mut progress = Progress::new(options.contenders.len());
    let mut rows = Vec::new();
    for &contender in &options.contenders {
        progress.next(contender.title());
        let result = contest::run(contender, options, &directory, &mut progress);
        rows.push((contender, result));
    }
    progress.clear();
    report::print(&rows);
    let is_complete = rows.iter().all(|(_, row)| row.is_ok());
    Ok(if is_complete {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

type Row = (Contender, Result<Measured, Failure>);

/// Where the logs go: `target/demo`, if this program lies where cargo puts examples.
fn directory() -> Result<PathBuf, Failure> {
    let program = std::env::current_exe()?;
    let examples = program
        .parent()
        .filter(|parent| parent.ends_with("examples"));
    let target = examples.and_then(|examples| examples.ancestors().nth(2));
    let directory = match target {
        Some(target) => target.join("demo"),
        None => std::env::temp_dir().join("offloop-demo"),
    };
    fs::create_dir_all(&directory)?;
    Ok(directory)
}
