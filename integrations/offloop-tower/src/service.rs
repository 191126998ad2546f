//! The service: what happens when a request arrives.

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;
use tracing::Instrument;

use crate::future::RequestFuture;
use crate::id::RequestId;
use crate::record::RequestRecord;

/// Gives each request an id, a span and one record, and passes it on.
///
/// Made by [`RequestLayer`](crate::RequestLayer).
#[derive(Clone, Copy, Debug)]
pub struct RequestService<S> {
    inner: S,
}

impl<S> RequestService<S> {
    /// Wraps one service.
    pub const fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, RequestBody, ResponseBody> Service<Request<RequestBody>> for RequestService<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = RequestFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        let id = RequestId::accept_or_make(request.headers());
        let mut record = RequestRecord::open(&request, id.clone());
        request.extensions_mut().insert(id);
        let span = record.span().clone();
        let inner = record.run(|| span.in_scope(|| self.inner.call(request)));
        RequestFuture::new(inner.instrument(span), record)
    }
}
