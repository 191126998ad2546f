//! A request arrives: what actix-web knows of it becomes an `Arrival`.

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, forward_ready};
use actix_web::http::Version;
use actix_web::{Error, HttpMessage};
use offloop::request::{Arrival, Request, RequestLog};

use crate::body::{ResponseBody, follow_upload};
use crate::connection;
use crate::future::ResponseFuture;
use crate::headers::ActixHeaders;
use crate::life::{Life, OnPanic};

/// The service that [`RequestLog`](crate::RequestLog) wraps around the others.
#[derive(Debug)]
pub struct RequestLogService<S> {
    pub(crate) inner: S,
    pub(crate) log: RequestLog,
    pub(crate) on_panic: OnPanic,
}

impl<S, B> Service<ServiceRequest> for RequestLogService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<ResponseBody<B>>;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    forward_ready!(inner);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let life = begin(&self.log, &request);
        attach(&life, &request);
        follow_upload(&mut request, life.context());
        let mut life = Life::new(life, self.on_panic);
        let inner = life.run(|| self.inner.call(request));
        ResponseFuture::new(inner, life)
    }
}

fn begin(log: &RequestLog, request: &ServiceRequest) -> Request {
    let uri = request.uri();
    // The router has yet to look at the request. By the path alone it finds the same route, unless
    // guards choose between two routes: then the response corrects it.
    let route = request.match_pattern();
    let arrival = Arrival {
        method: request.method().as_str(),
        path: uri.path(),
        query: uri.query(),
        scheme: Some(scheme(request)),
        host: uri.host(),
        protocol: protocol(request.version()),
        route: route.as_deref(),
        peer: request.peer_addr(),
        connection: connection::of(request),
    };
    log.begin(arrival, &ActixHeaders(request.headers()))
}

/// As the listener knows it. What clients and proxies say of it is theirs to forge.
fn scheme(request: &ServiceRequest) -> &'static str {
    match request.app_config().secure() {
        true => "https",
        false => "http",
    }
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        Version::HTTP_10 => "1.0",
        Version::HTTP_09 => "0.9",
        _ => "1.1",
    }
}

/// Hands the request's context to handlers and to the middlewares inside, as an extension.
fn attach(life: &Request, request: &ServiceRequest) {
    let context = life.context();
    let mut extensions = request.extensions_mut();
    extensions.insert(context.id().clone());
    extensions.insert(context.clone());
}
