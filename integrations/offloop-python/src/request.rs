//! A request's life, as the adapters of Python's frameworks report it.
//!
//! What a request is, and what its record says, is the core's to know; here are only the words of
//! ASGI and WSGI for its moments.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use offloop::request::{self, Arrival, Headers, Outcome, ResponseHead, Value};
use pyo3::exceptions::{PyBaseException, PyException};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use self::headers::{HeaderList, has_body};
use crate::context::{self, Context};
use crate::exception::{Chain, type_name};
use crate::options;
use crate::pipeline;

mod asgi;
mod headers;

/// Begins requests by one set of options.
#[pyclass(frozen, module = "offloop")]
#[derive(Debug)]
pub(crate) struct RequestLog(request::RequestLog);

#[pymethods]
impl RequestLog {
    #[new]
    #[pyo3(signature = (options=None))]
    fn new(options: Option<&str>) -> PyResult<Self> {
        let log = match options {
            Some(options) => request::RequestLog::new(options::request_options(options)?),
            // What the program's configuration says.
            None => request::RequestLog::default(),
        };
        Ok(RequestLog(log))
    }

    /// A request has arrived. From now on the current context works for it.
    #[expect(
        clippy::too_many_arguments,
        reason = "what frameworks know of a request"
    )]
    #[pyo3(signature = (method, path, query, scheme, protocol, peer, headers, route=None))]
    fn begin(
        &self,
        py: Python<'_>,
        method: &str,
        path: &str,
        query: Option<&str>,
        scheme: Option<&str>,
        protocol: &str,
        peer: Option<(String, u16)>,
        headers: &Bound<'_, PyAny>,
        route: Option<&str>,
    ) -> PyResult<Request> {
        let arrival = Arrival {
            method,
            path,
            query,
            scheme,
            protocol: protocol_of(protocol),
            route,
            peer: peer.and_then(|(host, port)| address(&host, port)),
            ..Arrival::default()
        };
        Request::begin(py, &self.0, arrival, &HeaderList::of(headers)?)
    }

    /// The same for the scope of an ASGI application.
    fn begin_asgi(&self, scope: &Bound<'_, PyDict>) -> PyResult<Request> {
        asgi::begin(&self.0, scope)
    }
}

/// Writes the records of all requests that have not ended: the server has, and will not come back to
/// them.
#[pyfunction]
pub(crate) fn end_in_flight() {
    pipeline::with_requests(request::end_in_flight);
}

/// One request, and the duty to write one record of it.
#[pyclass(frozen, module = "offloop")]
pub(crate) struct Request {
    context: Py<Context>,
    life: Mutex<Life>,
}

/// What is known so far.
struct Life {
    /// `None` once it is over.
    request: Option<request::Request>,
    status: u16,
    is_websocket: bool,
    is_upload_over: bool,
    /// Bytes that are on their way into the transport.
    pending_bytes: u64,
    /// Whether the last of the body is among them.
    is_last: bool,
    /// Whether all of the response was sent, and only the application has not returned.
    waits_for_return: bool,
}

impl Request {
    fn begin<'py>(
        py: Python<'py>,
        log: &request::RequestLog,
        arrival: Arrival<'_>,
        headers: &HeaderList<'py>,
    ) -> PyResult<Self> {
        let request = log.begin(arrival, headers);
        let context = Bound::new(py, Context(request.context().clone()))?;
        context::set_current(py, Some(context.clone()))?;
        Ok(Request {
            context: context.unbind(),
            life: Mutex::new(Life {
                request: Some(request),
                status: 0,
                is_websocket: false,
                is_upload_over: !has_body(headers),
                pending_bytes: 0,
                is_last: false,
                waits_for_return: false,
            }),
        })
    }

    /// Of one connection's task or of one thread: nobody waits for another.
    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same for moments at which the record may be written.
    fn with_life<T>(&self, tell: impl FnOnce(&mut Life) -> T) -> T {
        pipeline::with_requests(|| tell(&mut self.life()))
    }

    fn core(&self) -> &request::RequestContext {
        &self.context.get().0
    }
}

#[pymethods]
impl Request {
    #[getter]
    fn context(&self, py: Python<'_>) -> Py<Context> {
        self.context.clone_ref(py)
    }

    /// Makes the context of the caller one that works for this request.
    fn enter(&self, py: Python<'_>) -> PyResult<()> {
        context::set_current(py, Some(self.context.bind(py).clone()))
    }

    #[getter]
    fn has_ended(&self) -> bool {
        let life = self.life();
        life.request
            .as_ref()
            .is_none_or(request::Request::has_ended)
    }

    /// Whether nothing more is to come of the request's body.
    #[getter]
    fn is_upload_over(&self) -> bool {
        let life = self.life();
        life.is_upload_over
    }

