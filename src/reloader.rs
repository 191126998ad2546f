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
    // Relaxed, here and below: nothing else is published by it.
    if !is_wanted(&pipeline.settings()) || pipeline.has_reloader().swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    let started = Reloader::new(pipeline)
        .and_then(|mut reloader| fork::spawn("offloop-reload".to_owned(), move || reloader.run()));
    started.map_err(|cause| {
        pipeline.has_reloader().store(false, Ordering::Relaxed);
        Error::FollowConfiguration(cause)
    })
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
    /// The file as it was read last.
    read: Option<Fingerprint>,
    /// As it was at the last look: whoever writes to it should be done first.
    seen: Option<Fingerprint>,
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
        })
    }

    fn run(&mut self) {
        loop {
            let is_asked = self.wait();
            let Some(pipeline) = self.pipeline.upgrade() else {
                return;
            };
            let settings = pipeline.settings();
            if !is_wanted(&settings) {
                pipeline.has_reloader().store(false, Ordering::Relaxed);
                return;
            }
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
        now.is_some() && now == before && now != self.read
    }

    fn reload(&mut self, pipeline: Arc<Pipeline>, settings: Config) {
        // Before it is read: what comes after that is another change.
        self.read = settings.origin.path().and_then(Fingerprint::of);
        match settings.origin.read() {
            None => {}
            Some(Err(error)) => notice::say_refused(&pipeline, &error.to_string()),
            Some(Ok(config)) => {
                let guard = Guard::new(pipeline);
                // What comes of it is in the log.
                let _ = guard.reload(config.with_live_of(&settings));
            }
        }
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
