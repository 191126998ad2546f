//! Settings, in the words of the configuration file, as JSON.

use offloop::request::Options;
use offloop::{Builder, Config};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::de::DeserializeOwned;

/// Before the options of the one sink that keyword arguments describe.
const OF_SINK: &str = "sinks.main.";

/// A pipeline's settings.
pub(crate) fn builder(settings: &str) -> PyResult<Builder> {
    Ok(read::<Config>(settings)?.builder())
}

/// The options of an adapter.
pub(crate) fn request_options(settings: &str) -> PyResult<Options> {
    read(settings)
}

/// Reads settings. An error says which of them is wrong, and what is wrong with it.
fn read<T: DeserializeOwned>(settings: &str) -> PyResult<T> {
    let mut reader = serde_json::Deserializer::from_str(settings);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let option = path.strip_prefix(OF_SINK).unwrap_or(&path);
        let text = error.inner().to_string();
        // The place in a text that nobody has seen says nothing.
        let end = text.rfind(" at line ").unwrap_or(text.len());
        PyValueError::new_err(format!("{option}: {}", &text[..end]))
    })
}
