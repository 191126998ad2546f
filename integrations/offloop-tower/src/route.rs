//! The matched route, where the framework tells it.

pub(crate) use matched::{of, probe};
#[cfg(feature = "axum")]
pub use with_axum::{RouteProbe, RouteProbeService};

#[cfg(feature = "axum")]
mod matched {
    use axum::extract::MatchedPath;
    use http::Extensions;
    use offloop::request::RequestContext;

    /// The route that axum has chosen, if the request has been through a `Router` already.
    pub(crate) fn of(extensions: &Extensions) -> Option<&str> {
        extensions.get().map(MatchedPath::as_str)
    }

    /// Tells the request, which has come from further outside, its route.
    pub(crate) fn probe(extensions: &Extensions) {
        if let (Some(request), Some(route)) = (extensions.get::<RequestContext>(), of(extensions)) {
            request.set_route(route);
        }
    }
}

#[cfg(not(feature = "axum"))]
mod matched {
    use http::Extensions;

    /// No framework tells its routes here.
    pub(crate) fn of(_: &Extensions) -> Option<&str> {
        None
    }

    pub(crate) fn probe(_: &Extensions) {}
}

#[cfg(feature = "axum")]
mod with_axum {
    use std::task::{Context, Poll};

    use http::Request;
    use tower_layer::Layer;
    use tower_service::Service;

    /// Tells a [`RequestLayer`](crate::RequestLayer) that lies around the whole `Router` which route
    /// was matched. It goes inside, where axum knows:
    ///
    /// ```
    /// use axum::{Router, ServiceExt, routing::get};
    /// use offloop_tower::{RequestLayer, RouteProbe};
    /// use tower::Layer;
    ///
    /// let router: Router = Router::new()
    ///     .route("/users/{id}", get(|| async { "ada" }))
    ///     .layer(RouteProbe);
    /// let app = RequestLayer::new().layer(router);
    /// # let _ = ServiceExt::<axum::extract::Request>::into_make_service(app);
    /// ```
    #[derive(Clone, Copy, Debug, Default)]
    pub struct RouteProbe;

    impl<S> Layer<S> for RouteProbe {
        type Service = RouteProbeService<S>;

        fn layer(&self, inner: S) -> Self::Service {
            RouteProbeService { inner }
        }
    }

    /// The service of [`RouteProbe`].
    #[derive(Clone, Copy, Debug)]
    pub struct RouteProbeService<S> {
        inner: S,
    }

    impl<S, B> Service<Request<B>> for RouteProbeService<S>
    where
        S: Service<Request<B>>,
    {
        type Response = S::Response;
        type Error = S::Error;
        type Future = S::Future;

        fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            self.inner.poll_ready(context)
        }

        fn call(&mut self, request: Request<B>) -> Self::Future {
            super::probe(request.extensions());
            self.inner.call(request)
        }
    }
}
