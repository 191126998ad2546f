//! The endpoint that begins each request, and hands it over to the response's body.

use std::error::Error;
use std::panic::resume_unwind;
use std::sync::Arc;

use http_body::Body;
use http_body_util::combinators::BoxBody;
use offloop::request::{Arrival, LoggedConnection, Outcome, Request, RequestContext, ResponseHead};
use poem::http::header::{CONTENT_LENGTH, HeaderValue};
use poem::http::{HeaderMap, StatusCode, Version};
use poem::{Endpoint, IntoResponse, PathPattern, Response};

use crate::body::{Download, Upload};
use crate::connection;
use crate::headers::Fields;
use crate::layer::RequestMiddleware;

/// An endpoint whose requests are logged. Made by [`RequestMiddleware`].
#[derive(Debug)]
pub struct RequestEndpoint<E> {
    inner: E,
    middleware: RequestMiddleware,
}

impl<E> RequestEndpoint<E> {
    pub(crate) fn new(inner: E, middleware: RequestMiddleware) -> Self {
        RequestEndpoint { inner, middleware }
    }
}

impl<E: Endpoint> Endpoint for RequestEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut http: poem::Request) -> poem::Result<Response> {
        let ends = connection::ends(http.local_addr(), http.remote_addr());
        let seen = ends.and_then(|ends| self.middleware.connections.find(ends));
        let mut request = self.begin(&http, seen.as_ref());
        let context = request.context().clone();
        let upload = http.take_body();
        http.set_body(Upload::boxed(upload, context.clone()));
        http.set_data(context.clone());
        let handler = self.inner.call(http);
        let response = match request.handle(handler).await {
            Ok(answer) => respond(&context, answer),
            Err(_) if self.middleware.catches_panics => StatusCode::INTERNAL_SERVER_ERROR.into(),
            Err(payload) => {
                request.end(Outcome::Panic);
                resume_unwind(payload)
            }
        };
        Ok(finish(request, response, seen))
    }
}

impl<E> RequestEndpoint<E> {
    fn begin(&self, http: &poem::Request, seen: Option<&LoggedConnection>) -> Request {
        // Routes that lie in another one see a path without the outer one's part.
        let uri = http.original_uri();
        let route = http.data::<PathPattern>();
        let arrival = Arrival {
            method: http.method().as_str(),
            path: uri.path(),
            query: uri.query(),
            scheme: Some(http.scheme().as_str()),
            host: uri.host(),
            protocol: protocol(http.version()),
            route: route.map(|pattern| &*pattern.0),
            peer: http.remote_addr().as_socket_addr().copied(),
            connection: seen.map(|seen| Arc::clone(seen.seen())),
        };
        self.middleware.log.begin(arrival, &Fields(http.headers()))
    }
}

/// The version of the protocol, as the record names it.
fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}

fn respond(context: &RequestContext, answer: poem::Result<impl IntoResponse>) -> Response {
    let response = match answer {
        Ok(answer) => answer.into_response(),
        Err(error) => respond_to_error(context, error),
    };
    // The innermost route leaves its pattern there.
    if let Some(pattern) = response.data::<PathPattern>() {
        context.set_route(&pattern.0);
    }
    response
}

fn respond_to_error(context: &RequestContext, error: poem::Error) -> Response {
    if let Some(pattern) = error.data::<PathPattern>() {
        context.set_route(&pattern.0);
    }
    // poem's error is an envelope, which says what is in it.
    if error.status().is_server_error()
        && let Some(cause) = error.source()
    {
        context.add_error(cause);
    }
    error.into_response()
}

/// From here on, the response's body has the request.
fn finish(
    mut request: Request,
    mut response: Response,
    seen: Option<LoggedConnection>,
) -> Response {
    request.context().send_back(|name, value| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    });
    let body: BoxBody<_, _> = response.take_body().into();
    let declared = content_length(response.headers());
    let head = ResponseHead {
        status: response.status().as_u16(),
        length: declared.or_else(|| body.size_hint().exact()),
        is_body_ended: body.is_end_stream(),
    };
    request.head(head, &Fields(response.headers()));
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        upgrade(request, seen);
        response.set_body(body);
    } else {
        response.set_body(Download::boxed(body, request, seen));
    }
    response
}

/// The request lasts as long as the connection, where that is seen.
fn upgrade(mut request: Request, seen: Option<LoggedConnection>) {
    match seen {
        Some(seen) => seen.keep_upgraded(request),
        None => request.end(Outcome::Upgraded),
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
