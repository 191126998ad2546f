//! What was answered last about callsites, for events that are looked at twice.

use std::sync::atomic::{AtomicU64, Ordering};

use super::wanted::Wish;
use crate::capture::known::{Number, PerCallsite};

/// What becomes of the events of a callsite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) wish: Wish,
    /// Whether that holds only as far as limits and samples allow.
    pub(super) is_limited: bool,
}

/// The answers of one filter at a time, each with the number of the filter.
///
/// ```text
/// { number: 60, is_limited: 1, wish: 3 }
/// ```
#[derive(Debug, Default)]
pub(super) struct Answers(PerCallsite<AtomicU64>);

const ANSWER_BITS: u32 = 4;
const LIMITED: u64 = 1 << (ANSWER_BITS - 1);

impl Answers {
    /// What is known of a callsite. Answers of one filter are none of another's, which has another
    /// `number`; none has 0.
    #[inline]
    pub(super) fn known(&self, callsite: Number, number: u64) -> Option<Answer> {
        // Relaxed: one word holds the answer, and who gave it.
        let known = self.0.of(callsite).load(Ordering::Relaxed);
        (known >> ANSWER_BITS == number).then(|| Answer::from_bits(known))
    }

    /// The same, else what `ask` says, which is known from then on.
    #[inline]
    pub(super) fn find(
        &self,
        callsite: Number,
        number: u64,
        ask: impl FnOnce() -> Answer,
    ) -> Answer {
        self.known(callsite, number).unwrap_or_else(|| {
            let fresh = ask();
            let word = number << ANSWER_BITS | fresh.to_bits();
            // Relaxed: see `known`.
            self.0.of(callsite).store(word, Ordering::Relaxed);
            fresh
        })
    }
}

impl Answer {
    fn to_bits(self) -> u64 {
        let wish = match self.wish {
            Wish::Now | Wish::Sampled => 0,
            Wish::Detail => 1,
            Wish::Never => 2,
            Wish::Extra | Wish::SampledExtra => 3,
        };
        wish | if self.is_limited { LIMITED } else { 0 }
    }

    #[inline]
    fn from_bits(bits: u64) -> Self {
        Answer {
            wish: match bits & (LIMITED - 1) {
                0 => Wish::Now,
                1 => Wish::Detail,
                2 => Wish::Never,
                _ => Wish::Extra,
            },
            is_limited: bits & LIMITED != 0,
        }
    }
}
