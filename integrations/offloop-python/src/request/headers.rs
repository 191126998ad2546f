//! Headers in whatever form Python's servers have them.

use offloop::request::Headers;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use smallvec::SmallVec;

/// Headers as ASGI has them, pairs of bytes; or as WSGI and Sanic have them, pairs of strings.
pub(super) struct HeaderList<'py>(SmallVec<[(Bound<'py, PyAny>, Bound<'py, PyAny>); 16]>);

impl<'py> HeaderList<'py> {
    pub(super) fn of(headers: &Bound<'py, PyAny>) -> PyResult<Self> {
        let mut list = SmallVec::new();
        for pair in headers.try_iter()? {
            let pair = pair?;
            // Pairs are lists in some servers.
            list.push((pair.get_item(0)?, pair.get_item(1)?));
        }
        Ok(HeaderList(list))
    }
}

impl Headers for HeaderList<'_> {
    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        let named = self.0.iter().filter(move |(other, _)| {
            bytes_of(other).is_some_and(|other| other.eq_ignore_ascii_case(name.as_bytes()))
        });
        named.filter_map(|(_, value)| bytes_of(value))
    }
}

/// Whether the request says that it has a body.
pub(super) fn has_body(headers: &HeaderList<'_>) -> bool {
    let length = headers.values("content-length").next();
    length.is_some_and(|length| length != b"0")
        || headers.values("transfer-encoding").next().is_some()
}

fn bytes_of<'a>(value: &'a Bound<'_, PyAny>) -> Option<&'a [u8]> {
    match value.cast::<PyBytes>() {
        Ok(bytes) => Some(bytes.as_bytes()),
        Err(_) => Some(value.cast::<PyString>().ok()?.to_str().ok()?.as_bytes()),
    }
}
