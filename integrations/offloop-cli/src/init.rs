//! `offloop init`: an example of a configuration file.

use std::fs::OpenOptions;
use std::io::{self, Write};

use crate::Outcome;
use crate::arguments::Init;
use crate::tell::{self, harmless};

/// Lines that begin with `#` and a key are defaults, those with `#   ` are examples.
const EXAMPLE: &str = include_str!("example.toml");

pub(crate) fn run(arguments: &Init) -> Outcome {
    let path = harmless(&arguments.file.to_string_lossy());
    match write(arguments) {
        Ok(()) => {
            tell::answer(format!("{path} is written"));
            Outcome::Whole
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            tell::trouble(format!("{path} is there already; --force writes over it"));
            Outcome::Failed
        }
        Err(error) => {
            tell::trouble(format!("write {path}: {error}"));
            Outcome::Failed
        }
    }
}

fn write(arguments: &Init) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    if arguments.force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    options.open(&arguments.file)?.write_all(EXAMPLE.as_bytes())
}
