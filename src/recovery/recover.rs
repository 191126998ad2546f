//! Recovery without a start: by the command line, or by a program that looks after others.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::claim::{self, Claim, Sight};
use super::directory;
use super::ending::{self, Ended};
use super::leftover::{LeftoverFile, ToldSink};
use super::report::{Leftover, LeftoverSink, RecoveryReport};
use super::share::Share;
use super::torn::watch_torn_tails;
use crate::channel::arena;
use crate::drain::batch::Batch;
use crate::drain::line::{Content, LineWriter};
use crate::error::Error;
use crate::filter::SinkFilter;
use crate::sink::file::canonical;
use crate::sink::{FilePlan, Sink, Target};
use crate::{fork, format};

/// How long to wait for another process that writes to the same file.
const ROOM_WAIT: Duration = Duration::from_millis(50);
const ROOM_WAITS_MAX: u32 = 100;

/// Lists what processes of this user, dead ones and living ones, have in memory that outlives them.
///
/// Those of this very process are not among them.
///
/// # Errors
///
/// [`Error::ReadLeftovers`] if a directory that may hold some cannot be read.
///
/// ```
/// for leftover in offloop::leftovers()? {
///     if !leftover.is_alive {
///         println!("process {} left something in {}", leftover.process, leftover.path.display());
///     }
/// }
/// # Ok::<(), offloop::Error>(())
/// ```
pub fn leftovers() -> Result<Vec<Leftover>, Error> {
    let mut found = Vec::new();
    for directory in arena::candidates() {
        for file in files_in(&directory)? {
            // One that is gone by now, or cannot be read, is none.
            found.extend(claim::look(&file, describe).ok().flatten());
        }
    }
    Ok(found)
}

/// Where [`leftovers`], [`recover`] and each start look for what processes of this user left, whether
/// or not there is such a directory. Those that were chosen by
/// [`Builder::crash_directory`](crate::Builder::crash_directory) are looked into by a start that has
/// chosen the same one.
///
/// ```
/// for directory in offloop::leftover_directories() {
///     println!("{}", directory.display());
/// }
/// ```
#[must_use]
pub fn leftover_directories() -> Vec<PathBuf> {
    arena::candidates()
}

/// Writes what dead processes left behind to the log files that it was meant for.
///
/// That happens by itself when a program starts that writes to the same file, or forks a child that does. This is for all other
/// cases: the program will not start again soon, or writes somewhere else now. `path` is
///
/// - a log file: writes what is meant for it, whoever left it;
/// - a leftover, as [`leftovers`] names them (`….pages`): writes what is in it;
/// - a directory: writes what is in all leftovers that lie there.
///
/// Records are appended in the format that the dead process wrote, each once, marked `recovered`:
/// also those that it had formatted, but not written whole. One more record says how many there
/// were. Several programs may do so at once, and one that is killed leaves the rest to the next.
/// What belongs to a living process is left alone, and a directory that is gone is not made anew.
///
/// # Errors
///
/// [`Error::ReadLeftovers`] if `path` is a leftover or a directory that cannot be read. Whatever
/// else goes wrong is part of the report.
///
/// ```
/// let report = offloop::recover("logs/app.jsonl")?;
/// println!("{} records of processes {:?}", report.recovered, report.processes);
/// for failure in &report.failures {
///     eprintln!("{failure}");
/// }
/// # Ok::<(), offloop::Error>(())
/// ```
pub fn recover(path: impl AsRef<Path>) -> Result<RecoveryReport, Error> {
    // What is claimed here is not a forked child's.
    fork::watch();
    let path = path.as_ref();
    let mut recovery = Recovery::default();
    let candidates = arena::candidates();
    watch_torn_tails(&candidates);
    if path.is_dir() {
        let directory = own_directory(path).map_err(|cause| read_failed(path, cause))?;
        watch_torn_tails(std::slice::from_ref(&directory));
        for file in files_in(&directory)? {
            recovery.recover(&file, |_| true);
        }
    } else if path.extension().is_some_and(|found| found == "pages") {
        std::fs::symlink_metadata(path).map_err(|cause| read_failed(path, cause))?;
        // Others that wrote to the same files may have left theirs beside it.
        watch_torn_tails(&directory_of(path));
        recovery.recover(path, |_| true);
    } else {
        let log = std::path::absolute(path).map_err(|cause| read_failed(path, cause))?;
        let log = canonical(&log);
        for directory in candidates {
            for file in files_in(&directory)? {
                recovery.recover(&file, |sink| sink.path == log);
            }
        }
    }
    Ok(recovery.report)
}

/// Where a directory of this user really is.
fn own_directory(path: &Path) -> io::Result<PathBuf> {
    let directory = path.canonicalize()?;
    if directory::is_of_user(&directory.metadata()?) {
        return Ok(directory);
    }
    let refused = "it belongs to another user, who alone can recover what is in it";
    Err(io::Error::new(io::ErrorKind::PermissionDenied, refused))
}

