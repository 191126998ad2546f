//! What errors say in the record.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;

use offloop::request::{Outcome, Request, RequestContext, Value};

/// Tells the current request why it is going to fail: the error goes into its record with its
/// sources. If it is tower's own, of a time-out or of load shedding, the outcome is `timeout` or
/// `rejected` (with the feature `tower`).
///
/// It belongs where errors are made responses of, since those look like any other response:
///
/// ```
/// use std::time::Duration;
///
/// use axum::error_handling::HandleErrorLayer;
/// use axum::{BoxError, Router, http::StatusCode, routing::get};
/// use offloop_tower::RequestLayer;
/// use tower::ServiceBuilder;
/// use tower::timeout::TimeoutLayer;
///
/// async fn answer(error: BoxError) -> StatusCode {
///     offloop_tower::decide_by_error(&*error);
///     StatusCode::GATEWAY_TIMEOUT
/// }
///
/// let limits = ServiceBuilder::new()
///     .layer(HandleErrorLayer::new(answer))
///     .layer(TimeoutLayer::new(Duration::from_secs(30)));
/// let app: Router = Router::new()
///     .route("/", get(|| async { "hello" }))
///     .layer(limits)
///     .layer(RequestLayer::new());
/// # drop(app);
/// ```
pub fn decide_by_error(error: &(dyn Error + 'static)) {
    let Some(request) = RequestContext::current() else {
        return;
    };
    request.add_error(error);
    if let Some(outcome) = outcome_of(error) {
        request.decide(outcome);
    }
}

/// The request has come to its end by an error of the service or of the response's body.
pub(crate) fn fail<E: fmt::Display + 'static>(request: &mut Request, outcome: Outcome, error: &E) {
    match as_error(error) {
        Some(error) => {
            let outcome = outcome_of(error).unwrap_or(outcome);
            request.fail(outcome, Value::Error(error));
        }
        None => request.fail(outcome, Value::Error(&Told(error.to_string()))),
    }
}

/// The error as one that has sources. Services may fail by any type; these are known.
fn as_error<E: 'static>(error: &E) -> Option<&(dyn Error + 'static)> {
    let error: &dyn Any = error;
    if let Some(error) = error.downcast_ref::<Box<dyn Error + Send + Sync>>() {
        return Some(&**error);
    }
    #[cfg(feature = "axum")]
    if let Some(error) = error.downcast_ref::<axum_core::Error>() {
        return Some(error);
    }
    #[cfg(feature = "tonic")]
    if let Some(error) = error.downcast_ref::<tonic::Status>() {
        return Some(error);
    }
    let error = error.downcast_ref::<io::Error>()?;
    Some(error)
}

/// The outcome that tower's own errors stand for.
#[cfg(feature = "tower")]
fn outcome_of(error: &(dyn Error + 'static)) -> Option<Outcome> {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<tower::timeout::error::Elapsed>() {
            return Some(Outcome::Timeout);
        }
        if error.is::<tower::load_shed::error::Overloaded>() {
            return Some(Outcome::Rejected);
        }
        next = error.source();
    }
    None
}

#[cfg(not(feature = "tower"))]
fn outcome_of(_: &(dyn Error + 'static)) -> Option<Outcome> {
    None
}

/// The text of an error that has no sources.
#[derive(Debug)]
struct Told(String);

impl fmt::Display for Told {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for Told {}
