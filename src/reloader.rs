//! Reads the configuration anew when it has changed, or when a SIGHUP asks for it.
//!
//! A thread of its own, which exists only where one of the two is wanted: nothing of it may hold up
//! those who log or those who write. It looks at the file once a second. That is less than what a file
//! system's notifications take to be set up, and works on those that send none: network file
//! systems, and the directories that container platforms swap under a path.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use signal_hook::SigId;
use signal_hook::consts::SIGHUP;

use crate::config::{Config, OnHangup};
use crate::drain::notice;
use crate::error::Error;
use crate::fork;
use crate::guard::Guard;
use crate::pipeline::Pipeline;

/// How often to look whether the file has changed.
const PERIOD: Duration = Duration::from_secs(1);

/// Starts the thread for a pipeline whose configuration wants it, unless there is one.
///
/// # Errors
///
/// If there is no thread to be had, or no handler for the signal.
pub(crate) fn follow(pipeline: &Arc<Pipeline>) -> Result<(), Error> {
    if !is_wanted(&pipeline.settings()) || is_there(pipeline) {
        return Ok(());
    }
    let started = Reloader::new(pipeline)
        .and_then(|mut reloader| fork::spawn("offloop-reload".to_owned(), move || reloader.run()));
    started.map_err(|cause| {
        // Relaxed: nothing is published by it.
        pipeline.has_reloader().store(false, Ordering::Relaxed);
        Error::FollowConfiguration(cause)
    })
}

/// Whether a pipeline has such a thread. From now on it does: who hears that it did not is to be it.
fn is_there(pipeline: &Pipeline) -> bool {
    // Pairs with the swap in `may_end`: one of the two comes first, and who finds the thread there
    // has shown it the settings that want it.
    pipeline.has_reloader().swap(true, Ordering::AcqRel)
}

/// Whether the thread is not wanted any more, by anybody who counts on its being there.
fn may_end(pipeline: &Pipeline) -> bool {
    if is_wanted(&pipeline.settings()) {
        return false;
    }
    // Pairs with the swap in `is_there`.
    pipeline.has_reloader().swap(false, Ordering::AcqRel);
    // Settings may have come that want it, with somebody who has found it still there.
    !is_wanted(&pipeline.settings()) || is_there(pipeline)
}

fn is_wanted(settings: &Config) -> bool {
    settings.on_hangup == OnHangup::Reload || settings.watch
}

/// What of a file tells that it is another one, or says something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fingerprint {
    device: u64,
    inode: u64,
    bytes: u64,
    modified_ns: (i64, i64),
}

