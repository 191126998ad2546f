//! The bodies of request and response: how much of them came and went, and how they ended.
//!
//! Both say of themselves what their inner ones say: frames, size and end pass unchanged.

use std::fmt;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use http_body::{Body, Frame, SizeHint};
use offloop::request::RequestContext;
use pin_project_lite::pin_project;

use crate::life::Life;

pin_project! {
    /// The body of a request.
    #[derive(Debug)]
    pub struct RequestBody<B> {
        #[pin]
        inner: B,
        // `None` where an outer layer has it.
        request: Option<RequestContext>,
    }
}

impl<B> RequestBody<B> {
    /// Of a request that an outer layer follows.
    pub(crate) fn untold(inner: B) -> Self {
        Self {
            inner,
            request: None,
        }
    }

    pub(crate) fn new(inner: B, request: RequestContext) -> Self {
        let request = Some(request);
        Self { inner, request }
    }
}

impl<B: Body> Body for RequestBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let polled = this.inner.as_mut().poll_frame(context);
        let Some(request) = this.request else {
            return polled;
        };
        match &polled {
            Poll::Pending => request.upload_waits(),
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    request.received(bytes::Buf::remaining(data) as u64);
                }
                if this.inner.is_end_stream() {
                    request.upload_ended();
                }
            }
            Poll::Ready(Some(Err(_))) => request.upload_failed(),
            Poll::Ready(None) => request.upload_ended(),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

pin_project! {
    /// The body of a response. The end of the body is the end of the request.
    pub struct ResponseBody<B> {
        // `None` where the layer itself has answered.
        #[pin]
        inner: Option<B>,
        // `None` where there is nothing more to tell.
        life: Option<Life>,
    }

    impl<B> PinnedDrop for ResponseBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // As with the future: what the body's destructor logs belongs to the request.
            if let Some(life) = this.life
                && let Err(payload) = life.run(|| this.inner.set(None))
            {
                life.panicked();
                resume_unwind(payload);
            }
        }
    }
}

impl<B> ResponseBody<B> {
    /// Of a request that an outer layer follows.
    pub(crate) fn untold(inner: B) -> Self {
        let inner = Some(inner);
        Self { inner, life: None }
    }

    /// An answer of the layer's own.
    pub(crate) fn none(answer: Response<()>) -> Response<Self> {
        answer.map(|()| Self {
            inner: None,
            life: None,
        })
    }
}

impl<B: Body> ResponseBody<B> {
    /// The service's answer.
    pub(crate) fn of(mut response: Response<B>, life: Option<Life>) -> Response<Self> {
        let life = life.and_then(|life| life.answered(&mut response));
        response.map(|inner| Self {
            inner: Some(inner),
            life,
        })
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body,
    B::Error: fmt::Display + 'static,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let Some(mut inner) = this.inner.as_pin_mut() else {
            return Poll::Ready(None);
        };
        let Some(life) = this.life else {
            return inner.poll_frame(context);
        };
        let mut polled = Poll::Pending;
        if let Err(payload) = life.run(|| polled = inner.as_mut().poll_frame(context)) {
            life.panicked();
            resume_unwind(payload);
        }
        match &polled {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(frame))) => {
                life.sent(frame);
                if inner.is_end_stream() {
                    life.body_ended();
                }
            }
            Poll::Ready(Some(Err(error))) => life.body_failed(error),
            Poll::Ready(None) => life.body_ended(),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let inner = self.inner.as_ref().map(Body::size_hint);
        inner.unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut body = formatter.debug_struct("ResponseBody");
        body.field("life", &self.life).finish_non_exhaustive()
    }
}
