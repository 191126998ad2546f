//! The end of a request: what its outcome is, and how far it had come.

use std::sync::atomic::Ordering;

use super::context::RequestContext;
use super::outcome::{Outcome, Phase};
use super::upload::Upload;
use super::{record, table};

/// What a response by itself does not tell, see [`RequestContext::decide`].
const DECIDABLE: [Outcome; 4] = [
    Outcome::Timeout,
    Outcome::Rejected,
    Outcome::Panic,
    Outcome::ServiceError,
];

impl RequestContext {
    /// Says what the outcome of the request is, should it come to its end: what a time-out or a limit
    /// inside of the adapter answers looks like any other response, and so does what is answered after
    /// a panic. It may be `Timeout`, `Rejected`, `Panic` or `ServiceError`, others change nothing. The
    /// first one counts.
    ///
    /// ```
    /// use offloop::request::{Outcome, RequestContext};
    ///
    /// if let Some(request) = RequestContext::current() {
    ///     request.decide(Outcome::Rejected);
    /// }
    /// ```
    pub fn decide(&self, outcome: Outcome) {
        if !DECIDABLE.contains(&outcome) {
            return;
        }
        let (set, fetch) = (Ordering::Relaxed, Ordering::Relaxed);
        let verdict = &self.0.progress.verdict;
        let _ = verdict.compare_exchange(0, 1 + outcome as u8, set, fetch);
    }

    /// Ends the request, for who may have another handle to lend. Says whether this was the call that
    /// did.
    pub(super) fn end(&self, outcome: Outcome, lender: &mut Option<RequestContext>) -> bool {
        let progress = &self.0.progress;
        if !self.is_own() {
            // It is the parent's to end.
            return false;
        }
        // AcqRel: who ends it sees what all others have reported; nobody ends it twice.
        if progress.has_ended.swap(true, Ordering::AcqRel) {
            return false;
        }
        table::leave(self);
        let outcome = self.final_outcome(outcome);
        record::write(self, outcome, self.phase(outcome), lender);
        true
    }

    fn final_outcome(&self, outcome: Outcome) -> Outcome {
        let progress = &self.0.progress;
        let is_upload_failed = progress.upload.get() == Upload::Failed;
        match outcome {
            // Whatever was answered, nobody reads it.
            Outcome::Cancelled if is_upload_failed => Outcome::ClientDisconnect,
            Outcome::Completed if is_upload_failed && !self.is_break_answered() => {
                Outcome::ClientDisconnect
            }
            Outcome::Completed => self.verdict().unwrap_or(outcome),
            _ => outcome,
        }
    }

    /// Whether an upload that failed was answered as what it was, to a client that is still there: it
    /// broke the protocol, and has not gone away.
    fn is_break_answered(&self) -> bool {
        let status = self.0.progress.status.load(Ordering::Relaxed);
        let connection = self.0.connection.as_ref();
        let is_open = connection.is_some_and(|connection| connection.is_open());
        // A stream of HTTP/2 or 3 fails where its client resets it, on a connection that goes on.
        let is_stream = matches!(self.0.protocol, "2" | "3");
        (400..500).contains(&status) && is_open && !is_stream
    }

    fn verdict(&self) -> Option<Outcome> {
        let verdict = self.0.progress.verdict.load(Ordering::Relaxed);
        DECIDABLE
            .into_iter()
            .find(|outcome| 1 + *outcome as u8 == verdict)
    }

    fn phase(&self, outcome: Outcome) -> Option<Phase> {
        let progress = &self.0.progress;
        if outcome == Outcome::Completed || outcome == Outcome::Upgraded {
            return None;
        }
        let is_answered = progress.status.load(Ordering::Relaxed) != 0;
        let is_in_upload = match progress.upload.get() {
            Upload::Failed => {
                matches!(outcome, Outcome::ClientDisconnect | Outcome::StreamReset)
            }
            Upload::Waits => outcome.is_cut_short() && !is_answered,
            Upload::Open | Upload::Ended => false,
        };
        // There is a response, too, but what it was decided for came before.
        let is_decided = self.verdict() == Some(outcome);
        Some(if is_in_upload {
            Phase::Upload
        } else if is_answered && !is_decided {
            Phase::Body
        } else {
            Phase::Handler
        })
    }
}
