//! Settings, in the words of the configuration file, as JSON.

use offloop::request::Options;
use offloop::{Builder, Config};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// A pipeline's settings.
pub(crate) fn builder(settings: &str) -> PyResult<Builder> {
    let config: Config = serde_json::from_str(settings).map_err(|error| wrong(&error))?;
    Ok(config.builder())
}

/// The options of an adapter.
pub(crate) fn request_options(settings: &str) -> PyResult<Options> {
    serde_json::from_str(settings).map_err(|error| wrong(&error))
}

fn wrong(error: &serde_json::Error) -> PyErr {
    let text = error.to_string();
    // The place in a text that nobody has seen says nothing.
    let end = text.rfind(" at line ").unwrap_or(text.len());
    PyValueError::new_err(text[..end].to_owned())
}
