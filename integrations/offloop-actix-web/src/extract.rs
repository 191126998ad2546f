//! What a handler may ask for.

use std::future::{Ready, ready};
use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::error::ErrorInternalServerError;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest};
use offloop::request::RequestContext;

/// The request that a handler works for. Without the middleware around it, the handler is not called,
/// and the client gets status 500.
///
/// A handler that only adds fields does not need it: `offloop::request::add` finds the request by
/// itself.
///
/// ```
/// use offloop_actix_web::CurrentRequest;
///
/// async fn whoami(request: CurrentRequest) -> String {
///     request.add("user.id", 42);
///     request.id().to_string()
/// }
/// # drop(whoami);
/// ```
#[derive(Clone, Debug)]
pub struct CurrentRequest(RequestContext);

impl CurrentRequest {
    /// To take along into tasks and threads.
    #[must_use]
    pub fn into_context(self) -> RequestContext {
        self.0
    }
}

impl Deref for CurrentRequest {
    type Target = RequestContext;

    fn deref(&self) -> &RequestContext {
        &self.0
    }
}

impl FromRequest for CurrentRequest {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let context = request.extensions().get::<RequestContext>().cloned();
        ready(context.map(CurrentRequest).ok_or_else(|| {
            ErrorInternalServerError(
                "the handler asks for its CurrentRequest, but no RequestLog is wrapped around it",
            )
        }))
    }
}
