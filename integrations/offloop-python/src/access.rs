//! The access logs of the servers, as fields: each has its own way to put them into the arguments of a
//! message.
//!
//! Query strings are left out: they hold what nobody wants in a log.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyDictMethods, PyTuple};

use crate::fields::{Field, Fields};
use crate::value::text_of;

/// Adds the fields of an access log's record, and says its message. `None` for any other record.
pub(crate) fn of(
    target: &str,
    arguments: Option<&Bound<'_, PyAny>>,
    fields: &mut Fields<'_>,
) -> Option<String> {
    if !target.ends_with("access") {
        return None;
    }
    match target {
        "uvicorn.access" => of_uvicorn(arguments?.cast::<PyTuple>().ok()?, fields),
        "gunicorn.access" | "hypercorn.access" => {
            of_atoms(arguments?.cast::<PyDict>().ok()?, fields)
        }
        "sanic.access" => of_sanic(fields),
        "_granian.access" | "granian.access" => {
            of_granian(arguments?.cast::<PyDict>().ok()?, fields)
        }
        _ => None,
    }
}

/// Client, method, path with query, version and status.
fn of_uvicorn(arguments: &Bound<'_, PyTuple>, fields: &mut Fields<'_>) -> Option<String> {
    let (client, method, path, version, status): (String, String, String, String, i64) =
        arguments.extract().ok()?;
    let access = Access {
        client: client.rsplit_once(':').map_or(&*client, |(host, _)| host),
        method: &method,
        path: &path,
        version: &version,
        status: Some(status),
    };
    Some(access.add_to(fields))
}

/// The atoms of Apache's format.
fn of_atoms(atoms: &Bound<'_, PyDict>, fields: &mut Fields<'_>) -> Option<String> {
    let atom = |name| {
        let value = atoms.get_item(name).ok().flatten()?;
        let text = (!value.is_none()).then(|| text_of(&value));
        text.filter(|text| text != "-")
    };
    let (client, method) = (atom("h").unwrap_or_default(), atom("m")?);
    let client = client.rsplit_once(':').map_or(&*client, |(host, port)| {
        // hypercorn's has a port; an address of IPv6 alone has no brackets.
        if port.bytes().all(|byte| byte.is_ascii_digit()) && !host.contains(':') {
            host
        } else {
            &client
        }
    });
    let access = Access {
        client,
        method: &method,
        // gunicorn has no path of a request that it gave up, but for what came over the wire.
        path: &{ atom("U").or_else(|| atom("{raw_uri}e")) }.unwrap_or_default(),
        version: &atom("H").unwrap_or_default(),
        status: atom("s").and_then(|status| status.parse().ok()),
    };
    let message = access.add_to(fields);
    if let Some(duration_us) = atom("D").and_then(|text| text.parse::<i64>().ok()) {
        fields.add_own("duration_us", Field::Integer(duration_us));
    }
    if let Some(bytes) = atom("B").and_then(|text| text.parse::<i64>().ok()) {
        fields.add_own("http.response.body.size", Field::Integer(bytes));
    }
    Some(message)
}

fn of_granian(atoms: &Bound<'_, PyDict>, fields: &mut Fields<'_>) -> Option<String> {
    let atom = |name| {
        let value = atoms.get_item(name).ok().flatten()?;
        Some(text_of(&value))
    };
    let access = Access {
        client: &atom("addr").unwrap_or_default(),
        method: &atom("method")?,
        path: &atom("path")?,
        version: &atom("protocol").unwrap_or_default(),
        status: atom("status").and_then(|status| status.parse().ok()),
    };
    Some(access.add_to(fields))
}

/// Its message is empty, and all of it is in extra fields, as text for people.
fn of_sanic(fields: &mut Fields<'_>) -> Option<String> {
    let mut take = |name| fields.take(name).map(|value| text_of(&value));
    let request = take("request")?;
    let (status, bytes, host) = (take("status"), take("byte"), take("host"));
    let duration = take("duration");
    let (method, url) = request.split_once(' ')?;
    // The URL is whole in newer versions.
    let path = url.split_once("://").map_or(url, |(_, rest)| {
        rest.find('/').map_or("/", |start| &rest[start..])
    });
    let client = host.as_deref().unwrap_or_default();
    let access = Access {
        client: client.rsplit_once(':').map_or(client, |(host, _)| host),
        method,
        path,
        version: "",
        status: status.and_then(|status| status.parse().ok()),
    };
    let message = access.add_to(fields);
    if let Some(bytes) = bytes.and_then(|text| text.parse().ok()) {
        fields.add_own("http.response.body.size", Field::Integer(bytes));
    }
    let milliseconds = duration.and_then(|text| text.trim().trim_end_matches("ms").parse().ok());
    if let Some(milliseconds) = milliseconds {
        fields.add_own("duration_ms", Field::Float(milliseconds));
    }
    Some(message)
}

struct Access<'a> {
    client: &'a str,
    method: &'a str,
    path: &'a str,
    version: &'a str,
    status: Option<i64>,
}

impl Access<'_> {
    fn add_to(&self, fields: &mut Fields<'_>) -> String {
        let path = self.path.split('?').next().unwrap_or_default();
        let version = self.version.trim_start_matches("HTTP/");
        let texts = [
            ("client.address", self.client),
            ("http.request.method", self.method),
            ("url.path", path),
            ("network.protocol.version", version),
        ];
        for (name, text) in texts {
            if !text.is_empty() {
                fields.add_own(name, Field::Text(text.to_owned()));
            }
        }
        let Some(status) = self.status else {
            return format!("{} {path}", self.method);
        };
        fields.add_own("http.response.status_code", Field::Integer(status));
        format!("{} {path} {status}", self.method)
    }
}
