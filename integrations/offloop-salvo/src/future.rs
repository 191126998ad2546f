//! A request from its arrival until the response's head is ready.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use offloop::request::Request;
use pin_project_lite::pin_project;

pin_project! {
    /// A handler whose polls work for a request, and its destructors as well.
    pub(crate) struct Handling<'r, F> {
        #[pin]
        handler: Option<F>,
        request: &'r mut Request,
        catches_panics: bool,
    }

    impl<F> PinnedDrop for Handling<'_, F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let mut handler = this.handler;
            this.request.context().run(|| handler.set(None));
        }
    }
}

impl<'r, F> Handling<'r, F> {
    pub(crate) fn new(request: &'r mut Request, handler: F, catches_panics: bool) -> Self {
        Handling {
            handler: Some(handler),
            request,
            catches_panics,
        }
    }
}

impl<F: Future> Future for Handling<'_, F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(handler) = this.handler.as_pin_mut() else {
            // Only this future's own destructor takes the handler away.
            return Poll::Pending;
        };
        if !*this.catches_panics {
            return this.request.run(|| handler.poll(context)).map(Ok);
        }
        // What a panic left half done is dropped unseen, with the handler.
        let poll = AssertUnwindSafe(|| handler.poll(context));
        match this.request.run(|| catch_unwind(poll)) {
            Ok(polled) => polled.map(Ok),
            Err(payload) => Poll::Ready(Err(Panicked::of(&*payload))),
        }
    }
}

/// What a handler said when it panicked.
#[derive(Debug)]
pub(crate) struct Panicked(String);

impl Panicked {
    fn of(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        Panicked(text.unwrap_or("a panic without a text").to_owned())
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Panicked {}
