//! What was answered last about callsites, for events that are looked at twice.

use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Metadata;

/// What becomes of the events of a callsite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// They are handed over as they come.
    Now,
    /// They are detail of a request.
    Detail,
    Never,
    /// They are handed over as far as limits and samples allow.
    Limited,
}

/// Answers for callsites, each at the place that the hash of its address says.
#[derive(Debug)]
pub(super) struct Answers([AtomicU64; 256]);

impl Default for Answers {
    fn default() -> Self {
        Answers([const { AtomicU64::new(0) }; 256])
    }
}

impl Answers {
    /// What is known of a callsite, which may be anybody's: only those that last are ever noted.
    /// Answers of one filter are none of another's, which has another `number`.
    ///
    /// ```text
    /// { answer: 2, address: 46 without its two lowest bits, which are 0, number: 16 }
    /// ```
    ///
    /// No answer is believed that was given 65,536 filters ago: callsites that are on are met more
    /// often than filters change.
    #[inline]
    pub(super) fn known(&self, metadata: &Metadata<'_>, number: u64) -> Option<Answer> {
        let (place, question) = self.place_of(metadata, number);
        // Relaxed: one word holds the question and its answer.
        let known = place.load(Ordering::Relaxed);
        if known & !3 != question {
            return None;
        }
        Some(match known & 3 {
            0 => Answer::Now,
            1 => Answer::Detail,
            2 => Answer::Never,
            _ => Answer::Limited,
        })
    }

    /// The same, else what `ask` says, which is known from then on.
    #[inline]
    pub(super) fn find(
        &self,
        metadata: &'static Metadata<'static>,
        number: u64,
        ask: impl FnOnce() -> Answer,
    ) -> Answer {
        if let Some(known) = self.known(metadata, number) {
            return known;
        }
        let fresh = ask();
        let (place, question) = self.place_of(metadata, number);
        // Relaxed: see `known`.
        place.store(question | fresh as u64, Ordering::Relaxed);
        fresh
    }

    /// Where an answer for a callsite is, and what it begins with if it is this one's.
    #[inline(always)]
    fn place_of(&self, metadata: &Metadata<'_>, number: u64) -> (&AtomicU64, u64) {
        let address = std::ptr::from_ref(metadata).addr() as u64;
        let hash = address.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56;
        (&self.0[hash as usize], address ^ (number << 48))
    }
}
