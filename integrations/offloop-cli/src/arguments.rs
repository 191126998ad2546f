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
    Check(Check),
    Init(Init),
    Recover(Recover),
    /// Writes the JSON Schema of configuration files, for editors
    ///
    /// Editors that know of it complete keys, say what they are for, and mark what is wrong. In TOML
    /// files, many look for it in a comment: `#:schema ./offloop.schema.json`.
    Schema,
    Verify(Verify),
}

/// Says whether a configuration is right, and what holds by it
///
/// Reads it as a program does that begins with `offloop::init()`: the file, its table for the
/// environment, and the variables that begin with OFFLOOP__ and RUST_LOG. Everything that is wrong is
/// told, with its place and what is right, in the tables of all environments.
///
/// What is written is TOML again: each key with its value, and as a comment who says so, and where a
/// relative path leads from here. An environment that no table is for, where others have one, is a
/// warning on standard error.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 the configuration is right; 1 something is wrong with it; \
    2 wrong usage, or the file could not be read.\n\n\
    Example: offloop check offloop.toml --env production"
)]
pub(crate) struct Check {
    /// The configuration file
    ///
    /// Without one, the file that the variable OFFLOOP_CONFIG names, or else ./offloop.toml if it is
    /// there.
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// The environment, such as production
    ///
    /// Without it, the one that OFFLOOP_ENV names, else APP_ENV, else production.
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Option<String>,

    /// Answer with one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Writes an example of a configuration file
///
/// It has every key with its default, and what it is for, as comments.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 it is written; 2 wrong usage, or it could not be written, since \
    the file is there already, for instance.\n\n\
    Example: offloop init"
)]
pub(crate) struct Init {
    /// Where to write it
    #[arg(value_name = "FILE", default_value = "offloop.toml")]
    pub(crate) file: PathBuf,

    /// Write over a file that is there already
    #[arg(long)]
    pub(crate) force: bool,
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
/// Reads log files of JSON lines, in all shapes that offloop writes, and looks for lines that are torn
/// or no JSON objects, for gaps and repetitions in the sequence numbers (for each process) where lines
/// carry them, and for losses that the log itself reports.
///
/// Without sequence numbers only what is torn or reported can be seen: switch them on for the sink
/// to know that nothing is missing, and say --strict where nothing less will do. What a process had not
/// written when it ended leaves no gap: it said so on standard error, or left it to be recovered, which is
/// said here where it lies in a usual directory.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit codes: 0 all is there, as far as it can be known; 1 something is missing, \
    torn, doubled or left to be recovered; 2 wrong usage, or it cannot be known: a file could not be read, or is in a \
    format that is not known, or, with --strict, records have no numbers.\n\n\
    Example: offloop verify logs/app.jsonl"
)]
pub(crate) struct Verify {
    /// Log files, or directories of them
    ///
    /// The active file of a log stands for the old ones beside it as well. An old file that is named
    /// stands for itself. Of a directory, all files are read but hidden ones, and directories in it.
    /// What is being compressed, or compressed already, is read once.
    ///
    /// Old files are read in the order of their names, others in that of their first records.
    /// Files that end in `.gz` or `.zst` are uncompressed on the way. `-` is standard input.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// The configuration of the program that wrote the log
    ///
    /// By it, keys are known that it gives other names.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The environment that the program ran in, such as production
    ///
    /// Without it, the one that OFFLOOP_ENV names, else APP_ENV, else production.
    #[arg(long, value_name = "NAME", requires = "config")]
    pub(crate) env: Option<String>,

    /// A key that the log has another name for, as in `--key seq=n`
    ///
    /// Its usual name is that in the shape `json`: timestamp, level, target, message, seq, pid, recovered,
    /// lost, unreadable or lines. May be said several times.
    #[arg(long = "key", value_name = "NAME=KEY", value_parser = renamed)]
    pub(crate) keys: Vec<(String, String)>,

    /// Be content with nothing less than sequence numbers in all records
    #[arg(long)]
    pub(crate) strict: bool,

    /// Answer with one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,

    /// How many findings to list one by one; all are counted
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub(crate) list: usize,
}

/// The keys that `verify` looks at.
const KEYS: [&str; 10] = [
    "timestamp",
    "level",
    "target",
    "message",
    "seq",
    "pid",
    "recovered",
    "lost",
    "unreadable",
    "lines",
];

fn renamed(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, key)) if KEYS.contains(&name) && !key.is_empty() => {
            Ok((name.to_owned(), key.to_owned()))
        }
        _ => Err(format!("write NAME=KEY with one of {}", KEYS.join(", "))),
    }
}
