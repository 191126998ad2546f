//! One request as this crate sees it: the moments of `http` translated into those of the library.

use std::any::Any;
use std::fmt;

use http::{Method, Response, StatusCode, Version};
use http_body::{Body, Frame};
use offloop::request::{Arrival, Outcome, Request, RequestContext, ResponseHead};

use crate::connection::LoggedConnection;
use crate::error;
use crate::headers::{self, HeaderLines};
use crate::layer::Settings;
use crate::{peer, route};

/// What a panic leaves behind.
pub(crate) type Payload = Box<dyn Any + Send>;

/// One request, from its arrival to its end. Whoever drops it has dropped the request.
#[derive(Debug)]
pub(crate) struct Life {
    // Fields are dropped in this order: a connection's record comes behind those of its requests.
    request: Request,
    connection: Option<LoggedConnection>,
    is_connect: bool,
    /// Whether it shares its connection with others.
    is_stream: bool,
}

impl Life {
    pub(crate) fn begin<B>(request: &http::Request<B>, settings: &Settings) -> Self {
        let (uri, extensions) = (request.uri(), request.extensions());
        let connection = peer::connection_of(extensions);
        let arrival = Arrival {
            method: request.method().as_str(),
            path: uri.path(),
            query: uri.query(),
            scheme: uri.scheme_str(),
            host: uri.host(),
            protocol: protocol(request.version()),
            route: route::of(extensions),
            peer: peer::of(extensions, connection),
            connection: connection.map(LoggedConnection::as_seen_by_requests),
        };
        Self {
            request: settings.log.begin(arrival, &HeaderLines(request.headers())),
            connection: connection.cloned(),
            is_connect: *request.method() == Method::CONNECT,
            is_stream: Version::HTTP_2 <= request.version(),
        }
    }

    pub(crate) fn context(&self) -> &RequestContext {
        self.request.context()
    }

    /// Runs a part of the request's work. If that panics, the request is over, and what the panic
    /// left behind is passed on.
    ///
    /// A part leaves its result in a place of the caller's: futures and responses are large, and
    /// would be moved several times on their way out of here.
    #[inline]
    pub(crate) fn run(&mut self, part: impl FnOnce()) -> Result<(), Payload> {
        self.request.try_run(part)
    }

    /// Ends it by a panic that nobody answers.
    pub(crate) fn panicked(&mut self) {
        self.request.end(Outcome::Panic);
    }

    /// Ends it by an error that came instead of a response.
    pub(crate) fn service_failed<E: fmt::Display + 'static>(&mut self, error: &E) {
        error::fail(&mut self.request, Outcome::ServiceError, error);
    }

    /// The response's head is ready. Gives back what goes on with the body.
    pub(crate) fn answered<B: Body>(mut self, response: &mut Response<B>) -> Option<Self> {
        headers::send_back(self.request.context(), response.headers_mut());
        let status = response.status();
        let is_tunnel = self.is_connect && status.is_success();
        if is_tunnel || status == StatusCode::SWITCHING_PROTOCOLS {
            self.upgraded(response);
            return None;
        }
        let (body, headers) = (response.body(), response.headers());
        let declared = headers::content_length(headers);
        let head = ResponseHead {
            status: status.as_u16(),
            length: declared.or_else(|| body.size_hint().exact()),
            is_body_ended: body.is_end_stream(),
        };
        self.request.head(head, &HeaderLines(headers));
        Some(self)
    }

    /// The connection goes on with another protocol: the request lasts as long as that, where its
    /// end is seen.
    fn upgraded<B>(mut self, response: &Response<B>) {
        let head = ResponseHead {
            status: response.status().as_u16(),
            ..ResponseHead::default()
        };
        self.request.head(head, &HeaderLines(response.headers()));
        match self.connection.take() {
            // On HTTP/2 it is a stream among others, and its end shows nowhere.
            Some(connection) if !self.is_stream => connection.keep_upgraded(self.request),
            _ => self.request.end(Outcome::Upgraded),
        }
    }

    /// Answers by itself, with this status and no body.
    pub(crate) fn answer(&mut self, status: StatusCode, outcome: Outcome) -> Response<()> {
        let mut response = Response::new(());
        *response.status_mut() = status;
        headers::send_back(self.request.context(), response.headers_mut());
        self.request.context().decide(outcome);
        let head = ResponseHead {
            status: status.as_u16(),
            length: Some(0),
            is_body_ended: true,
        };
        self.request.head(head, &HeaderLines(response.headers()));
        response
    }

    /// Answers after a panic.
    pub(crate) fn answer_panic(&mut self) -> Response<()> {
        self.answer(StatusCode::INTERNAL_SERVER_ERROR, Outcome::Panic)
    }

    /// A frame of the response's body is on its way.
    pub(crate) fn sent<D: bytes::Buf>(&mut self, frame: &Frame<D>) {
        if let Some(data) = frame.data_ref() {
            self.request.sent(data.remaining() as u64);
        }
        if let Some(trailers) = frame.trailers_ref() {
            self.request.trailers(&HeaderLines(trailers));
        }
    }

    pub(crate) fn body_ended(&mut self) {
        self.request.body_ended();
    }

    pub(crate) fn body_failed<E: fmt::Display + 'static>(&mut self, error: &E) {
        error::fail(&mut self.request, Outcome::BodyError, error);
    }
}

/// As OpenTelemetry's conventions write it.
fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}
