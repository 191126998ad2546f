//! A request on its way through the middleware: every part of its work runs in here.

use actix_web::error::InternalError;
use actix_web::{Error, HttpResponse};
use offloop::request::Request;

/// What becomes of a panic, once it is put down.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum OnPanic {
    /// It goes on.
    #[default]
    Unwind,
    /// The client is answered with status 500.
    Answer,
}

/// A request, and the rule for its panics.
#[derive(Debug)]
pub(crate) struct Life {
    request: Request,
    on_panic: OnPanic,
}

impl Life {
    pub(crate) fn new(request: Request, on_panic: OnPanic) -> Self {
        Life { request, on_panic }
    }

    /// The handler has done its part: no panic can be answered any more.
    pub(crate) fn into_request(self) -> Request {
        self.request
    }

    /// Runs a part of the handler's work. A panic becomes an error where it is to be answered.
    pub(crate) fn run<T>(&mut self, part: impl FnOnce() -> T) -> Result<T, Error> {
        match self.on_panic {
            OnPanic::Unwind => Ok(self.request.run(part)),
            // Nobody sees what the panic left half done: actix-web drops the handler's future after
            // an error, as it does after a response.
            OnPanic::Answer => self.request.try_run(part).map_err(|_| answer_to_panic()),
        }
    }
}

/// Status 500. What the panic says is not for the client.
fn answer_to_panic() -> Error {
    let response = HttpResponse::InternalServerError().finish();
    InternalError::from_response("the handler panicked", response).into()
}
