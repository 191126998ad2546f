//! What becomes of a leftover: removed once nothing of it is left, set aside where something in it
//! cannot be read, but never removed with records that somebody may miss.

use std::fs;
use std::io;
use std::path::Path;

use super::leftover::LeftoverFile;
use crate::channel::arena::layout::{MAGIC, VERSION, header, read_u32};
use crate::channel::arena::name;

/// What became of a leftover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Some sink has something left to write.
    NotYet,
    Removed,
    /// Something in it could not be read.
    SetAside,
}

impl LeftoverFile {
    /// Removes the file if no sink has anything left to write, or sets it aside for somebody to look
    /// at if something in it could not be read.
    pub(super) fn end_if_done(&self) -> io::Result<Ended> {
        if self.is_left_for(self.sinks.iter().map(|sink| sink.place))? {
            return Ok(Ended::NotYet);
        }
        let (ended, outcome) = if self.is_damaged() {
            (set_aside(&self.path), Ended::SetAside)
        } else {
            (fs::remove_file(&self.path), Ended::Removed)
        };
        match ended {
            // Another sink of this process was done at the same moment.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Ended::Removed),
            ended => ended.map(|()| outcome),
        }
    }

    /// Whether it has records, but does not tell for which files. There is no such pipeline: what
    /// told of them is damaged.
    pub(super) fn lacks_files(&self) -> io::Result<bool> {
        Ok(self.sinks.is_empty() && self.is_left_for(0..self.layout.journals())?)
    }
}

/// What cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// Another version of offloop can read it.
    OtherVersion,
    Damaged,
    /// It has records, but does not tell for which files.
    WithoutFiles,
}

impl Foreign {
    pub(super) fn new(header: &[u8]) -> Self {
        let version = read_u32(header, header::VERSION);
        if header.starts_with(&MAGIC) && version.is_some_and(|version| version != VERSION) {
            Foreign::OtherVersion
        } else {
            Foreign::Damaged
        }
    }
}

/// Deals with a leftover that cannot be read, and says how.
pub(super) fn refuse(path: &Path, foreign: Foreign) -> String {
    let display = path.display();
    let what = match foreign {
        Foreign::OtherVersion => {
            return format!(
                "leftover {display} was written by another version of offloop, which can recover it"
            );
        }
        Foreign::Damaged if name::kind(path).is_none() => {
            return format!("{display} is no leftover");
        }
        Foreign::Damaged => "is damaged",
        Foreign::WithoutFiles => "has records, but does not tell for which files: it is damaged",
    };
    match set_aside(path) {
        Ok(()) => format!("leftover {display} {what}; renamed to {display}.damaged"),
        Err(error) => format!("leftover {display} {what}; rename: {error}"),
    }
}

/// Says that a leftover, of which all is written that could be read, was set aside.
pub(super) fn set_aside_text(path: &Path) -> String {
    let path = path.display();
    format!("leftover {path} is damaged in part; renamed to {path}.damaged")
}

/// Renames a file of which nothing more can be got, so that nobody tries again.
fn set_aside(path: &Path) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".damaged");
    fs::rename(path, name)
}
