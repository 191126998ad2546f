//! What a writer is told while it runs: to write otherwise from now on, or to leave its sink to another.
//!
//! Both are taken up between two batches. A look costs the writer one load of an atomic; the locks
//! are taken only where there is something.

use std::sync::{Arc, PoisonError};

use super::sync::{SyncPolicy, UnsyncedLines};
use super::{Delays, SinkState};
use crate::channel::sync::{AtomicBool, Mutex, MutexGuard, Ordering};
use crate::filter::SinkFilter;
use crate::format::LineFormat;
use crate::redaction::Redactor;
use crate::sink::{FilePlan, Sink};

/// How a sink is to be written to from now on.
pub(crate) struct Change {
    pub(crate) format: Box<dyn LineFormat>,
    pub(crate) filter: SinkFilter,
    pub(crate) redactor: Arc<Redactor>,
    pub(crate) sync: SyncPolicy,
    /// For files: their mode, when they end, and what becomes of them then.
    pub(crate) file: Option<FilePlan>,
    pub(crate) delays: Delays,
}

/// What one writer leaves for the next to go on with.
pub(crate) struct Handover {
    /// `None` in a forked child, for a sink that only its parent can use.
    pub(crate) sink: Option<Box<dyn Sink>>,
    pub(super) unsynced: UnsyncedLines,
    /// How many lines the format has numbered.
    pub(super) lines: u64,
}

/// A place where one thread leaves something for another. What is left last is found.
pub(crate) struct Slot<T> {
    is_full: AtomicBool,
    content: Mutex<Option<T>>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Slot {
            is_full: AtomicBool::new(false),
            content: Mutex::new(None),
        }
    }
}

impl<T> Slot<T> {
    pub(crate) fn put(&self, content: T) {
        let before = self.lock().replace(content);
        // Pairs with the Acquire load in `take`.
        self.is_full.store(true, Ordering::Release);
        drop(before);
    }

    pub(super) fn take(&self) -> Option<T> {
        if !self.is_full.load(Ordering::Acquire) {
            return None;
        }
        // Before the content is taken: what is put there after that is found by the next look.
        self.is_full.store(false, Ordering::Relaxed);
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<T>> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> std::fmt::Debug for Slot<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Slot").finish_non_exhaustive()
    }
}

/// The writer whose sink another one is to go on with, once all is written that it was given.
pub(crate) struct Predecessor {
    pub(crate) sinks: Arc<[SinkState]>,
    pub(crate) place: usize,
}

impl Predecessor {
    pub(super) fn is_retiring(&self) -> bool {
        self.sinks[self.place].is_retiring()
    }

    pub(super) fn handover(&self) -> Option<Handover> {
        self.sinks[self.place].handover.take()
    }
}