impl Fingerprint {
    /// `None` while it is missing.
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Fingerprint {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified_ns: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

struct Reloader {
    pipeline: Weak<Pipeline>,
    /// Where the signal's handler writes a byte.
    signals: UnixStream,
    handler: SigId,
    /// The file as it was read last, unless that may come to something else another time.
    read: Option<Fingerprint>,
    /// As it was at the last look: whoever writes to it should be done first.
    seen: Option<Fingerprint>,
    retry: Retry,
}

/// When to try once more what was refused for something that may pass: later each time.
#[derive(Debug, Default)]
struct Retry {
    /// How many looks to let go by before that.
    looks: u32,
    /// How many it was the last time.
    looks_before: u32,
}

impl Retry {
    /// About a minute.
    const LOOKS_MAX: u32 = 63;

    fn is_due(&mut self) -> bool {
        let is_due = self.looks == 0;
        self.looks = self.looks.saturating_sub(1);
        is_due
    }

    fn put_off(&mut self) {
        self.looks_before = (2 * self.looks_before + 1).min(Self::LOOKS_MAX);
        self.looks = self.looks_before;
    }
}

impl Reloader {
    fn new(pipeline: &Arc<Pipeline>) -> io::Result<Self> {
        let (signals, handler) = UnixStream::pair()?;
        signals.set_read_timeout(Some(PERIOD))?;
        let handler = signal_hook::low_level::pipe::register(SIGHUP, handler)?;
        let read = pipeline.settings().origin.path().and_then(Fingerprint::of);
        Ok(Reloader {
            pipeline: Arc::downgrade(pipeline),
            signals,
            handler,
            read,
            seen: read,
            retry: Retry::default(),
        })
    }

    fn run(&mut self) {
        loop {
            let is_asked = self.wait();
            let Some(pipeline) = self.pipeline.upgrade() else {
                return;
            };
            if may_end(&pipeline) {
                return;
            }
            let settings = pipeline.settings();
            let is_asked = is_asked && settings.on_hangup == OnHangup::Reload;
            let has_changed = settings.watch && self.has_changed(&settings);
            if is_asked || has_changed {
                self.reload(pipeline, settings);
            }
        }
    }

    /// Waits for a signal, but not for long. Says whether one came.
    fn wait(&mut self) -> bool {
        let mut bytes = [0; 64];
        // An error is that nothing came in time.
        self.signals.read(&mut bytes).is_ok_and(|count| count != 0)
    }

    /// Whether the file is another than that which was read, and the same as at the last look.
    fn has_changed(&mut self, settings: &Config) -> bool {
        let now = settings.origin.path().and_then(Fingerprint::of);
        let before = std::mem::replace(&mut self.seen, now);
        if now != before {
            self.retry = Retry::default();
            return false;
        }
        now.is_some() && now != self.read && self.retry.is_due()
    }

    fn reload(&mut self, pipeline: Arc<Pipeline>, settings: Config) {
        // Before it is read: what comes after that is another change.
        let read = settings.origin.path().and_then(Fingerprint::of);
        match reload(&pipeline, &settings) {
            Reloaded::Settled => self.read = read,
            Reloaded::NotNow => self.retry.put_off(),
        }
    }
}

/// What came of a file that was read anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reloaded {
    /// It holds, or never will.
    Settled,
    /// What kept it from being taken up may pass.
    NotNow,
}

/// What comes of it is in the log, too.
fn reload(pipeline: &Arc<Pipeline>, settings: &Config) -> Reloaded {
    let reloaded = match settings.origin.read() {
        None => return Reloaded::Settled,
        Some(Err(error)) => {
            notice::say_refused(pipeline, &error.to_string());
            Err(error)
        }
        Some(Ok(config)) => {
            let guard = Guard::new(Arc::clone(pipeline));
            guard.reload(config.with_live_of(settings))
        }
    };
    match reloaded {
        Err(error) if may_pass(&error) && !pipeline.running().channel().is_closed() => {
            Reloaded::NotNow
        }
        _ => Reloaded::Settled,
    }
}

/// Whether an error may be gone another time, though the file says the same.
fn may_pass(error: &Error) -> bool {
    match error {
        #[cfg(feature = "config")]
        Error::ReadConfig { .. } => true,
        Error::CreateDirectory { .. }
        | Error::OpenFile { .. }
        | Error::HandleHangup(_)
        | Error::StartWriter(_)
        | Error::Reload(_) => true,
        _ => false,
    }
}

impl Drop for Reloader {
    fn drop(&mut self) {
        signal_hook::low_level::unregister(self.handler);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_again_and_again_is_tried_less_and_less() {
        let mut retry = Retry::default();
        let mut looks = || {
            let looks = (1..).find(|_| retry.is_due());
            retry.put_off();
            looks
        };
        let looks: Vec<_> = (0..8).filter_map(|_| looks()).collect();
        assert_eq!(looks, [1, 2, 4, 8, 16, 32, 64, 64]);
    }

    #[test]
    fn a_file_that_says_something_else_looks_different() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("offloop.toml");
        fs::write(&path, "level = \"info\"").unwrap();
        let first = Fingerprint::of(&path).unwrap();
        assert_eq!(Fingerprint::of(&path), Some(first));
        fs::write(&path, "level = \"debug\"").unwrap();
        assert_ne!(Fingerprint::of(&path), Some(first));
        fs::remove_file(&path).unwrap();
        assert_eq!(Fingerprint::of(&path), None);
    }
}
