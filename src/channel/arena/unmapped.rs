//! Stands in for the mapped file where there is none: on systems without a tmpfs, under Miri, which
//! maps no files, and in models. None of these is ever made.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::facts::Fact;
use super::layout::{ClockCopy, End, Position};
use super::{ArenaPlan, Block, Refusal};
#[cfg(not(any(offloop_loom, offloop_shuttle)))]
use crate::capture::record::ThreadLabel;
use crate::sink::PlaceInFile;
use crate::stats::CrashSafety;

#[derive(Debug)]
pub(crate) struct Mapped(Infallible);

impl Mapped {
    pub(super) fn create(
        _: &ArenaPlan,
        _: usize,
        _: usize,
        _: usize,
    ) -> Result<Arc<Self>, Refusal> {
        Err(Refusal::expected("there is no tmpfs on this system"))
    }

    #[cfg_attr(
        any(offloop_loom, offloop_shuttle),
        expect(dead_code, reason = "models have blocks of their own")
    )]
    pub(super) fn block(self: &Arc<Self>, _: usize) -> Option<Block> {
        match self.0 {}
    }

    #[cfg_attr(
        any(offloop_loom, offloop_shuttle),
        expect(dead_code, reason = "models have blocks of their own")
    )]
    pub(super) fn stopgap(self: &Arc<Self>, _: usize) -> Block {
        match self.0 {}
    }

    pub(super) fn overhead_bytes(&self) -> usize {
        match self.0 {}
    }

    pub(super) fn is_full(&self) -> bool {
        match self.0 {}
    }

    pub(super) fn retry(self: &Arc<Self>) {
        match self.0 {}
    }

    pub(super) fn tell_callsites(&self) {
        match self.0 {}
    }

    pub(super) fn tell(&self, _: &Fact<'_>) {
        match self.0 {}
    }

    pub(super) fn note_clock(&self, _: ClockCopy) {
        match self.0 {}
    }

    pub(super) fn note_end(&self, _: End) {
        match self.0 {}
    }

    pub(super) fn news(&self) -> Option<String> {
        match self.0 {}
    }

    pub(super) fn discard(&self) {
        match self.0 {}
    }

    pub(super) fn safety(&self) -> CrashSafety {
        match self.0 {}
    }
}

#[cfg(not(any(offloop_loom, offloop_shuttle)))]
impl Mapped {
    pub(super) fn label(&self, _: u32, _: u64, _: &ThreadLabel) {
        match self.0 {}
    }

    pub(super) fn settle(&self, _: u32, _: usize, _: u32) {
        match self.0 {}
    }

    pub(super) fn use_of(&self, _: u32) -> u64 {
        match self.0 {}
    }

    pub(super) fn give_back(&self, _: u32, _: usize) {
        match self.0 {}
    }

    pub(super) fn forget_stopgap(&self) {
        match self.0 {}
    }
}

#[derive(Debug)]
pub(crate) struct Journal(Infallible);

impl Journal {
    pub(super) fn open(arena: &Arc<Mapped>, _: usize) -> Option<Self> {
        match arena.0 {}
    }

    pub(crate) fn stage(&mut self, _: &[u8], _: impl Iterator<Item = Position>) -> bool {
        match self.0 {}
    }

    pub(crate) fn note(&mut self, _: PlaceInFile, _: u64) {
        match self.0 {}
    }

    pub(crate) fn clear(&mut self) {
        match self.0 {}
    }
}

/// Nobody needs it here.
pub(crate) fn boot_id() -> [u8; 16] {
    [0; 16]
}

/// Where files of pages may lie.
pub(crate) fn candidates() -> Vec<PathBuf> {
    Vec::new()
}

/// Whether a file of pages belongs to a running pipeline of this process.
pub(crate) fn is_own(_: &Path) -> bool {
    false
}
