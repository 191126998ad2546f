//! Until the response's head is ready.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::ServiceResponse;
use offloop::request::Request;
use pin_project_lite::pin_project;

use crate::body::ResponseBody;
use crate::error;
use crate::headers;
use crate::life::Life;

pin_project! {
    /// The future of [`RequestLogService`](crate::RequestLogService).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        // Before the request's life, so that it is dropped before: with it goes actix-web's request,
        // which holds on to the connection, and so the end of the connection can be told.
        #[pin]
        inner: Option<F>,
        failure: Option<Error>,
        life: Option<Life>,
    }
}

impl<F> ResponseFuture<F> {
    /// `inner` is an error where the handler panicked before there was a future.
    pub(crate) fn new(inner: Result<F, Error>, life: Life) -> Self {
        let (inner, failure) = match inner {
            Ok(inner) => (Some(inner), None),
            Err(failure) => (None, Some(failure)),
        };
        ResponseFuture {
            inner,
            failure,
            life: Some(life),
        }
    }
}

impl<F, B> Future for ResponseFuture<F>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
    B: MessageBody,
{
    type Output = Result<ServiceResponse<ResponseBody<B>>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let polled = match (
            this.failure.take(),
            this.inner.as_pin_mut(),
            &mut *this.life,
        ) {
            (Some(failure), ..) => Poll::Ready(Err(failure)),
            (None, Some(inner), Some(life)) => life
                .run(|| inner.poll(context))
                .unwrap_or_else(|failure| Poll::Ready(Err(failure))),
            // It was ready before.
            _ => Poll::Pending,
        };
        let result = ready!(polled);
        let Some(life) = this.life.take() else {
            return Poll::Pending;
        };
        let request = life.into_request();
        Poll::Ready(match result {
            Ok(response) => Ok(answer(request, response)),
            Err(failure) => Err(error::follow(failure, request)),
        })
    }
}

/// The head is ready: what it says is noted, and its body takes the request along.
fn answer<B: MessageBody>(
    request: Request,
    mut response: ServiceResponse<B>,
) -> ServiceResponse<ResponseBody<B>> {
    if let Some(route) = response.request().match_pattern() {
        request.set_route(&route);
    }
    if let Some(error) = response.response().error() {
        request.context().add_error_if_none(error);
    }
    headers::send_back(request.context(), response.headers_mut());
    response.map_body(|head, body| ResponseBody::new(head, body, request))
}
