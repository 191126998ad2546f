//! A file that nobody vouches for, read and written in pieces.
//!
//! It is never mapped: a file that is cut while it is mapped ends the process that looks at it.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use crate::sink::file::fill;

/// `None` once it is closed.
#[derive(Debug)]
pub(super) struct Bytes(Option<File>);

impl Bytes {
    pub(super) fn new(file: File) -> Self {
        Bytes(Some(file))
    }

    pub(super) fn close(&mut self) {
        self.0 = None;
    }

    /// Reads as many of `len` bytes as there are. Takes no more memory than there are.
    pub(super) fn read(&self, offset: u64, len: u64) -> io::Result<Vec<u8>> {
        let rest = self.file()?.metadata()?.len().saturating_sub(offset);
        let len = usize::try_from(len.min(rest)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; len];
        let read = self.fill(offset, &mut bytes)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Reads into `room` until it is full or the file ends. Says how many bytes.
    pub(super) fn fill(&self, offset: u64, room: &mut [u8]) -> io::Result<usize> {
        fill(self.file()?, offset, room)
    }

    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file()?.write_all_at(bytes, offset)
    }

    pub(super) fn write_u64(&self, offset: u64, number: u64) -> io::Result<()> {
        self.write(offset, &number.to_ne_bytes())
    }

    /// How much memory the file takes: less than it is long.
    pub(super) fn used_bytes(&self) -> io::Result<u64> {
        const BLOCK_BYTES: u64 = 512;
        Ok(self.file()?.metadata()?.blocks() * BLOCK_BYTES)
    }

    fn file(&self) -> io::Result<&File> {
        self.0
            .as_ref()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}
