//! A sink's writer takes up what earlier processes left for its file, before it writes anything
//! else.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::claim::{self, Claim};
use super::directory;
use super::leftover;
use super::share::Share;
use crate::complaint::Complaints;
use crate::drain::batch::Batch;
use crate::drain::line::LineWriter;
use crate::sink::Place;

/// How often a share is tried before it is left to a later recovery.
const ATTEMPTS_MAX: u32 = 20;

/// What one sink has to take up.
#[derive(Debug)]
pub(crate) struct Replay {
    /// The absolute path of the sink's file.
    path: PathBuf,
    /// Where leftovers are looked for.
    directories: Vec<PathBuf>,
    /// `None` before they were looked for.
    shares: Option<VecDeque<Share>>,
    attempts: u32,
    complaints: Complaints,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The batch has lines.
    Batch,
    /// It is worth to try again in a moment.
    Later,
    Nothing,
}

impl Replay {
    pub(crate) fn new(path: &Path, directories: Vec<PathBuf>, complaints: Complaints) -> Self {
        Replay {
            path: path.to_owned(),
            directories,
            shares: None,
            attempts: 0,
            complaints,
        }
    }

    /// The batch of before was accepted to its end: fills it, now that it is empty, with what comes
    /// next.
    pub(crate) fn fill(&mut self, lines: &mut LineWriter, batch: &mut Batch) -> Next {
        loop {
            let shares = match &mut self.shares {
                Some(shares) => shares,
                None => {
                    let shares = self.find();
                    self.shares.insert(shares)
                }
            };
            let Some(share) = shares.front_mut() else {
                return Next::Nothing;
            };
            match share.complete().and_then(|()| share.fill(lines, batch)) {
                Ok(true) => return Next::Batch,
                Ok(false) => self.end_share(),
                Err(error) if self.attempts < ATTEMPTS_MAX => {
                    self.attempts += 1;
                    if self.attempts == 1 {
                        self.complain("try again to recover", &error);
                    }
                    return Next::Later;
                }
                Err(error) => {
                    self.complain("give up for now to recover", &error);
                    self.next_share();
                }
            }
        }
    }

    /// Notes where the batch, of which `accepted` bytes were accepted, is about to be written.
    pub(crate) fn note(&self, place: Place, accepted: usize) {
        if let Some(share) = self.shares.as_ref().and_then(VecDeque::front) {
            share.note(place, accepted);
        }
    }

    /// Claims the leftovers of this sink, the oldest first.
    fn find(&mut self) -> VecDeque<Share> {
        let mut shares = Vec::new();
        for directory in &self.directories.clone() {
            let files = directory::files_in(directory);
            let files = files.unwrap_or_else(|error| {
                self.say(&format!(
                    "look for leftovers in {}: {error}",
                    directory.display()
                ));
                Vec::new()
            });
            for file in files {
                self.claim(&file, &mut shares);
            }
        }
        shares.sort_by_key(|share| share.leftover().owner.started_ns);
        shares.into()
    }

    fn claim(&mut self, file: &Path, shares: &mut Vec<Share>) {
        match claim::claim(file) {
            Ok(Claim::Ours(leftover)) => {
                let sinks = leftover.sinks_at(&self.path);
                let before = shares.len();
                shares.extend(
                    sinks.map(|sink| Share::new(Arc::clone(&leftover), sink.place, &sink.path)),
                );
                if before == shares.len() {
                    // Nobody needs to keep one of which nothing is left.
                    let _ = leftover.end_if_done();
                }
            }
            Ok(Claim::Foreign(foreign)) => self.say(&leftover::refuse(file, foreign)),
            Ok(Claim::Others | Claim::Gone) => {}
            Err(error) => self.say(&format!("open leftover {}: {error}", file.display())),
        }
    }

    /// All of a share is written.
    fn end_share(&mut self) {
        let Some(share) = self.shares.as_mut().and_then(VecDeque::pop_front) else {
            return;
        };
        self.attempts = 0;
        let counts = share.counts();
        let leftover = share.leftover();
        let process = leftover.owner.pid;
        let (recovered, path) = (counts.recovered, self.path.display());
        if counts.unreadable != 0 {
            let complaint = format!(
                "{} records of process {process} could not be recovered to {path}: damaged; \
                 see {}.damaged",
                counts.unreadable,
                leftover.path.display()
            );
            self.say(&complaint);
        } else if recovered != 0 {
            let complaint = format!("{recovered} records of process {process} recovered to {path}");
            self.say(&complaint);
        }
        if let Err(error) = leftover.end_if_done() {
            self.say(&format!(
                "remove leftover {}: {error}",
                leftover.path.display()
            ));
        }
    }

    /// Leaves a share to a later recovery.
    fn next_share(&mut self) {
        self.attempts = 0;
        self.shares.as_mut().and_then(VecDeque::pop_front);
    }

    fn complain(&mut self, what: &str, error: &io::Error) {
        let path = self.path.display();
        let complaint = format!("{what} the records of a dead process to {path}: {error}");
        self.say(&complaint);
    }

    fn say(&mut self, complaint: &str) {
        self.complaints.say(complaint);
    }
}