fn directory_of(path: &Path) -> Vec<PathBuf> {
    let path = std::path::absolute(path).ok();
    let directory = path.as_deref().and_then(Path::parent);
    directory.map(Path::to_owned).into_iter().collect()
}

fn files_in(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    directory::files_in(directory).map_err(|cause| read_failed(directory, cause))
}

fn read_failed(path: &Path, cause: io::Error) -> Error {
    Error::ReadLeftovers {
        path: path.to_owned(),
        cause,
    }
}

fn describe(sight: &Sight<'_>) -> Leftover {
    let leftover = sight.leftover;
    let since_epoch = Duration::from_nanos(leftover.owner.started_ns.max(0).unsigned_abs());
    let sinks = leftover.sinks.iter().map(|sink| LeftoverSink {
        path: sink.path.clone(),
        waiting: leftover.records_left(sink.place).unwrap_or_default(),
    });
    Leftover {
        path: leftover.path.clone(),
        process: leftover.owner.pid,
        program: leftover.program.clone(),
        started: UNIX_EPOCH
            .checked_add(since_epoch)
            .unwrap_or(SystemTime::UNIX_EPOCH),
        is_alive: sight.is_alive,
        panic: leftover.panic.clone(),
        sinks: sinks.collect(),
    }
}

#[derive(Debug, Default)]
struct Recovery {
    report: RecoveryReport,
}

impl Recovery {
    /// Recovers from one file what is meant for the sinks that `is_wanted` says.
    fn recover(&mut self, file: &Path, is_wanted: impl Fn(&ToldSink) -> bool) {
        let leftover = match claim::claim(file) {
            Ok(Claim::Ours(leftover)) => leftover,
            Ok(Claim::Others) => {
                self.report.in_use += 1;
                return;
            }
            Ok(Claim::Gone) => return,
            Ok(Claim::Foreign(foreign)) => {
                self.report.failures.push(ending::refuse(file, foreign));
                return;
            }
            Err(error) => {
                self.fail(file, &error.to_string());
                return;
            }
        };
        for sink in leftover.sinks.iter().filter(|sink| is_wanted(sink)) {
            if let Err(error) = self.write_share(&leftover, sink) {
                self.fail(&sink.path, &error);
            }
        }
        match leftover.end_if_done() {
            Ok(Ended::SetAside) => self.report.failures.push(ending::set_aside_text(file)),
            Ok(Ended::NotYet | Ended::Removed) => {}
            Err(error) => self.fail(file, &error.to_string()),
        }
    }

    fn write_share(&mut self, leftover: &Arc<LeftoverFile>, sink: &ToldSink) -> Result<(), String> {
        let filter = sink.filter.as_deref().map(SinkFilter::parse).transpose();
        let filter = filter
            .map_err(|error| error.to_string())?
            .unwrap_or_default()
            .for_format(&sink.format);
        let lines = LineWriter::new(Content::Records, format::make(&sink.format), filter);
        let mut lines = lines.redacting(Arc::new(leftover.redactor()));
        let mut target = Target::File(FilePlan::new(sink.path.clone()));
        let Some(mut share) = Share::take(leftover, sink) else {
            self.report.in_use += 1;
            return Ok(());
        };
        if leftover
            .records_left(sink.place)
            .is_ok_and(|left| left == 0)
            && !share.is_under_way()
        {
            return Ok(());
        }
        if !sink.path.parent().is_some_and(Path::is_dir) {
            // Whoever has removed it did not want it to come again.
            let leftover = leftover.path.display();
            return Err(format!(
                "its directory is gone; make it, or remove {leftover}"
            ));
        }
        let mut file = target.open().map_err(|error| error.to_string())?;
        let written = write(&mut share, &mut lines, &mut *file);
        let counts = share.counts();
        self.report.recovered += counts.recovered;
        self.report.unreadable += counts.unreadable;
        if !self.report.processes.contains(&leftover.owner.pid) {
            self.report.processes.push(leftover.owner.pid);
        }
        written.map_err(|error| error.to_string())
    }

    fn fail(&mut self, path: &Path, why: &str) {
        let failure = format!("recover {}: {why}", path.display());
        self.report.failures.push(failure);
    }
}

/// Writes all of a share.
pub(super) fn write(
    share: &mut Share,
    lines: &mut LineWriter,
    sink: &mut dyn Sink,
) -> io::Result<()> {
    let mut batch = Batch::default();
    while share.fill(lines, &mut batch)? {
        write_batch(share, &mut batch, sink)?;
        share.complete()?;
        batch.clear();
    }
    sink.flush()
}

fn write_batch(share: &Share, batch: &mut Batch, sink: &mut dyn Sink) -> io::Result<()> {
    let mut waits = 0;
    while !batch.is_empty() {
        match batch.offer(sink, &mut |place, accepted| share.note(place, accepted)) {
            Ok(bytes) => {
                batch.accept(bytes);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && waits < ROOM_WAITS_MAX => {
                waits += 1;
                sink.wait_for_room(ROOM_WAIT);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
