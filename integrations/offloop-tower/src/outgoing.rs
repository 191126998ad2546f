//! Requests that a service sends on behalf of the one it handles: they carry its ids on.

use std::task::{Context, Poll};

use http::header::{HOST, HeaderMap, HeaderName};
use http::{Request, Uri};
use offloop::request::RequestContext;
use tower_layer::Layer;
use tower_service::Service;

use crate::headers::value_of;

/// The headers that carry the current request's trace and id to another service: `traceparent`, with
/// a new span; `tracestate`, if there is one; those of B3, by
/// [choice](offloop::request::Options::propagation); `x-request-id`. Empty outside of a request.
///
/// Ask anew for each request that is sent. For reqwest:
///
/// ```no_run
/// # async fn ask(client: reqwest::Client) -> reqwest::Result<()> {
/// let request = client.get("http://billing.internal/invoices");
/// let response = request.headers(offloop_tower::outgoing_headers()).send().await?;
/// # drop(response);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn outgoing_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(request) = RequestContext::current() {
        add_to(&mut headers, &request);
    }
    headers
}

fn add_to(headers: &mut HeaderMap, request: &RequestContext) {
    request.send_on(|name, text| {
        // What is not sent on must not stay, either: it would belong to another trace.
        match text.and_then(value_of) {
            Some(value) => headers.insert(HeaderName::from_static(name), value),
            None => headers.remove(name),
        };
    });
}

/// Adds the headers of [`outgoing_headers`] to the requests of a client: one of hyper-util, of
/// tonic, or any other that is a tower service.
///
/// Ids tell strangers how a system is built and how busy it is, so they are sent to known hosts
/// only:
///
/// ```
/// use hyper_util::client::legacy::Client;
/// use hyper_util::rt::TokioExecutor;
/// use offloop_tower::PropagateLayer;
/// use tower::ServiceBuilder;
///
/// let client = Client::builder(TokioExecutor::new()).build_http::<String>();
/// let client = ServiceBuilder::new()
///     .layer(PropagateLayer::to(["billing.internal", "*.svc.cluster.local"]))
///     .service(client);
/// # drop(client);
/// ```
///
/// A handler calls it within its own task. To call it in another, take the request along by
/// [`offloop::request::InRequest`].
#[derive(Clone, Debug)]
pub struct PropagateLayer {
    /// `None` stands for all.
    hosts: Option<std::sync::Arc<[Box<str>]>>,
}

impl PropagateLayer {
    /// To these hosts, without a port. One that begins with `*.` stands for all below it.
    #[must_use]
    pub fn to<H: Into<String>>(hosts: impl IntoIterator<Item = H>) -> Self {
        let hosts = hosts.into_iter();
        let hosts = hosts.map(|host| host.into().to_ascii_lowercase().into_boxed_str());
        Self {
            hosts: Some(hosts.collect()),
        }
    }

    /// To whatever host the client calls. Right for a client that calls only one, such as a channel
    /// of tonic's, whose requests do not name it.
    #[must_use]
    pub const fn to_any_host() -> Self {
        Self { hosts: None }
    }

    fn is_for(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let Some(hosts) = &self.hosts else {
            return true;
        };
        let header = || headers.get(HOST)?.to_str().ok().map(without_port);
        let Some(host) = uri.host().or_else(header) else {
            return false;
        };
        let host = host.to_ascii_lowercase();
        hosts.iter().any(|allowed| is_match(allowed, &host))
    }
}

fn is_match(allowed: &str, host: &str) -> bool {
    match allowed.strip_prefix('*') {
        Some(domain) => {
            domain.starts_with('.') && host.len() > domain.len() && host.ends_with(domain)
        }
        None => allowed == host,
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

impl<S> Layer<S> for PropagateLayer {
    type Service = PropagateService<S>;

    fn layer(&self, inner: S) -> PropagateService<S> {
        PropagateService {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service of [`PropagateLayer`].
#[derive(Clone, Debug)]
pub struct PropagateService<S> {
    inner: S,
    layer: PropagateLayer,
}

impl<S, B> Service<Request<B>> for PropagateService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if let Some(current) = RequestContext::current()
            && self.layer.is_for(request.uri(), request.headers())
        {
            add_to(request.headers_mut(), &current);
        }
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_for(uri: &str, host: Option<&str>) -> bool {
        let layer = PropagateLayer::to(["Billing.internal", "*.svc.local"]);
        let host = host.map(|host| (HOST, host.parse().unwrap()));
        layer.is_for(&uri.parse().unwrap(), &host.into_iter().collect())
    }

    #[test]
    fn ids_go_to_known_hosts_only() {
        assert!(is_for("http://billing.internal:8080/", None));
        assert!(is_for("http://a.b.SVC.local/", None));
        assert!(is_for("/", Some("billing.internal:8080")));
        assert!(!is_for("http://svc.local/", None));
        assert!(!is_for("http://evilsvc.local/", None));
        assert!(!is_for("http://billing.internal.evil.example/", None));
        assert!(!is_for("http://evil.example/", Some("billing.internal")));
        assert!(!is_for("/", None));
    }
}
