//! Takes the current request along into tasks and threads.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::context::RequestContext;

pin_project! {
    /// A future whose polls work for a request. Made by [`InRequest`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Carried<F> {
        #[pin]
        inner: F,
        request: Option<RequestContext>,
    }
}

impl<F: Future> Future for Carried<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        match this.request {
            Some(request) => request.run(|| this.inner.poll(context)),
            None => this.inner.poll(context),
        }
    }
}

/// Takes the current request along into a future that another task is going to poll.
///
/// ```
/// use offloop::request::InRequest;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// // Within a handler:
/// tokio::spawn(async { tracing::info!("still within the request") }.in_request()).await?;
/// # Ok::<_, tokio::task::JoinError>(())
/// # }).unwrap();
/// ```
pub trait InRequest: Future + Sized {
    /// Each poll works for the request that is the thread's current one now.
    fn in_request(self) -> Carried<Self> {
        Carried {
            inner: self,
            request: RequestContext::current(),
        }
    }
}

impl<F: Future> InRequest for F {}

/// Takes the current request along into a closure that another thread is going to run: one of
/// `std::thread`, of rayon, or tokio's `spawn_blocking`.
///
/// ```
/// use offloop::request::carry;
///
/// // Within a handler:
/// let thread = std::thread::spawn(carry(|| tracing::info!("still within the request")));
/// # thread.join().unwrap();
/// ```
pub fn carry<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let request = RequestContext::current();
    move || match request {
        Some(request) => request.run(work),
        None => work(),
    }
}
