//! Writing down what a reader of the file cannot know by itself.

#![expect(unsafe_code, reason = "a file is used as memory")]

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::{Mapped, STEP_BYTES};
use crate::capture::known;
use crate::channel::arena::facts::{self, Fact};
use crate::channel::arena::layout::{FACTS_BYTES_MAX, header};

/// What a reader of the file has been told.
#[derive(Debug, Default)]
pub(super) struct Told {
    used_bytes: u64,
    reserved_bytes: u64,
    /// All callsites before this place of the list.
    callsites: usize,
}

impl Mapped {
    /// Lets a reader know all callsites that are on the list by now.
    #[expect(
        clippy::disallowed_methods,
        reason = "held by whoever meets a callsite that is new to the process, for as long as writing it takes"
    )]
    pub(crate) fn tell_callsites(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = told.callsites;
        for (number, metadata) in known::list_from(told.callsites) {
            if let Some(metadata) = metadata {
                self.append(&mut told, |room| {
                    facts::write_callsite(room, number.to_u64(), metadata)
                });
            }
            if number.index() == next {
                next += 1;
            }
        }
        // Behind a gap some are told again: the one in the gap is not on the list yet.
        told.callsites = next;
    }

    /// Lets a reader know something. Not of a panic, if a thread is telling something else just now: it
    /// may be this very one.
    #[expect(
        clippy::disallowed_methods,
        reason = "held for as long as writing a fact takes; by who starts a pipeline or changes it"
    )]
    pub(crate) fn tell(&self, fact: &Fact<'_>) {
        let told = match fact {
            Fact::Panic { .. } => self.told.try_lock().ok(),
            _ => Some(self.told.lock().unwrap_or_else(PoisonError::into_inner)),
        };
        if let Some(mut told) = told {
            self.append(&mut told, |room| facts::write_fact(room, fact));
        }
    }

    /// Appends a fact where there is room for it, and makes room as long as it is allowed.
    fn append(&self, told: &mut Told, mut write: impl FnMut(&mut [u8]) -> Option<usize>) {
        loop {
            let start = self.layout.facts() + told.used_bytes;
            let room = told.reserved_bytes - told.used_bytes;
            // SAFETY: the range is reserved, behind the facts that are valid, and only accessed
            // by the one who holds the lock of `told`.
            let room =
                unsafe { std::slice::from_raw_parts_mut(self.at(start).as_ptr(), room as usize) };
            if let Some(bytes) = write(room) {
                told.used_bytes += bytes as u64;
                // Release: a fact is complete before it counts.
                self.word(header::FACTS_USED as u64)
                    .store(told.used_bytes, Ordering::Release);
                return;
            }
            let end = self.layout.facts() + told.reserved_bytes;
            if FACTS_BYTES_MAX <= told.reserved_bytes || !self.reserve_beside(end, STEP_BYTES) {
                self.is_untold.store(true, Ordering::Relaxed);
                return;
            }
            told.reserved_bytes += STEP_BYTES;
        }
    }
}
