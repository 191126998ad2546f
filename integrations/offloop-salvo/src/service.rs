//! The hoop that begins each request, and hands it over to the response's body.

use std::panic::resume_unwind;
use std::sync::Arc;

use offloop::request::{Arrival, LoggedConnection, Outcome, RequestContext};
use salvo_core::http::header::HeaderValue;
use salvo_core::http::{ResBody, StatusCode, Version};
use salvo_core::{Depot, FlowCtrl, Handler, Request, Response, async_trait};

use crate::body::{Answer, watch_upload};
use crate::connection;
use crate::headers::Fields;
use crate::layer::RequestHoop;

#[async_trait]
impl Handler for RequestHoop {
    async fn handle(
        &self,
        http: &mut Request,
        depot: &mut Depot,
        response: &mut Response,
        flow: &mut FlowCtrl,
    ) {
        let ends = connection::ends(http.local_addr(), http.remote_addr());
        let seen = ends.and_then(|ends| self.connections.find(ends));
        let mut request = self.begin(http, response, seen.as_ref());
        let context = request.context().clone();
        depot.insert_typed(context.clone());
        watch_upload(http, &context);
        let handler = flow.call_next(http, depot, response);
        if let Err(payload) = request.handle(handler).await {
            if !self.catches_panics {
                request.end(Outcome::Panic);
                resume_unwind(payload);
            }
            // Whoever stood behind the one that panicked does not get the request.
            flow.skip_rest();
            respond_to_panic(response);
        }
        note_error(&context, response);
        send_back(&context, response);
        let answer = Answer::watch(request, response, seen);
        // The response may still change: a catcher writes the body of an error.
        let observer = move |response: &Response| answer.head(response);
        if let Err(observer) = http.try_on_response(observer) {
            observer(response);
        }
    }
}

impl RequestHoop {
    fn begin(
        &self,
        http: &Request,
        response: &Response,
        seen: Option<&LoggedConnection>,
    ) -> offloop::request::Request {
        let uri = http.uri();
        let route = route(http, response);
        let arrival = Arrival {
            method: http.method().as_str(),
            path: uri.path(),
            query: uri.query(),
            scheme: Some(http.scheme().as_str()),
            host: uri.host(),
            protocol: protocol(http.version()),
            route: route.as_deref(),
            peer: http.remote_addr().clone().into_std(),
            connection: seen.map(|seen| Arc::clone(seen.seen())),
        };
        self.log.begin(arrival, &Fields(http.headers()))
    }
}

/// The route that matched. salvo has routed the request already, and has set a status where no route
/// did.
fn route(http: &Request, response: &Response) -> Option<String> {
    let has_matched = response.status_code.is_none();
    has_matched.then(|| format!("/{}", http.matched_path()))
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

fn respond_to_panic(response: &mut Response) {
    response.status_code(StatusCode::INTERNAL_SERVER_ERROR);
    // A catcher writes the page, as it does for other errors.
    response.replace_body(ResBody::None);
}

/// The error behind a status of 5xx, where the handler has left one.
fn note_error(context: &RequestContext, response: &Response) {
    if let ResBody::Error(error) = &response.body
        && error.code.is_server_error()
        && let Some(cause) = &error.cause
    {
        context.add_error(&**cause);
    }
}

fn send_back(context: &RequestContext, response: &mut Response) {
    context.send_back(|name, value| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    });
}
