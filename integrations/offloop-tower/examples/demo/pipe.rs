//! The log as the contenders see it: a FIFO, with a reader that stands still for a while.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Instant;

use rustix::fs::{CWD, Mode, mkfifoat};

use crate::Failure;
use crate::schedule::sleep_until;

/// The capacity of a FIFO, and more than a reader ever gets at once.
const CHUNK_BYTES: usize = 64 * 1024;

pub(crate) struct Pipe {
    path: PathBuf,
    /// As long as this end is open, the reader waits for more instead of seeing the end.
    kept_open: File,
    stall: Arc<OnceLock<Range<Instant>>>,
    reader: JoinHandle<io::Result<()>>,
}

impl Pipe {
    /// Makes a FIFO at `path`, and a thread that copies whatever comes through it into `file`.
    pub(crate) fn open(path: PathBuf, file: &Path) -> Result<Self, Failure> {
        // A run that was interrupted has left its FIFO behind.
        if path.exists() {
            fs::remove_file(&path)?;
        }
        mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR)?;
        // Opened for both, a FIFO waits for nobody; after that, opening it to read waits for
        // nobody either.
        let kept_open = OpenOptions::new().read(true).write(true).open(&path)?;
        let from = File::open(&path)?;
        let to = File::create(file)?;
        let stall = Arc::new(OnceLock::new());
        let stall_of_reader = Arc::clone(&stall);
        let reader = std::thread::spawn(move || copy(from, to, &stall_of_reader));
        Ok(Self {
            path,
            kept_open,
            stall,
            reader,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Says when the reader shall stand still.
    pub(crate) fn stall(&self, during: Range<Instant>) {
        _ = self.stall.set(during);
    }

    /// Waits until everything that was written is in the file. The writer must be gone by now.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        drop(self.kept_open);
        self.reader
            .join()
            .map_err(|_| "the log's reader panicked")??;
        fs::remove_file(&self.path)?;
        Ok(())
    }
}

fn copy(mut from: File, mut to: File, stall: &OnceLock<Range<Instant>>) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let bytes = from.read(&mut chunk)?;
        if bytes == 0 {
            return Ok(());
        }
        to.write_all(&chunk[..bytes])?;
        if let Some(stall) = stall.get()
            && stall.contains(&Instant::now())
        {
            sleep_until(stall.end);
        }
    }
}
