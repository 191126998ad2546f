//! The request's own body: what comes of it, and whether its client gives up.

use std::sync::atomic::{AtomicU8, Ordering};

use super::context::RequestContext;

/// How the body stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upload {
    /// It is on its way, or nobody has asked for it.
    Open,
    /// All of it has come.
    Ended,
    /// The client went away, broke the protocol, or sent less than it had declared.
    Failed,
    /// The handler waits for more of it.
    Waits,
}

/// The state of a body. Relaxed: nothing is read because of it.
#[derive(Debug, Default)]
pub(super) struct UploadState(AtomicU8);

impl UploadState {
    pub(super) fn get(&self) -> Upload {
        let states = [Upload::Open, Upload::Ended, Upload::Failed, Upload::Waits];
        states[usize::from(self.0.load(Ordering::Relaxed) % 4)]
    }

    fn set(&self, upload: Upload) {
        self.0.store(upload as u8, Ordering::Relaxed);
    }
}

impl RequestContext {
    /// So many more bytes of the request's own body have come.
    ///
    /// ```
    /// # use offloop::request::{Arrival, RequestLog};
    /// let request = RequestLog::default().begin(Arrival::default(), &());
    /// request.context().received(4096);
    /// ```
    pub fn received(&self, bytes: u64) {
        let progress = &self.0.progress;
        progress.received.fetch_add(bytes, Ordering::Relaxed);
        progress.upload.set(Upload::Open);
    }

    /// The handler waits for more of the request's own body. A client that goes away meanwhile has
    /// broken off the upload.
    ///
    /// ```
    /// # use offloop::request::{Arrival, RequestLog};
    /// let request = RequestLog::default().begin(Arrival::default(), &());
    /// request.context().upload_waits();
    /// ```
    pub fn upload_waits(&self) {
        self.0.progress.upload.set(Upload::Waits);
    }

    /// The request's own body has come to its end. If that is short of its declared length, the
    /// client has given up.
    ///
    /// ```
    /// # use offloop::request::{Arrival, RequestLog};
    /// let request = RequestLog::default().begin(Arrival::default(), &());
    /// request.context().upload_ended();
    /// ```
    pub fn upload_ended(&self) {
        let progress = &self.0.progress;
        let received = progress.received.load(Ordering::Relaxed);
        let declared = self.0.declared_upload;
        let is_whole = declared.is_none_or(|declared| declared <= received);
        progress.upload.set(if is_whole {
            Upload::Ended
        } else {
            Upload::Failed
        });
    }

    /// The request's own body has failed: the client went away, or broke the protocol.
    ///
    /// ```
    /// # use offloop::request::{Arrival, RequestLog};
    /// let request = RequestLog::default().begin(Arrival::default(), &());
    /// request.context().upload_failed();
    /// ```
    pub fn upload_failed(&self) {
        self.0.progress.upload.set(Upload::Failed);
    }
}
