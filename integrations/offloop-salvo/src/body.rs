//! The bodies of a request: what the client sends, and what it gets.

use std::error::Error;
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use offloop::request::{LoggedConnection, Outcome, Request, RequestContext, ResponseHead, Value};
use salvo_core::Response;
use salvo_core::http::header::CONTENT_LENGTH;
use salvo_core::http::{HeaderMap, ReqBody, ResBody, StatusCode};

use crate::headers::Fields;

type BoxedError = Box<dyn Error + Send + Sync>;
type Polled<E> = Poll<Option<Result<Frame<Bytes>, E>>>;

/// Puts itself around the request's body, where there is one.
pub(crate) fn watch_upload(http: &mut salvo_core::Request, context: &RequestContext) {
    if http.body().is_end_stream() {
        return;
    }
    let upload = Upload {
        inner: http.take_body(),
        request: context.clone(),
    };
    http.replace_body(ReqBody::Boxed {
        inner: Box::pin(upload),
        // The body inside has its own.
        fuse_config: None,
    });
}

/// The request's body: counts what comes, and notes its end or failure.
struct Upload {
    inner: ReqBody,
    request: RequestContext,
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BoxedError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled<BoxedError> {
        let polled = Body::poll_frame(Pin::new(&mut self.inner), context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                self.request.received(bytes as u64);
            }
            Poll::Ready(Some(Err(_))) => self.request.upload_failed(),
            Poll::Ready(None) => self.request.upload_ended(),
            Poll::Pending => self.request.upload_waits(),
        }
        polled.map_err(BoxedError::from)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        Body::size_hint(&self.inner)
    }
}

/// A response on its way: whoever sees its head has the request, and so has its body.
pub(crate) struct Answer {
    held: Arc<Mutex<Held>>,
}

/// What both share.
struct Held {
    request: Option<Request>,
    /// Whether the response's body is one that reports its end.
    is_body_watched: bool,
    /// Its record comes after the request's.
    seen: Option<LoggedConnection>,
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Answer {
    /// Puts itself around the response's body, unless a catcher is going to write that.
    pub(crate) fn watch(
        request: Request,
        response: &mut Response,
        seen: Option<LoggedConnection>,
    ) -> Self {
        let is_body_watched = !response.body.is_none() && !response.body.is_error();
        let held = Held {
            request: Some(request),
            is_body_watched,
            seen,
        };
        let held = Arc::new(Mutex::new(held));
        if is_body_watched {
            let download = Download {
                inner: response.take_body(),
                held: Arc::clone(&held),
            };
            response.body = ResBody::Boxed(Box::pin(download));
        }
        Answer { held }
    }

    /// The head is final, and so is the body.
    pub(crate) fn head(self, response: &Response) {
        let mut held = lock(&self.held);
        let is_body_watched = held.is_body_watched;
        let Some(mut request) = held.request.take() else {
            return;
        };
        let status = response.status_code.unwrap_or(StatusCode::NOT_FOUND);
        let declared = content_length(response.headers());
        let head = ResponseHead {
            status: status.as_u16(),
            length: declared.or_else(|| Body::size_hint(&response.body).exact()),
            is_body_ended: response.body.is_end_stream(),
        };
        request.head(head, &Fields(response.headers()));
        if status == StatusCode::SWITCHING_PROTOCOLS {
            upgrade(request, held.seen.take());
        } else if is_body_watched {
            held.request = Some(request);
        } else {
            // A catcher's page lies ready as a whole.
            request.sent(response.body.size().unwrap_or(0));
            request.body_ended();
        }
    }
}

/// The request lasts as long as the connection, where that is seen.
fn upgrade(mut request: Request, seen: Option<LoggedConnection>) {
    match seen {
        Some(seen) => seen.keep_upgraded(request),
        None => request.end(Outcome::Upgraded),
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The response's body: its end is the request's, whichever way it ends.
struct Download {
    inner: ResBody,
    held: Arc<Mutex<Held>>,
}

impl Body for Download {
    type Data = Bytes;
    type Error = BoxedError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled<BoxedError> {
        let this = &mut *self;
        let inner = Pin::new(&mut this.inner);
        let mut held = lock(&this.held);
        let polled = match &mut held.request {
            Some(request) => request.run(|| Body::poll_frame(inner, context)),
            None => Body::poll_frame(inner, context),
        };
        if let Some(request) = &mut held.request {
            note(request, &polled, &this.inner);
        }
        polled.map_err(BoxedError::from)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        Body::size_hint(&self.inner)
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        let request = lock(&self.held).request.take();
        let inner = mem::take(&mut self.inner);
        let Some(mut request) = request else { return };
        // What the body's destructor logs belongs to the request.
        request.run(|| drop(inner));
        let mut held = lock(&self.held);
        held.request = Some(request);
        // Before the head is final, another body may still take its place.
        held.is_body_watched = false;
    }
}

fn note(request: &mut Request, polled: &Polled<io::Error>, body: &ResBody) {
    match polled {
        Poll::Ready(Some(Ok(frame))) => note_frame(request, frame, body),
        Poll::Ready(Some(Err(error))) => request.fail(Outcome::BodyError, Value::Error(error)),
        Poll::Ready(None) => request.body_ended(),
        Poll::Pending => {}
    }
}

fn note_frame(request: &mut Request, frame: &Frame<Bytes>, body: &ResBody) {
    if let Some(trailers) = frame.trailers_ref() {
        request.trailers(&Fields(trailers));
        return;
    }
    request.sent(frame.data_ref().map_or(0, Bytes::len) as u64);
    // A server does not ask on for more then.
    if body.is_end_stream() {
        request.body_ended();
    }
}
