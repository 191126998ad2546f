//! The quick way of a log call: from the logger straight to the pipeline, without a `LogRecord`.
//!
//! It is taken only where nobody could tell the difference, see [`path`]. In all other cases the
//! standard library's own code runs, with all that it promises.

mod core;
mod fast;
mod flat;
mod keywords;
mod path;
mod standard;

pub(crate) use self::fast::FastLogger;
pub(crate) use self::keywords::KeywordLogger;

use pyo3::prelude::*;

/// To be called when the module is loaded: what is asked for here cannot be had at the interpreter's
/// end any more, and may have been replaced by then.
pub(crate) fn prepare(py: Python<'_>) -> PyResult<()> {
    standard::standard(py)?;
    flat::add_methods(py)
}
