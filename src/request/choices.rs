//! What the options come to for one request.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tracing::Level;

use super::arrival::Arrival;
use super::options::{Incoming, Options};
use super::outcome::{Ended, Outcome};

impl Options {
    /// Counts a request that has ended. A session that lasts is not slow.
    pub(super) fn is_among_slowest(&self, outcome: Outcome, duration: Duration) -> bool {
        let latencies = self.latencies.as_ref();
        outcome != Outcome::Upgraded && latencies.is_some_and(|latencies| latencies.note(duration))
    }

    /// Whether who sent a request is believed about one of these.
    pub(super) fn believes(&self, whom: Incoming, arrival: &Arrival<'_>) -> bool {
        match whom {
            Incoming::Accept => true,
            Incoming::Ignore => false,
            Incoming::Trusted => {
                let proxies = self.proxies.as_ref().zip(arrival.peer);
                proxies.is_some_and(|(proxies, peer)| proxies.trusts(peer.ip()))
            }
        }
    }

    /// Lets the program look at a request that has ended.
    pub(super) fn show_end(&self, ended: &Ended<'_>) {
        if let Some(look) = &self.at_end {
            // As in `level_of`.
            let _ = catch_unwind(AssertUnwindSafe(|| (look.0)(ended)));
        }
    }

    pub(super) fn wants_detail_of(&self, ended: &Ended<'_>) -> bool {
        let chosen = self
            .wants_detail
            .as_ref()
            .and_then(|wants| catch_unwind(AssertUnwindSafe(|| (wants.0)(ended))).ok());
        chosen.unwrap_or_else(|| ended.wants_detail())
    }

    pub(super) fn level_of(&self, ended: &Ended<'_>) -> Level {
        let chosen = self.level.as_ref().and_then(|choose| {
            // A request may end in a destructor, during a panic: one more would abort the process.
            catch_unwind(AssertUnwindSafe(|| (choose.0)(ended))).ok()
        });
        chosen.unwrap_or_else(|| ended.level())
    }

    pub(super) fn is_quiet(&self, path: &str) -> bool {
        self.quiet.iter().any(|quiet| quiet.matches(path))
    }
}
