//! Threads are called in the log what Python calls them: `threading.current_thread().name`.
//!
//! To ask for that costs as much as a record, so it is asked once, before a thread's first record.
//! A `LogRecord` brings the name along: where one has another, the thread was renamed.

use std::cell::{Cell, RefCell};

use offloop::frontend;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::modules::modules;

thread_local! {
    static IS_NAMED: Cell<bool> = const { Cell::new(false) };
    /// The object that its name was last, so that looking at the address will do.
    static NAME: RefCell<Option<Py<PyString>>> = const { RefCell::new(None) };
}

/// Sees to it that records of this thread tell its name.
#[inline]
pub(crate) fn name(py: Python<'_>) {
    if !IS_NAMED.get() {
        ask(py);
    }
}

#[cold]
fn ask(py: Python<'_>) {
    // Before anything is asked: it may log.
    IS_NAMED.set(true);
    let present = || -> PyResult<Bound<'_, PyString>> {
        let threading = modules(py)?.threading.bind(py);
        let thread = threading.call_method0(intern!(py, "current_thread"))?;
        Ok(thread
            .getattr(intern!(py, "name"))?
            .cast_into::<PyString>()?)
    };
    if let Ok(name) = present() {
        rename(&name);
    }
}

/// The same with what a `LogRecord` says, if it was made by this thread: `ident` tells which one made
/// it.
#[inline]
pub(crate) fn name_as(name: &Bound<'_, PyString>, ident: impl FnOnce() -> Option<i64>) {
    let is_known = NAME.with_borrow(|known| known.as_ref().is_some_and(|known| known.is(name)));
    if !is_known && ident().is_some_and(|ident| is_own(name.py(), ident)) {
        IS_NAMED.set(true);
        rename(name);
    }
}

#[cold]
fn is_own(py: Python<'_>, ident: i64) -> bool {
    let own = || -> PyResult<i64> {
        let threading = modules(py)?.threading.bind(py);
        threading.call_method0(intern!(py, "get_ident"))?.extract()
    };
    own().is_ok_and(|own| own == ident)
}

#[cold]
fn rename(name: &Bound<'_, PyString>) {
    frontend::name_thread(&name.to_string_lossy());
    let before = NAME.replace(Some(name.clone().unbind()));
    // Only now: whoever hears of its end may log.
    drop(before);
}
