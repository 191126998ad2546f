//! Which interpreter of the process this is.

#![expect(unsafe_code, reason = "only C's interface tells interpreters apart")]

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

/// The first interpreter of a process has this number.
const MAIN: i64 = 0;

/// Refuses any interpreter but the first. Objects of one are kept for the whole process here, and must
/// not come into the hands of another.
pub(crate) fn expect_main(_: Python<'_>) -> PyResult<()> {
    // SAFETY: the interpreter's lock is held, as the argument proves.
    let present = unsafe { ffi::PyInterpreterState_Get() };
    // SAFETY: it is the interpreter that runs this, so it lives.
    match unsafe { ffi::PyInterpreterState_GetID(present) } {
        MAIN => Ok(()),
        _ => Err(PyImportError::new_err(
            "offloop runs in the main interpreter of a process alone, not in a subinterpreter: \
             log there by a handler that passes records on to the main one",
        )),
    }
}
