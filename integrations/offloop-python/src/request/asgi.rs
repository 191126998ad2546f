//! The events of ASGI: <https://asgi.readthedocs.io/en/latest/specs/www.html>.

use offloop::request::{Arrival, Outcome, RequestLog};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use super::{HeaderList, Request, address, item, protocol_of};

/// A request has arrived: `http` or `websocket`.
pub(super) fn begin(log: &RequestLog, scope: &Bound<'_, PyDict>) -> PyResult<Request> {
    let py = scope.py();
    let text = |name| -> PyResult<Option<String>> {
        Ok(item(scope, name)?.and_then(|value| value.extract().ok()))
    };
    let is_websocket = text("type")?.as_deref() == Some("websocket");
    let method = text("method")?;
    let path = path(scope)?;
    let query = item(scope, "query_string")?;
    let query = query.as_ref().and_then(|query| {
        let query = query.cast::<PyBytes>().ok()?.as_bytes();
        std::str::from_utf8(query)
            .ok()
            .filter(|query| !query.is_empty())
    });
    let headers = match item(scope, "headers")? {
        Some(headers) => headers,
        None => PyList::empty(py).into_any(),
    };
    let scheme = text("scheme")?;
    let arrival = Arrival {
        // A websocket begins as one.
        method: method.as_deref().unwrap_or("GET"),
        path: &path,
        query,
        scheme: scheme.as_deref(),
        protocol: protocol_of(&text("http_version")?.unwrap_or_default()),
        peer: peer(scope)?,
        ..Arrival::default()
    };
    let request = Request::begin(py, log, arrival, &HeaderList::of(&headers)?)?;
    request.life().is_websocket = is_websocket;
    Ok(request)
}

/// The path as it came, where the server tells it.
fn path(scope: &Bound<'_, PyDict>) -> PyResult<String> {
    if let Some(raw) = item(scope, "raw_path")?
        && let Ok(raw) = raw.cast::<PyBytes>()
    {
        let raw = raw.as_bytes();
        let end = raw
            .iter()
            .position(|byte| *byte == b'?')
            .unwrap_or(raw.len());
        return Ok(String::from_utf8_lossy(&raw[..end]).into_owned());
    }
    let path = item(scope, "path")?;
    Ok(path
        .and_then(|path| path.extract().ok())
        .unwrap_or_default())
}

fn peer(scope: &Bound<'_, PyDict>) -> PyResult<Option<std::net::SocketAddr>> {
    let Some(client) = item(scope, "client")? else {
        return Ok(None);
    };
    let host = client.get_item(0)?.extract::<String>();
    // A Unix socket has no port.
    let port = client.get_item(1).and_then(|port| port.extract::<u16>());
    Ok(host.ok().and_then(|host| address(&host, port.unwrap_or(0))))
}

/// An event of the application's.
pub(super) fn sending<'py>(
    request: &Request,
    scope: &Bound<'py, PyDict>,
    message: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyDict>> {
    let kind = kind(message)?;
    match kind.to_str()? {
        "http.response.start" | "websocket.http.response.start" => {
            let status = item(message, "status")?.map_or(Ok(0), |status| status.extract())?;
            return answered(request, scope, message, status);
        }
        "websocket.accept" => return answered(request, scope, message, 101),
        "http.response.body" | "websocket.http.response.body" => {
            let more = item(message, "more_body")?;
            let more = more.map_or(Ok(false), |more| more.is_truthy())?;
            request.life().add(length(message, "body")?, !more);
        }
        "http.response.pathsend" => request.life().add(0, true),
        "http.response.zerocopysend" => {
            let more = item(message, "more_body")?;
            let more = more.map_or(Ok(false), |more| more.is_truthy())?;
            let count = item(message, "count")?.and_then(|count| count.extract().ok());
            request.life().add(count.unwrap_or(0), !more);
        }
        "websocket.send" => {
            let bytes = length(message, "bytes")? + length(message, "text")?;
            request.life().add(bytes, false);
        }
        "websocket.close" => closed(request, message)?,
        _ => {}
    }
    Ok(message.clone())
}

