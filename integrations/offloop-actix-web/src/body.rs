//! The two bodies of a request: the one that the client sends, and the one of the response.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::{Payload, ResponseHead as ActixHead, ServiceRequest};
use actix_web::error::PayloadError;
use actix_web::http::{StatusCode, header};
use actix_web::web::Bytes;
use futures_core::Stream;
use offloop::request::{Connection, Outcome, Request, RequestContext, ResponseHead, Value};
use pin_project_lite::pin_project;

use crate::connection;
use crate::headers::ActixHeaders;

/// Has the bytes that the client sends counted as the handler reads them.
pub(crate) fn follow_upload(request: &mut ServiceRequest, context: &RequestContext) {
    match request.parts_mut().1.take() {
        Payload::None => {}
        inner => {
            let upload = Upload {
                inner,
                context: context.clone(),
                connection: connection::of(request),
            };
            let upload: Pin<Box<dyn Stream<Item = _>>> = Box::pin(upload);
            request.set_payload(upload.into());
        }
    }
}

/// The body that the client sends.
struct Upload {
    inner: Payload,
    context: RequestContext,
    connection: Option<Arc<Connection>>,
}

impl Upload {
    fn fail(&self, error: &PayloadError) {
        // What actix-web says where the client has closed its end: the connection itself lasts until the
        // answer is written, which nobody reads. (It says the same of chunks that are none.)
        if let PayloadError::Incomplete(_) = error
            && let Some(connection) = &self.connection
        {
            connection.close_by_client();
        }
        self.context.upload_failed();
    }
}

impl Stream for Upload {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut self.inner).poll_next(context);
        match &polled {
            Poll::Ready(Some(Ok(bytes))) => self.context.received(bytes.len() as u64),
            Poll::Ready(Some(Err(error))) => self.fail(error),
            Poll::Ready(None) => self.context.upload_ended(),
            Poll::Pending => self.context.upload_waits(),
        }
        polled
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

pin_project! {
    /// The body of a response, followed to its end.
    ///
    /// `try_into_bytes` keeps its default, which gives nothing: of bytes that are taken out in one
    /// piece nobody would tell when they are sent.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        // `None` while it is being dropped.
        #[pin]
        inner: Option<B>,
        sending: Sending,
    }

    impl<B> PinnedDrop for ResponseBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let mut inner = this.inner;
            // What the body's destructor logs belongs to the request.
            this.sending.request.run(|| inner.set(None));
        }
    }
}

/// A response on its way.
#[derive(Debug)]
struct Sending {
    request: Request,
    /// Whether the connection goes on with another protocol, whose data the body carries.
    is_upgrade: bool,
}

impl<B: MessageBody> ResponseBody<B> {
    pub(crate) fn new(head: &ActixHead, inner: B, mut request: Request) -> Self {
        let (length, is_body_ended) = match inner.size() {
            BodySize::None | BodySize::Sized(0) => (None, true),
            BodySize::Sized(length) => (Some(length), false),
            BodySize::Stream => (declared_length(head), false),
        };
        let head_ready = ResponseHead {
            status: head.status.as_u16(),
            length,
            is_body_ended,
        };
        request.head(head_ready, &ActixHeaders(head.headers()));
        let is_upgrade = head.status == StatusCode::SWITCHING_PROTOCOLS;
        let sending = Sending {
            request,
            is_upgrade,
        };
        ResponseBody {
            inner: Some(inner),
            sending,
        }
    }
}

/// The length of a stream, where the handler promises one: `HttpResponseBuilder::no_chunking`.
fn declared_length(head: &ActixHead) -> Option<u64> {
    let length = head.headers().get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

impl<B: MessageBody> MessageBody for ResponseBody<B> {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.inner.as_ref().map_or(BodySize::None, B::size)
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.project();
        let sending = this.sending;
        let Some(inner) = this.inner.as_pin_mut() else {
            return Poll::Ready(None);
        };
        match sending.request.run(|| inner.poll_next(context)) {
            Poll::Ready(Some(Ok(bytes))) => {
                sending.request.sent(bytes.len() as u64);
                Poll::Ready(Some(Ok(bytes)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(sending.fail(error.into())))),
            Poll::Ready(None) => {
                sending.end();
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Sending {
    fn fail(&mut self, error: Box<dyn Error>) -> Box<dyn Error> {
        self.request.fail(Outcome::BodyError, Value::Error(&*error));
        error
    }

    fn end(&mut self) {
        match self.is_upgrade {
            true => self.request.end(Outcome::Upgraded),
            false => self.request.body_ended(),
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        // The other protocol ends with its connection, whoever closes that.
        if self.is_upgrade {
            self.request.end(Outcome::Upgraded);
        }
    }
}
