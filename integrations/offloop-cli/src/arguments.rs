//! What may be typed, and what the help says of it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Looks after the log files of programs that log with offloop.
#[derive(Debug, Parser)]
#[command(name = "offloop", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Recover(Recover),
    Verify(Verify),
}

/// Writes what dead processes left behind to their log files
///
/// A process that is killed leaves the records that it had not written in memory that outlives it.
/// They are written when the program starts again. This is for those that will not, or not soon.
/// Each record is written once, whoever else does the same at the same time. What belongs to a
/// living process is left alone.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 all is written, or there was nothing; 1 something could not \
    be written or read, or, with --list, dead processes left something; 2 wrong usage, or a \
    directory could not be read.\n\n\
    Example: offloop recover logs/app.jsonl"
)]
pub(crate) struct Recover {
    /// A log file, or a leftover (as --list names them), or a directory of them
    ///
    /// Without any, everything that processes of this user left.
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Only say what is there, whose it is, and whether that process lives
    #[arg(long, conflicts_with = "paths")]
    pub(crate) list: bool,

    /// Answer with JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Says whether all records are there
///
/// Reads log files of JSON lines and looks for lines that are torn or no JSON objects, for gaps and
/// repetitions in the sequence numbers (`seq`, for each `pid`) where lines carry them, and for
/// losses that the log itself reports.
///
/// Without sequence numbers only what is torn or reported can be seen: switch them on for the sink
/// to know that nothing is missing.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 all is there; 1 something is missing, torn or doubled; \
    2 wrong usage, or a file could not be read.\n\n\
    Example: offloop verify logs/app*.jsonl*"
)]
pub(crate) struct Verify {
    /// The files of one log: the active one and those that were rotated, in any order
    ///
    /// Old files are read in the order of their names, others in that of their first records.
    /// Files that end in `.gz` or `.zst` are uncompressed on the way. `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Answer with one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,

    /// How many findings to list one by one; all are counted
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub(crate) list: usize,
}