/// The head of a response, with the headers that tell of the request.
fn answered<'py>(
    request: &Request,
    scope: &Bound<'py, PyDict>,
    message: &Bound<'py, PyDict>,
    status: u16,
) -> PyResult<Bound<'py, PyDict>> {
    let py = message.py();
    if let Some(route) = route(scope) {
        request.core().set_route(&route);
    }
    let headers = PyList::empty(py);
    if let Some(own) = item(message, "headers")? {
        let list = HeaderList::of(&own)?;
        request.with_life(|life| life.head(status, &list));
        for header in own.try_iter()? {
            headers.append(header?)?;
        }
    } else {
        request
            .life()
            .head(status, &HeaderList::of(headers.as_any())?);
    }
    let own_len = headers.len();
    let mut added = Ok(());
    request.core().send_back(|name, value| {
        let pair = [name, value].map(|text| PyBytes::new(py, text.as_bytes()));
        let tuple = PyTuple::new(py, pair);
        added = tuple.and_then(|pair| replace(&headers, own_len, name, &pair));
    });
    added?;
    let copy = message.copy()?;
    copy.set_item("headers", headers)?;
    Ok(copy)
}

/// Puts a header in place of those of its name that the application has set.
fn replace(
    headers: &Bound<'_, PyList>,
    own_len: usize,
    name: &str,
    pair: &Bound<'_, PyTuple>,
) -> PyResult<()> {
    for at in (0..own_len.min(headers.len())).rev() {
        let other = headers.get_item(at)?.get_item(0)?;
        let is_same = other
            .cast::<PyBytes>()
            .is_ok_and(|other| other.as_bytes().eq_ignore_ascii_case(name.as_bytes()));
        if is_same {
            headers.del_item(at)?;
        }
    }
    headers.append(pair)
}

/// The application ends a websocket: before it has accepted it, that is a refusal.
fn closed(request: &Request, message: &Bound<'_, PyDict>) -> PyResult<()> {
    let none = HeaderList::of(PyList::empty(message.py()).as_any())?;
    let code = item(message, "code")?.and_then(|code| code.extract::<i64>().ok());
    request.with_life(|life| {
        if life.status == 0 {
            life.is_websocket = false;
            life.head(403, &none);
        } else {
            request
                .core()
                .add("websocket.close_code", code.unwrap_or(1000));
        }
        life.add(0, true);
    });
    Ok(())
}

/// An event of the server's.
pub(super) fn received(request: &Request, message: &Bound<'_, PyDict>) -> PyResult<()> {
    let kind = kind(message)?;
    match kind.to_str()? {
        "http.request" => {
            let more = item(message, "more_body")?;
            let more = more.map_or(Ok(false), |more| more.is_truthy())?;
            request.upload(length(message, "body")?, !more);
        }
        "http.disconnect" => request.disconnected(),
        "websocket.receive" => {
            let bytes = length(message, "bytes")? + length(message, "text")?;
            request.core().received(bytes);
        }
        "websocket.disconnect" => {
            let code = item(message, "code")?.and_then(|code| code.extract::<i64>().ok());
            if let Some(code) = code {
                request.core().add("websocket.close_code", code);
            }
            request.with_life(|life| {
                if life.status == 0
                    && let Some(core) = &mut life.request
                {
                    core.end(Outcome::ClientDisconnect);
                }
                life.disconnected();
            });
        }
        _ => {}
    }
    Ok(())
}

fn kind<'py>(message: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyString>> {
    match item(message, "type")? {
        Some(kind) => Ok(kind.cast_into::<PyString>()?),
        None => Ok(PyString::new(message.py(), "")),
    }
}

/// The length of bytes or text, in bytes.
fn length(message: &Bound<'_, PyDict>, name: &str) -> PyResult<u64> {
    let Some(value) = item(message, name)? else {
        return Ok(0);
    };
    Ok(match value.cast::<PyString>() {
        Ok(text) => text.to_string_lossy().len() as u64,
        Err(_) => value.len()? as u64,
    })
}

/// The matched route, as FastAPI and newer versions of Starlette tell it, with what it is mounted at.
fn route(scope: &Bound<'_, PyDict>) -> Option<String> {
    let route = item(scope, "route").ok()??;
    let path: String = route.getattr("path").ok()?.extract().ok()?;
    let text = |name| item(scope, name).ok()??.extract::<String>().ok();
    let root = text("root_path").unwrap_or_default();
    let outer = text("app_root_path").unwrap_or_default();
    let mount = root.strip_prefix(&*outer).unwrap_or_default();
    Some(format!("{mount}{path}"))
}
