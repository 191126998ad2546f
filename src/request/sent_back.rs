//! What a response tells its client about the request.

use std::fmt;

use super::context::RequestContext;
use super::trace_context::TraceparentText;

/// What a response tells its client: by it, the client's records and these here can be joined. See
/// [`RequestContext::sent_back`].
#[derive(Clone, Copy)]
pub struct SentBack<'r> {
    request_id: &'r str,
    traceresponse: TraceparentText,
}

impl SentBack<'_> {
    /// The value of the header `x-request-id`.
    #[must_use]
    pub fn request_id(&self) -> &str {
        self.request_id
    }

    /// The value of the header `traceresponse`: the trace, and the server's span in it.
    #[must_use]
    pub fn traceresponse(&self) -> &str {
        self.traceresponse.as_str()
    }
}

impl fmt::Debug for SentBack<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SentBack")
            .field("request_id", &self.request_id())
            .field("traceresponse", &self.traceresponse())
            .finish()
    }
}

impl RequestContext {
    /// What the response is to tell its client, unless
    /// [`Options::send_back`](super::Options::send_back) says that it tells nothing.
    ///
    /// ```
    /// use offloop::request::{Arrival, RequestLog};
    ///
    /// let request = RequestLog::default().begin(Arrival::default(), &());
    /// let sent_back = request.context().sent_back().unwrap();
    /// assert_eq!(sent_back.request_id(), request.context().id().as_str());
    /// assert!(sent_back.traceresponse().starts_with("00-"));
    /// ```
    #[must_use]
    pub fn sent_back(&self) -> Option<SentBack<'_>> {
        let wanted = self.0.options.sends_back.then_some(&self.0);
        wanted.map(|shared| SentBack {
            request_id: shared.id.as_str(),
            traceresponse: shared.trace.response(),
        })
    }
}
