//! The command line.

use std::path::PathBuf;

use crate::bench::{self, Bench};
use crate::contenders::{self, Contender};

const USAGE: &str = "usage: offloop-benches BENCH... [--only a,b] [--quick] [--runs N] [--dir DIR]
  BENCH   call | request | middleware | disabled | throughput | idle | stall | memory |
          allocations | pages | redaction | instructions | survival | all
  --only  contenders, by name (see `offloop-benches --list`)
  --quick fewer samples and one run: a sanity check, not a result
  --runs  how often each contender runs, in turns (default 3)
  --dir   where log files go (default: the system's temporary directory)";

pub struct Options {
    pub benches: Vec<&'static Bench>,
    /// Whether to look at what is left of a program's last records, after the benches.
    pub survival: bool,
    pub contenders: Vec<&'static Contender>,
    pub quick: bool,
    pub runs: usize,
    pub directory: PathBuf,
}

impl Options {
    pub fn parse(arguments: &[String]) -> Result<Options, String> {
        let mut options = Options {
            benches: Vec::new(),
            survival: false,
            contenders: contenders::ALL.to_vec(),
            quick: false,
            runs: 0,
            directory: std::env::temp_dir(),
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or(format!("{argument} needs a value\n{USAGE}"))
            };
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--only" => options.contenders = named(value()?)?,
                "--runs" => options.runs = value()?.parse().map_err(|_| USAGE.to_owned())?,
                "--dir" => options.directory = PathBuf::from(value()?),
                "--list" => return Err(list()),
                "survival" => options.survival = true,
                "all" => (options.benches, options.survival) = (bench::ALL.to_vec(), true),
                name => options.benches.push(bench::find(name).ok_or(USAGE)?),
            }
        }
        if options.benches.is_empty() && !options.survival {
            return Err(USAGE.to_owned());
        }
        if options.runs == 0 {
            options.runs = if options.quick { 1 } else { 3 };
        }
        Ok(options)
    }
}

fn named(names: &str) -> Result<Vec<&'static Contender>, String> {
    let find =
        |name| contenders::find(name).ok_or_else(|| format!("no contender {name}\n{}", list()));
    names.split(',').map(find).collect()
}

fn list() -> String {
    let line = |contender: &&Contender| format!("  {:26} {}\n", contender.name, contender.about);
    format!(
        "contenders:\n{}",
        contenders::ALL.iter().map(line).collect::<String>()
    )
}
