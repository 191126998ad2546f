//! The command `offloop`: is the configuration right, are all records there, and what did a crash
//! leave behind.

mod arguments;
mod check;
mod init;
mod recover;
mod tell;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Check(arguments) => check::run(&arguments).into(),
        Command::Init(arguments) => init::run(&arguments).into(),
        Command::Recover(arguments) => recover::run(&arguments).into(),
        Command::Schema => {
            tell::answer(format!("{:#}", offloop::Config::schema()));
            Outcome::Whole.into()
        }
        Command::Verify(arguments) => verify::run(&arguments).into(),
    }
}

/// How a command ended, as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// All is there, or right.
    Whole,
    /// Something is missing, torn, doubled, left, or wrong.
    Wanting,
    /// The question could not be answered. `clap` ends with the same code on wrong usage.
    Failed,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        ExitCode::from(match outcome {
            Outcome::Whole => 0,
            Outcome::Wanting => 1,
            Outcome::Failed => 2,
        })
    }
}
