//! A process that may end at any moment, without another word: by a signal that nobody handles, as
//! servers in other languages do once they have shut down.
//!
//! No exit handler runs then. So what waits is written before, whoever logs after that writes his
//! record himself, and nothing is left behind for the next start to find. Where the process goes on
//! after all, so does the pipeline: with a channel of its own again, whose pages outlive a kill.

use std::time::Duration;

use super::Pipeline;
use crate::filter;

impl Pipeline {
    /// Writes what waits, for `patience` at most; after that, callers write their records themselves
    /// and wait for so long all together. Says no where a sink stalls: nothing has changed then.
    pub(crate) fn expect_end(&self, patience: Duration) -> bool {
        let _changing = filter::change();
        let running = self.running();
        running.settle();
        running.expect_end(patience)
    }

    /// Goes on, if an end was expected. Waits for nobody: where something is being changed, the next
    /// late record comes here again.
    pub(crate) fn go_on(&self) {
        if !self.running().expects_end() {
            return;
        }
        let Some(_changing) = filter::try_change() else {
            self.running().go_on_soon();
            return;
        };
        let running = self.running().clone();
        if !running.expects_end() {
            // Another thread was faster.
            return;
        }
        running.expect_no_end();
        if !self.renew(&running) {
            // The pages are no longer in a file, but that is all.
            self.reopen(&running);
        }
    }
}
