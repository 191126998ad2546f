//! What the layer costs over one that does nothing.

use std::convert::Infallible;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::{Router, routing};
use http::{Request, Response};
use http_body_util::BodyExt;
use offloop_tower::RequestLayer;
use tower::{Service, ServiceExt};

use crate::allocator::allocations_in;
use crate::{Test, log};

/// A layer that does nothing.
#[derive(Clone)]
struct Nothing<S>(S);

impl<S, B> Service<Request<B>> for Nothing<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.0.call(request)
    }
}

fn app() -> Router {
    Router::new().route("/users/{id}", routing::get(|| async { "ada" }))
}

fn request() -> Result<Request<Body>, http::Error> {
    Request::get("/users/42?verbose=1")
        .header("host", "localhost:8080")
        .header("user-agent", "curl/8.5.0")
        .header("accept", "*/*")
        .header("accept-encoding", "gzip")
        .body(Body::empty())
}

/// How often a warm request allocates.
fn allocations(app: &Router) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let serve = async |request: Request<Body>| {
        let response = app.clone().oneshot(request).await;
        let body = response.unwrap_or_else(|never| match never {}).into_body();
        assert!(body.collect().await.is_ok());
    };
    // What is made once: the callsite, the lane, the pieces for the values of headers.
    for _ in 0..200 {
        runtime.block_on(serve(request()?));
    }
    let requests = (0..100).map(|_| request()).collect::<Result<Vec<_>, _>>()?;
    let mut requests = requests.into_iter();
    Ok(allocations_in(|| {
        for request in requests.by_ref() {
            runtime.block_on(serve(request));
        }
    }))
}

#[test]
fn a_request_costs_at_most_four_allocations_more_than_with_a_layer_that_does_nothing() -> Test {
    log::start();
    // With its state, as `axum::serve` gets it: the layers are applied once, not for each request.
    let nothing = app().layer(tower::layer::layer_fn(Nothing)).with_state(());
    let with_record = app().layer(RequestLayer::new()).with_state(());
    let nothing = allocations(&nothing)?;
    let with_record = allocations(&with_record)?;
    assert!(
        with_record <= nothing + 4 * 100,
        "for 100 requests: {nothing} without, {with_record} with"
    );
    Ok(())
}
