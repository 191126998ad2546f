//! The work of a handler.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

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
        this.held.run(|| handler.poll(context))
    }
}
