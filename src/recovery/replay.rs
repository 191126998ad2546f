//! A sink's writer takes up what earlier processes left for its file, before it writes anything
//! else.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::claim::{self, Claim};
use super::scan::{self, Scan};
use super::share::Share;
use crate::complaint::Complaints;
use crate::drain::batch::Batch;
use crate::drain::line::LineWriter;
use crate::sink::PlaceInFile;
use crate::sink::file::canonical;

/// How often a share is tried before it is left to a later recovery.
const ATTEMPTS_MAX: u32 = 20;

/// What one sink has to take up.
#[derive(Debug)]
pub(crate) struct Replay {
    /// The canonical path of the sink's file.
    path: PathBuf,
    /// Where it learns what there is.
    scan: Arc<Scan>,
    /// What was found, as far as it was not looked into yet. `None` before anybody looked.
    files: Option<VecDeque<PathBuf>>,
    /// What is to be written of the file at hand. One file at a time: each of them is open, and takes
    /// memory, as long as it is claimed.
    shares: VecDeque<Share>,
    /// How many records were written of the shares that are done with.
    of_ended: u64,
    /// The same with those of the share at hand.
    recovered: u64,
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
    /// What `scan` finds for the sink with the file of this absolute path.
    pub(crate) fn new(path: &Path, scan: Arc<Scan>, complaints: Complaints) -> Self {
        Replay {
            path: canonical(path),
            scan,
            files: None,
            shares: VecDeque::new(),
            of_ended: 0,
            recovered: 0,
            attempts: 0,
            complaints,
        }
    }

    /// The batch of before was accepted to its end: fills it, now that it is empty, with what comes
    /// next.
    pub(crate) fn fill(&mut self, lines: &mut LineWriter, batch: &mut Batch) -> Next {
        // What was formatted is written, now that the batch is empty.
        let of_share = self.shares.front().map(|share| share.counts().recovered);
        self.recovered = self.of_ended + of_share.unwrap_or_default();
        loop {
            let Some(share) = self.shares.front_mut() else {
                let Some(file) = self.next_file() else {
                    return Next::Nothing;
                };
                self.claim(&file);
                continue;
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

    /// How many records the sink has taken so far.
    pub(crate) fn recovered(&self) -> u64 {
        self.recovered
    }

    /// Notes where the batch, of which `accepted` bytes were accepted, is about to be written.
    pub(crate) fn note(&self, place: PlaceInFile, accepted: usize) {
        if let Some(share) = self.shares.front() {
            share.note(place, accepted);
        }
    }

    fn next_file(&mut self) -> Option<PathBuf> {
        let find = || self.scan.files_for(&self.path).into();
        self.files.get_or_insert_with(find).pop_front()
    }

    /// Claims a leftover, and takes this sink's part of it.
    fn claim(&mut self, file: &Path) {
        match claim::claim(file) {
            Ok(Claim::Ours(leftover)) => {
                let sinks = leftover.sinks_at(&self.path);
                self.shares = sinks
                    .filter_map(|sink| Share::take(&leftover, sink))
                    .collect();
            }
            // As it was when all sinks looked, or somebody else has seen to it by now.
            Ok(Claim::Foreign(_) | Claim::Others | Claim::Gone) => {}
            Err(error) => self.say(&format!("open leftover {}: {error}", file.display())),
        }
    }

    /// All of a share is written.
    fn end_share(&mut self) {
        let Some(share) = self.next_share() else {
            return;
        };
        let counts = share.counts();
        let leftover = Arc::clone(share.leftover());
        let process = leftover.owner.pid;
        let (recovered, path) = (counts.recovered, self.path.display());
        if counts.unreadable != 0 {
            let complaint = format!(
                "{} records of process {process} could not be recovered to {path}: damaged",
                counts.unreadable,
            );
            self.say(&complaint);
        } else if recovered != 0 && !leftover.ended_in_order() {
            let complaint = format!("{recovered} records of process {process} recovered to {path}");
            self.say(&complaint);
        }
        scan::end(&leftover, &mut self.complaints);
    }

    /// Is done with a share, or leaves it to a later recovery.
    fn next_share(&mut self) -> Option<Share> {
        self.attempts = 0;
        let share = self.shares.pop_front()?;
        self.of_ended += share.counts().recovered;
        Some(share)
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
