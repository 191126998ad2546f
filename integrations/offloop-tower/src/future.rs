//! The response's future: what happens until the response's head is ready.

use std::fmt;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Response, StatusCode};
use http_body::Body;
use offloop::request::Outcome;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use crate::body::ResponseBody;
use crate::layer::Settings;
use crate::life::{Life, Payload};

pin_project! {
    /// The future of a [`RequestService`](crate::RequestService)'s response.
    #[must_use = "futures do nothing unless polled"]
    pub struct RequestFuture<F> {
        // `None` once it is over.
        #[pin]
        inner: Option<F>,
        // `None` once the response's body has it, and where an outer layer has it.
        life: Option<Life>,
        timeout: Option<Timeout>,
        catches_panics: bool,
        // What a panic of the service's `call` left behind.
        panicked: Option<Payload>,
    }

    impl<F> PinnedDrop for RequestFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // If the client is gone, the handler's destructors run first, within the request; *then*
            // the record says so.
            if let Some(life) = this.life
                && let Err(payload) = life.run(|| this.inner.set(None))
            {
                life.panicked();
                resume_unwind(payload);
            }
        }
    }
}

struct Timeout {
    // In a box of its own, since few requests have one.
    sleep: Pin<Box<Sleep>>,
    status: StatusCode,
}

impl<F> RequestFuture<F> {
    /// Of a request that an outer layer follows.
    pub(crate) fn untold(inner: F) -> Self {
        Self {
            inner: Some(inner),
            life: None,
            timeout: None,
            catches_panics: false,
            panicked: None,
        }
    }

    /// Of a request whose service is called by [`call`](Self::call).
    pub(crate) fn new(life: Life, settings: &Settings) -> Self {
        let timeout = settings.timeout.map(|(duration, status)| Timeout {
            sleep: Box::pin(sleep(duration)),
            status,
        });
        Self {
            inner: None,
            life: Some(life),
            timeout,
            catches_panics: settings.catches_panics,
            panicked: None,
        }
    }

    /// Calls the service, which is a part of the request's work; `call` puts its future where it
    /// stays.
    #[inline]
    pub(crate) fn call(&mut self, call: impl FnOnce(&mut Option<F>)) {
        let Some(life) = &mut self.life else { return };
        match life.run(|| call(&mut self.inner)) {
            Ok(()) => {}
            Err(payload) if self.catches_panics => self.panicked = Some(payload),
            Err(payload) => {
                life.panicked();
                resume_unwind(payload)
            }
        }
    }
}

impl<F, B, E> Future for RequestFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    E: fmt::Display + 'static,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(life) = this.life else {
            return poll_untold(this.inner, context);
        };
        let mut polled = Poll::Pending;
        let worked = match (this.panicked.take(), this.inner.as_mut().as_pin_mut()) {
            (Some(payload), _) => Err(payload),
            (None, Some(inner)) => life.run(|| polled = inner.poll(context)),
            (None, None) => return Poll::Pending,
        };
        let stopped = match (worked, polled) {
            (Ok(()), Poll::Ready(Ok(response))) => {
                return Poll::Ready(Ok(ResponseBody::of(response, this.life.take())));
            }
            (Ok(()), Poll::Ready(Err(error))) => {
                life.service_failed(&error);
                return Poll::Ready(Err(error));
            }
            (Ok(()), Poll::Pending) => match poll_timeout(this.timeout, context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(status) => life.run(|| this.inner.set(None)).map(|()| status),
            },
            (Err(payload), _) => Err(payload),
        };
        let answer = match stopped {
            Ok(status) => life.answer(status, Outcome::Timeout),
            Err(_) if *this.catches_panics => life.answer_panic(),
            Err(payload) => {
                life.panicked();
                resume_unwind(payload)
            }
        };
        Poll::Ready(Ok(ResponseBody::none(answer)))
    }
}

impl<F> fmt::Debug for RequestFuture<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut future = formatter.debug_struct("RequestFuture");
        future.field("life", &self.life).finish_non_exhaustive()
    }
}

/// What the inner service answers goes on as it is.
fn poll_untold<F, B, E>(
    inner: Pin<&mut Option<F>>,
    context: &mut Context<'_>,
) -> Poll<Result<Response<ResponseBody<B>>, E>>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    match inner.as_pin_mut() {
        Some(inner) => inner
            .poll(context)
            .map_ok(|response| response.map(ResponseBody::untold)),
        // It is over: who asks again gets no other answer.
        None => Poll::Pending,
    }
}

/// Ready, with the status to answer, when the time is over.
fn poll_timeout(timeout: &mut Option<Timeout>, context: &mut Context<'_>) -> Poll<StatusCode> {
    match timeout {
        Some(timeout) => timeout
            .sleep
            .as_mut()
            .poll(context)
            .map(|()| timeout.status),
        None => Poll::Pending,
    }
}
