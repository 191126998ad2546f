//! An error takes the place of a response: a middleware refused the request, or a panic was caught.
//!
//! actix-web makes a response of the error, but only outside of all middlewares. So the request goes
//! along with the error, and follows that response like any other.

use std::cell::Cell;

use actix_web::{Error, HttpResponse};
use offloop::request::{Outcome, Request};

use crate::body::ResponseBody;
use crate::headers;

/// Has the response that is made of the error followed to its end.
pub(crate) fn follow(mut error: Error, request: Request) -> Error {
    request.context().add_error_if_none(&error);
    let unanswered = Unanswered(Cell::new(Some(request)));
    error.add_response_mapper(move |response| unanswered.answer(response));
    error
}

/// A request whose response is yet to be made of an error.
struct Unanswered(Cell<Option<Request>>);

impl Unanswered {
    fn answer(&self, mut response: HttpResponse) -> HttpResponse {
        // A middleware outside may ask for the response more than once. The first one counts.
        let Some(request) = self.0.take() else {
            return response;
        };
        // Others are a way to answer: that a client may not do something is no fault of the server.
        if response.status().is_server_error() {
            request.context().decide(Outcome::ServiceError);
        }
        headers::send_back(request.context(), response.headers_mut());
        response
            .map_body(|head, body| ResponseBody::new(head, body, request))
            .map_into_boxed_body()
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(mut request) = self.0.take() {
            // A middleware outside has answered something of its own. It may have been more than an
            // error: what was decided before counts.
            request.context().decide(Outcome::ServiceError);
            request.end(Outcome::Completed);
        }
    }
}
