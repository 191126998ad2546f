//! Compresses and removes old files, where nobody waits for it.
//!
//! One thread for each file sink that wants it, of the lowest priority. It looks when a file
//! ended, and once a minute, so that a quiet service is tended as well. Of several processes that
//! share a file each has such a thread; locks see to it that one of them does the work.
//!
//! The thread is never waited for: whatever state the process leaves a file in when it ends, the
//! next one goes on from there. A forked child starts its own.
//!
//! Once other rules hold, the thread that goes by the former ones is done: it looks before each file
//! whether it is still the one to tend them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError};

use super::compression::{self, Compression};
use super::old_files::OldFiles;
use super::retention::{self, Retention};
use super::rotation;
use crate::complaint::Complaints;
use crate::fork;

/// How often to look when nobody asks.
const PERIOD: Duration = Duration::from_secs(60);

/// What becomes of old files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Care {
    pub(crate) retention: Retention,
    pub(crate) compression: Option<Compression>,
}

impl Care {
    /// Compresses and removes what is due `now`, beside this active file. What fails is due again the
    /// next time.
    pub(crate) fn tend(&self, active: &Path, now: SystemTime, round: &mut Round<'_>) {
        let done = OldFiles::beside(active).and_then(|old_files| {
            if let Some(compression) = self.compression {
                compression::apply(compression, &old_files, round)?;
            }
            // Then, since what is compressed takes less of the room that files may have.
            retention::apply(&self.retention, &old_files, rotation::instant(now), round)
        });
        if let Err(error) = done {
            (round.complain)(format!("look for old log files beside {active:?}: {error}"));
        }
    }

    fn is_needed(&self) -> bool {
        *self != Care::default()
    }
}

/// One look at old files, as whoever has it done sees it.
pub(crate) struct Round<'r> {
    /// Asked before each file: whether the rules still hold by which it is tended.
    pub(crate) goes_on: &'r dyn Fn() -> bool,
    /// Told what fails.
    pub(crate) complain: &'r mut dyn FnMut(String),
}

/// The thread that tends old files. It ends when this is dropped, after the file that it is at.
#[derive(Debug)]
pub(crate) struct Caretaker {
    wake: Sender<()>,
    is_wanted: Arc<AtomicBool>,
}

impl Caretaker {
    /// Starts the thread, which looks at once. `None` if there is nothing to be done, ever.
    ///
    /// # Errors
    ///
    /// If there is no thread to be had. Old files stay as they are then.
    pub(crate) fn start(
        care: Care,
        active: PathBuf,
        complaints: Complaints,
    ) -> std::io::Result<Option<Caretaker>> {
        if !care.is_needed() {
            return Ok(None);
        }
        let (wake, woken) = crossbeam_channel::bounded(1);
        let is_wanted = Arc::new(AtomicBool::new(true));
        let is_still_wanted = Arc::clone(&is_wanted);
        fork::spawn("offloop-old-files".to_owned(), move || {
            run(&care, &active, complaints, &woken, &is_still_wanted);
        })?;
        Ok(Some(Caretaker { wake, is_wanted }))
    }

    /// A file has ended.
    pub(crate) fn wake(&self) {
        match self.wake.try_send(()) {
            // Somebody has said so already, or the thread died of a defect: it is not worth more.
            Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
        }
    }
}

impl Drop for Caretaker {
    fn drop(&mut self) {
        // Relaxed: whichever file it keeps the thread from, nothing is published by it.
        self.is_wanted.store(false, Ordering::Relaxed);
    }
}

fn run(
    care: &Care,
    active: &Path,
    mut complaints: Complaints,
    woken: &Receiver<()>,
    is_wanted: &AtomicBool,
) {
    lower_priority();
    loop {
        let mut round = Round {
            goes_on: &|| is_wanted.load(Ordering::Relaxed),
            complain: &mut |complaint| complaints.say(&complaint),
        };
        care.tend(active, SystemTime::now(), &mut round);
        if woken.recv_timeout(PERIOD) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

/// For this thread alone, as Linux has it, and for what it asks of the disk as well. Elsewhere it
/// would be the whole process that gets slower.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        const LOWEST: i32 = 19;
        // Without it, the work is done all the same.
        let _ = rustix::process::setpriority_process(None, LOWEST);
    }
}

#[cfg(test)]
mod tests;
