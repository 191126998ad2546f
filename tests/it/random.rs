//! Numbers that nobody can foresee, the same in every run.

use std::time::{Duration, Instant};

pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    /// Lets a moment pass, so that a kill comes at any instant.
    pub(crate) fn pass_moment(&mut self, limit_us: u64) {
        let end = Instant::now() + Duration::from_micros(self.below(limit_us));
        while Instant::now() < end {
            std::hint::spin_loop();
        }
    }
}
