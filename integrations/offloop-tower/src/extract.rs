//! The current request as an extractor of axum's.

use std::convert::Infallible;
use std::ops::Deref;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;
use offloop::request::RequestContext;

/// The current request, for handlers of axum's.
///
/// ```
/// use axum::{Router, routing::get};
/// use offloop_tower::{CurrentRequest, RequestLayer};
///
/// async fn order(request: CurrentRequest) -> String {
///     request.add("plan", "gold");
///     format!("your request was {}", request.id())
/// }
///
/// let app: Router = Router::new().route("/", get(order)).layer(RequestLayer::new());
/// # drop(app);
/// ```
#[derive(Clone, Debug)]
pub struct CurrentRequest(pub RequestContext);

impl Deref for CurrentRequest {
    type Target = RequestContext;

    fn deref(&self) -> &RequestContext {
        &self.0
    }
}

/// There is no [`RequestLayer`](crate::RequestLayer) around the handler. Answered with status 500.
#[derive(Clone, Copy, Debug)]
pub struct NoRequestLayer;

impl IntoResponse for NoRequestLayer {
    fn into_response(self) -> Response {
        let text = "no RequestLayer lies around this handler";
        (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
    }
}

impl<S: Sync> FromRequestParts<S> for CurrentRequest {
    type Rejection = NoRequestLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NoRequestLayer> {
        let request = parts.extensions.get().cloned();
        request.map(CurrentRequest).ok_or(NoRequestLayer)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for CurrentRequest {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned().map(CurrentRequest))
    }
}
