//! The work of a handler.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use offloop::request::Outcome;
use pin_project_lite::pin_project;

use crate::held::Held;

pin_project! {
    /// A handler whose polls work for a request, and its destructors as well.
    pub(crate) struct Handling<'r, F> {
        #[pin]
        handler: Option<F>,
        held: &'r Held,
    }

    impl<F> PinnedDrop for Handling<'_, F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let mut handler = this.handler;
            this.held.context().run(|| handler.set(None));
        }
    }
}

impl<'r, F> Handling<'r, F> {
    pub(crate) fn new(held: &'r Held, handler: F) -> Self {
        Handling {
            handler: Some(handler),
            held,
        }
    }
}

impl<F: Future> Future for Handling<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let Some(handler) = this.handler.as_pin_mut() else {
            // Only this future's own destructor takes the handler away.
            return Poll::Pending;
        };
        let poll = AssertUnwindSafe(|| handler.poll(context));
        match this.held.run(|| catch_unwind(poll)) {
            Ok(polled) => polled,
            Err(payload) => {
                note(this.held, &*payload);
                // Rocket catches it, and answers with 500.
                resume_unwind(payload)
            }
        }
    }
}

fn note(held: &Held, payload: &(dyn Any + Send)) {
    held.context().add_error(&Panicked::of(payload));
    held.context().decide(Outcome::Panic);
}

/// What a handler said when it panicked.
#[derive(Debug)]
struct Panicked(String);

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
