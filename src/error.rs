//! What can fail while a pipeline is built.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a pipeline could not be built.
///
/// The message says what was tried, on what, and what the system answered, so that printing the
/// error alone is enough:
///
/// ```text
/// open log file "logs/app.jsonl": Permission denied (os error 13)
/// ```
///
/// As that answer is part of the message, [`source`](std::error::Error::source) goes on beneath it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The directory of a log file does not exist and could not be created.
    CreateDirectory {
        /// The directory, as the program named it.
        path: PathBuf,
        /// What the system answered.
        cause: io::Error,
    },
    /// A log file could not be opened or created.
    OpenFile {
        /// The file, as the program named it.
        path: PathBuf,
        /// What the system answered.
        cause: io::Error,
    },
    /// A writer serves one pipeline, and this one has been given to another.
    WriterTaken,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::CreateDirectory { path, cause } => {
                write!(formatter, "create log directory {path:?}: {cause}")
            }
            Error::OpenFile { path, cause } => {
                write!(formatter, "open log file {path:?}: {cause}")
            }
            Error::WriterTaken => formatter.write_str("open writer: another pipeline has it"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::CreateDirectory { cause, .. } | Error::OpenFile { cause, .. } => cause.source(),
            Error::WriterTaken => None,
        }
    }
}
