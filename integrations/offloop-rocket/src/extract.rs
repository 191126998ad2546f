//! The request, for handlers that ask for it.

use std::ops::Deref;

use offloop::request::RequestContext;
use rocket::Request;
use rocket::async_trait;
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};

use crate::held::Held;

/// The request that a handler works for, as a request guard. Without a
/// [`RequestFairing`](crate::RequestFairing) attached it fails with status 500.
///
/// ```
/// use offloop_rocket::CurrentRequest;
/// use rocket::get;
///
/// #[get("/")]
/// fn index(request: CurrentRequest) -> String {
///     request.id().to_string()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct CurrentRequest(RequestContext);

impl Deref for CurrentRequest {
    type Target = RequestContext;

    fn deref(&self) -> &RequestContext {
        &self.0
    }
}

#[async_trait]
impl<'r> FromRequest<'r> for CurrentRequest {
    type Error = &'static str;

    async fn from_request(http: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        match Held::of(http) {
            Some(held) => Outcome::Success(CurrentRequest(held.context().clone())),
            None => Outcome::Error((
                Status::InternalServerError,
                "no fairing looks after the requests: attach a RequestFairing",
            )),
        }
    }
}
