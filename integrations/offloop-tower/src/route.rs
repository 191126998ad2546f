//! The matched route, where the framework tells it.

#[cfg(feature = "axum")]
pub(crate) use axum_route::Route;
#[cfg(not(feature = "axum"))]
pub(crate) use no_route::Route;

#[cfg(feature = "axum")]
mod axum_route {
    use axum::extract::MatchedPath;
    use http::Request;

    /// A route such as `/users/{id}`.
    #[derive(Debug)]
    pub(crate) struct Route(MatchedPath);

    impl Route {
        /// The route that axum has chosen, if this request has been through a `Router` already.
        pub(crate) fn of<Body>(request: &Request<Body>) -> Option<Self> {
            request.extensions().get().cloned().map(Self)
        }

        pub(crate) fn as_str(&self) -> &str {
            self.0.as_str()
        }
    }
}

#[cfg(not(feature = "axum"))]
mod no_route {
    use http::Request;

    /// No framework tells its routes here, so none can exist.
    #[derive(Debug)]
    pub(crate) enum Route {}

    impl Route {
        pub(crate) fn of<Body>(_: &Request<Body>) -> Option<Self> {
            None
        }

        pub(crate) fn as_str(&self) -> &str {
            match *self {}
        }
    }
}