    /// The headers that the response tells of the request.
    fn response_headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let headers = PyList::empty(py);
        let mut added = Ok(());
        self.core().send_back(|name, value| {
            added = headers.append((name, value));
        });
        added.map(|()| headers)
    }

    /// The head of the response is ready.
    fn head(&self, status: u16, headers: &Bound<'_, PyAny>) -> PyResult<()> {
        let headers = HeaderList::of(headers)?;
        self.with_life(|life| life.head(status, &headers));
        Ok(())
    }

    /// So many bytes of the response's body are on their way.
    fn body(&self, bytes: u64) {
        self.life().add(bytes, false);
    }

    /// The response's body has come to its end.
    fn body_ended(&self) {
        self.with_life(|life| {
            life.add(0, true);
            life.settle();
        });
    }

    /// So many bytes of the request's body were read.
    fn upload(&self, bytes: u64, is_last: bool) {
        self.core().received(bytes);
        if is_last {
            self.core().upload_ended();
            self.life().is_upload_over = true;
        }
    }

    /// The connection has become a websocket.
    fn upgraded(&self, py: Python<'_>) -> PyResult<()> {
        let none = PyList::empty(py);
        let headers = HeaderList::of(none.as_any())?;
        self.with_life(|life| {
            life.is_websocket = true;
            life.head(101, &headers);
        });
        Ok(())
    }

    /// The client has gone away.
    fn disconnected(&self) {
        self.with_life(Life::disconnected);
    }

    fn set_route(&self, route: &str) {
        self.core().set_route(route);
    }

    /// The application has returned, and owes nothing more.
    fn returned(&self) {
        self.with_life(Life::returned);
    }

    /// The application has raised.
    fn failed(&self, error: &Bound<'_, PyBaseException>) {
        self.with_life(|life| life.failed(self.core(), error));
    }

    /// An event that the application sends, on its way to the server.
    fn sending<'py>(
        &self,
        scope: &Bound<'py, PyDict>,
        message: &Bound<'py, PyDict>,
    ) -> PyResult<Bound<'py, PyDict>> {
        asgi::sending(self, scope, message)
    }

    /// The server has taken it.
    fn sent(&self) {
        self.with_life(Life::settle);
    }

    /// An event that the server sends, on its way to the application.
    fn received(&self, message: &Bound<'_, PyDict>) -> PyResult<()> {
        asgi::received(self, message)
    }
}

impl Life {
    fn head(&mut self, status: u16, headers: &HeaderList<'_>) {
        self.status = status;
        let length = headers.values("content-length").next();
        let length = length.and_then(|text| std::str::from_utf8(text).ok()?.trim().parse().ok());
        let head = ResponseHead {
            status,
            length,
            is_body_ended: false,
        };
        if let Some(request) = &mut self.request {
            request.head(head, headers);
        }
    }

    fn add(&mut self, bytes: u64, is_last: bool) {
        self.pending_bytes += bytes;
        self.is_last |= is_last;
    }

    /// What was on its way has been taken by the transport.
    fn settle(&mut self) {
        // An error page is often sent by whoever raises what it is about afterwards: the record
        // waits for that.
        if 500 <= self.status && !self.is_websocket {
            self.waits_for_return |= self.is_last;
            return;
        }
        self.tell_sent();
    }

    fn tell_sent(&mut self) {
        let Some(request) = &mut self.request else {
            return;
        };
        request.sent(std::mem::take(&mut self.pending_bytes));
        if self.is_last && self.is_websocket {
            request.end(Outcome::Upgraded);
        } else if self.is_last {
            request.body_ended();
        }
    }

    fn disconnected(&mut self) {
        if self.waits_for_return {
            // The response was complete by then.
            return;
        }
        if let Some(request) = &mut self.request {
            let outcome = if self.is_websocket {
                Outcome::Upgraded
            } else {
                Outcome::ClientDisconnect
            };
            request.end(outcome);
        }
    }

    fn returned(&mut self) {
        self.tell_sent();
        let Some(mut request) = self.request.take() else {
            return;
        };
        if self.is_websocket && self.status == 101 {
            request.end(Outcome::Upgraded);
        } else if self.status == 0 {
            let error = Value::Display(&"returned without a response");
            request.fail(Outcome::ServiceError, error);
        } else {
            request.end(Outcome::Truncated);
        }
    }

    fn failed(&mut self, context: &request::RequestContext, error: &Bound<'_, PyBaseException>) {
        let Some(request) = &mut self.request else {
            return;
        };
        if request.has_ended() {
            return;
        }
        if !error.is_instance_of::<PyException>() {
            // A cancelled task, or the end of the program: what that means is found out when it is
            // dropped.
            self.request = None;
            return;
        }
        let chain = Chain::of(error);
        context.add("exception.type", &*type_name(error));
        if self.waits_for_return {
            context.add_error_if_none(&chain);
            context.decide(Outcome::ServiceError);
            self.tell_sent();
        } else {
            request.fail(Outcome::ServiceError, Value::Error(&chain));
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // Nobody tells of it any more.
        self.with_life(|life| life.request = None);
    }
}

fn protocol_of(version: &str) -> &'static str {
    let version = version.trim_start_matches("HTTP/");
    let known = ["1.0", "1.1", "2", "3"].into_iter();
    { known }
        .find(|known| version == *known || version.strip_suffix(".0") == Some(known))
        .unwrap_or_default()
}

fn address(host: &str, port: u16) -> Option<SocketAddr> {
    Some(SocketAddr::new(host.parse::<IpAddr>().ok()?, port))
}

fn item<'py>(dict: &Bound<'py, PyDict>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let value = dict.get_item(PyString::intern(dict.py(), name))?;
    Ok(value.filter(|value| !value.is_none()))
}
