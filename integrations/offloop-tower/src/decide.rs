//! Says what the answer of another layer means.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response, StatusCode};
use offloop::request::{Outcome, RequestContext};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// Says that an answer of this status, from the layers and the service inside of it, stands for this
/// outcome. It goes directly around the layer that gives such answers, inside of the
/// [`RequestLayer`](crate::RequestLayer), to which a time-out's answer looks like any other:
///
/// ```
/// use std::time::Duration;
///
/// use axum::{Router, http::StatusCode, routing::get};
/// use offloop::request::Outcome;
/// use offloop_tower::{DecideLayer, RequestLayer};
/// use tower_http::timeout::TimeoutLayer;
///
/// let status = StatusCode::REQUEST_TIMEOUT;
/// let app: Router = Router::new()
///     .route("/", get(|| async { "hello" }))
///     .layer(TimeoutLayer::with_status_code(status, Duration::from_secs(30)))
///     .layer(DecideLayer::new(status, Outcome::Timeout))
///     .layer(RequestLayer::new());
/// # drop(app);
/// ```
///
/// For layers that give errors instead, see [`decide_by_error`](crate::decide_by_error).
#[derive(Clone, Copy, Debug)]
pub struct DecideLayer {
    status: StatusCode,
    outcome: Outcome,
}

impl DecideLayer {
    /// By this status; [`Outcome::Timeout`], [`Outcome::Rejected`] or [`Outcome::Panic`].
    #[must_use]
    pub const fn new(status: StatusCode, outcome: Outcome) -> Self {
        Self { status, outcome }
    }
}

impl<S> Layer<S> for DecideLayer {
    type Service = DecideService<S>;

    fn layer(&self, inner: S) -> DecideService<S> {
        DecideService {
            inner,
            decide: *self,
        }
    }
}

/// The service of [`DecideLayer`].
#[derive(Clone, Copy, Debug)]
pub struct DecideService<S> {
    inner: S,
    decide: DecideLayer,
}

impl<S, B, R> Service<Request<B>> for DecideService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = DecideFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        DecideFuture {
            request: request.extensions().get().cloned(),
            inner: self.inner.call(request),
            decide: self.decide,
        }
    }
}

pin_project! {
    /// The future of a [`DecideService`]'s response.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct DecideFuture<F> {
        #[pin]
        inner: F,
        request: Option<RequestContext>,
        decide: DecideLayer,
    }
}

impl<F, R, E> Future for DecideFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(context));
        if let (Ok(response), Some(request)) = (&result, this.request)
            && response.status() == this.decide.status
        {
            request.decide(this.decide.outcome);
        }
        Poll::Ready(result)
    }
}
