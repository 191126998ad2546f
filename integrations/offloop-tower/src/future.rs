//! The response's future: what happens until the response's head is ready.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;
use tracing::instrument::Instrumented;

use crate::id::REQUEST_ID_HEADER;
use crate::outcome::Outcome;
use crate::record::RequestRecord;

pin_project! {
    /// The future of a [`RequestService`](crate::RequestService)'s response.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct RequestFuture<F> {
        // Fields are dropped in this order, and the order matters: if the client is gone, the
        // service's destructors run first, inside the span, *then* the record says `cancelled`.
        #[pin]
        inner: Instrumented<F>,
        record: RequestRecord,
    }
}

impl<F> RequestFuture<F> {
    pub(crate) fn new(inner: Instrumented<F>, record: RequestRecord) -> Self {
        Self { inner, record }
    }
}

impl<F, Body, Error> Future for RequestFuture<F>
where
    F: Future<Output = Result<Response<Body>, Error>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut result = ready!(this.record.run(|| this.inner.poll(context)));
        match &mut result {
            Ok(response) => {
                let id = this.record.id().header_value();
                response.headers_mut().insert(REQUEST_ID_HEADER, id);
                this.record.write(Outcome::Completed(response.status()));
            }
            Err(_) => this.record.write(Outcome::ServiceError),
        }
        Poll::Ready(result)
    }
}
