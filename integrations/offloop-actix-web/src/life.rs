//! A request on its way through the middleware: every part of its work runs in here.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use actix_web::{Error, ResponseError};
use offloop::request::{Outcome, Request, RequestContext, Value};

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

    pub(crate) fn context(&self) -> &RequestContext {
        self.request.context()
    }

    /// The handler has done its part: no panic can be answered any more.
    pub(crate) fn into_request(self) -> Request {
        self.request
    }

    /// Runs a part of the handler's work. A panic becomes an error where it is to be answered.
    pub(crate) fn run<T>(&mut self, part: impl FnOnce() -> T) -> Result<T, Error> {
        match self.on_panic {
            OnPanic::Unwind => Ok(run(&mut self.request, part)),
            // Nobody sees what the panic left half done: actix-web drops the handler's future after
            // an error, as it does after a response.
            OnPanic::Answer => catch_unwind(AssertUnwindSafe(|| self.request.run(part)))
                .map_err(|panic| self.answer_panic(&*panic)),
        }
    }

    fn answer_panic(&self, panic: &(dyn Any + Send)) -> Error {
        let error = Panicked::new(panic);
        self.context().decide(Outcome::Panic);
        self.context().add_error(&error);
        error.into()
    }
}

/// Runs a part of a request's work. A panic is put down, with what it says, and goes on.
pub(crate) fn run<T>(request: &mut Request, part: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(|| request.run(part))) {
        Ok(result) => result,
        Err(panic) => {
            request.fail(Outcome::Panic, Value::Error(&Panicked::new(&*panic)));
            resume_unwind(panic)
        }
    }
}

/// The error of a handler that panicked.
#[derive(Debug)]
struct Panicked {
    message: String,
}

impl Panicked {
    fn new(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let message = match text {
            Some(text) => format!("panicked: {text}"),
            None => "panicked".to_owned(),
        };
        Panicked { message }
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl StdError for Panicked {}

impl ResponseError for Panicked {
    /// Status 500. What the panic says is not for the client.
    fn error_response(&self) -> actix_web::HttpResponse {
        actix_web::HttpResponse::InternalServerError().finish()
    }
}
