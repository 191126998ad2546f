//! The service: what happens when a request arrives.

use std::fmt;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use offloop::request::RequestContext;
use tower_service::Service;

use crate::body::{RequestBody, ResponseBody};
use crate::future::RequestFuture;
use crate::layer::Settings;
use crate::life::Life;
use crate::route;

/// Follows each request to its end, and writes one record of it.
///
/// Made by [`RequestLayer`](crate::RequestLayer). One inside of another adds nothing but the matched
/// route: a request has one record.
#[derive(Clone, Debug)]
pub struct RequestService<S> {
    inner: S,
    settings: Settings,
}

impl<S> RequestService<S> {
    pub(crate) const fn new(inner: S, settings: Settings) -> Self {
        Self { inner, settings }
    }
}

impl<S, RequestInner, ResponseInner> Service<Request<RequestInner>> for RequestService<S>
where
    S: Service<Request<RequestBody<RequestInner>>, Response = Response<ResponseInner>>,
    S::Error: fmt::Display + 'static,
    ResponseInner: Body,
{
    type Response = Response<ResponseBody<ResponseInner>>;
    type Error = S::Error;
    type Future = RequestFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<RequestInner>) -> Self::Future {
        if request.extensions().get::<RequestContext>().is_some() {
            route::probe(request.extensions());
            return RequestFuture::untold(self.inner.call(request.map(RequestBody::untold)));
        }
        self.follow(request)
    }
}

impl<S> RequestService<S> {
    fn follow<B>(&mut self, mut request: Request<B>) -> RequestFuture<S::Future>
    where
        S: Service<Request<RequestBody<B>>>,
    {
        let life = Life::begin(&request, &self.settings);
        let context = life.context().clone();
        request.extensions_mut().insert(context.clone());
        // The request is lent, and the future put in its place: both are large.
        let mut parts = Some(request.into_parts());
        let mut future = RequestFuture::new(life, &self.settings);
        future.call(|called| {
            if let Some((parts, body)) = parts.take() {
                let body = RequestBody::new(body, context);
                *called = Some(self.inner.call(Request::from_parts(parts, body)));
            }
        });
        future
    }
}
