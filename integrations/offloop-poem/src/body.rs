//! The bodies of a request: what the client sends, and what it gets.

use std::io;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use offloop::request::{LoggedConnection, Outcome, Request, RequestContext, Value};

use crate::headers::Fields;

type Polled = Poll<Option<io::Result<Frame<Bytes>>>>;

/// The request's body: counts what comes, and notes its end or failure.
pub(crate) struct Upload {
    inner: BoxBody<Bytes, io::Error>,
    request: RequestContext,
}

impl Upload {
    pub(crate) fn boxed(body: poem::Body, request: RequestContext) -> poem::Body {
        let inner = body.into();
        BodyExt::boxed(Upload { inner, request }).into()
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, |data| data.len());
                self.request.received(bytes as u64);
            }
            Poll::Ready(Some(Err(_))) => self.request.upload_failed(),
            Poll::Ready(None) => self.request.upload_ended(),
            Poll::Pending => self.request.upload_waits(),
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

/// The response's body: its end is the request's, whichever way it ends.
pub(crate) struct Download {
    inner: BoxBody<Bytes, io::Error>,
    request: Request,
    /// Its record comes after the request's.
    _seen: Option<LoggedConnection>,
}

impl Download {
    pub(crate) fn boxed(
        inner: BoxBody<Bytes, io::Error>,
        request: Request,
        seen: Option<LoggedConnection>,
    ) -> poem::Body {
        let download = Download {
            inner,
            request,
            _seen: seen,
        };
        BodyExt::boxed(download).into()
    }

    fn note(&mut self, frame: &Frame<Bytes>) {
        if let Some(trailers) = frame.trailers_ref() {
            self.request.trailers(&Fields(trailers));
            return;
        }
        let bytes = frame.data_ref().map_or(0, |data| data.len());
        self.request.sent(bytes as u64);
        // A server does not ask on for more then.
        if self.inner.is_end_stream() {
            self.request.body_ended();
        }
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        // What the body's destructor logs belongs to the request.
        let inner = mem::take(&mut self.inner);
        self.request.run(|| drop(inner));
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        let this = &mut *self;
        let inner = Pin::new(&mut this.inner);
        let polled = this.request.run(|| inner.poll_frame(context));
        match &polled {
            Poll::Ready(Some(Ok(frame))) => this.note(frame),
            Poll::Ready(Some(Err(error))) => {
                this.request.fail(Outcome::BodyError, Value::Error(error));
            }
            Poll::Ready(None) => this.request.body_ended(),
            Poll::Pending => {}
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
