//! The way that a logger's records would take through `logging`, and whether they may take the quick
//! one instead.
//!
//! They may if it ends at one `offloop.Handler` and nowhere else, no filter is set, and no part of
//! `logging` that would see a `LogRecord` has been replaced. What that depends on is looked at on each
//! call as far as it may change in silence: the lists of handlers and filters, the levels' cache, what
//! others replace. The rest advances [`EPOCH`] when it changes: attributes of `offloop.Logger` and
//! `offloop.Handler`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use offloop::frontend::Frontend;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::standard::{Method, standard};
use crate::emitter::Emitter;

/// Counts the changes that a quick call does not see by itself.
static EPOCH: AtomicU64 = AtomicU64::new(1);

/// Notes that handlers, filters or levels may have changed.
pub(super) fn changed() {
    // Relaxed: the interpreter's lock orders it.
    EPOCH.fetch_add(1, Ordering::Relaxed);
}

/// Which way a record goes.
pub(super) enum Verdict {
    Quick(Arc<Quick>),
    Slow,
    Unwanted,
}

/// Where the records of a quick call go.
#[derive(Debug)]
pub(super) struct Quick {
    pub(super) frontend: Frontend,
    pub(super) with_location: bool,
    /// The least level that the handler takes.
    level_min: i64,
}

/// What was found when a logger's way was last looked at.
#[derive(Debug)]
pub(super) struct Path {
    epoch: u64,
    /// Lists of handlers and filters, and what was in them.
    lists: Vec<(Py<PyList>, Vec<Py<PyAny>>)>,
    /// Levels that are on or off, as `logging` keeps them: it empties it when levels change.
    levels: Option<Py<PyDict>>,
    quick: Option<Arc<Quick>>,
}

impl Path {
    /// Follows the way of a logger's records.
    pub(super) fn of(logger: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = logger.py();
        let mut path = Path {
            epoch: EPOCH.load(Ordering::Relaxed),
            lists: Vec::new(),
            levels: None,
            quick: None,
        };
        let handler = path.follow(logger)?;
        let is_plain = is_watched(logger) && !has_methods_of_its_own(logger)? && {
            let is_disabled = logger.getattr(intern!(py, "disabled"))?.is_truthy()?;
            let filters = path.note(&logger.getattr(intern!(py, "filters"))?)?;
            !is_disabled && filters.is_empty()
        };
        let Some(handler) = handler.filter(|_| is_plain) else {
            return Ok(path);
        };
        let emitter = handler.call_method0(intern!(py, "_quick_emitter"))?;
        let Ok(emitter) = emitter.cast_into::<Emitter>() else {
            return Ok(path);
        };
        let filters = path.note(emitter.get().filters().bind(py).as_any())?;
        let levels = logger.getattr(intern!(py, "_cache"))?;
        if !filters.is_empty() {
            return Ok(path);
        }
        path.levels = Some(levels.cast_into::<PyDict>()?.unbind());
        path.quick = Some(Arc::new(Quick {
            frontend: emitter.get().frontend().clone(),
            with_location: emitter.get().with_location(),
            level_min: handler.getattr(intern!(py, "level"))?.extract()?,
        }));
        Ok(path)
    }

    /// Notes the handlers on the way. Gives the only one of them that does anything, if there is just
    /// one and all loggers on the way tell of their changes.
    fn follow<'py>(&mut self, logger: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = logger.py();
        let null_handler = standard(py)?.null_handler.bind(py);
        let mut active = Vec::new();
        let mut is_watched_all = true;
        let mut next = logger.clone();
        loop {
            is_watched_all &= is_watched(&next);
            let handlers = self.note(&next.getattr(intern!(py, "handlers"))?)?;
            let does_something = |handler: &Bound<'_, PyAny>| !handler.get_type().is(null_handler);
            active.extend(handlers.into_iter().filter(does_something));
            let propagates = next.getattr(intern!(py, "propagate"))?.is_truthy()?;
            let parent = next.getattr(intern!(py, "parent"))?;
            if !propagates || parent.is_none() {
                break;
            }
            next = parent;
        }
        let only = active.pop().filter(|_| active.is_empty() && is_watched_all);
        Ok(only.filter(|handler| {
            handler
                .hasattr(intern!(py, "_quick_emitter"))
                .unwrap_or(false)
        }))
    }

    fn note<'py>(&mut self, list: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let list = list.cast::<PyList>()?;
        let items: Vec<_> = list.iter().collect();
        let noted = items.iter().map(|item| item.clone().unbind());
        self.lists.push((list.clone().unbind(), noted.collect()));
        Ok(items)
    }

    /// Whether all is still as it was.
    pub(super) fn holds(&self, py: Python<'_>) -> bool {
        let is_same = |(list, items): &(Py<PyList>, Vec<Py<PyAny>>)| {
            let list = list.bind(py);
            let mut pairs = items.iter().zip(0..);
            let is_item = |(item, at): (&Py<PyAny>, usize)| {
                list.get_item(at).is_ok_and(|other| other.is(item))
            };
            list.len() == items.len() && pairs.all(is_item)
        };
        self.epoch == EPOCH.load(Ordering::Relaxed) && self.lists.iter().all(is_same)
    }

    /// Which way a record of this level goes.
    pub(super) fn verdict(
        &self,
        py: Python<'_>,
        logger: &Py<PyAny>,
        level: i64,
    ) -> PyResult<Verdict> {
        let (Some(quick), Some(levels)) = (&self.quick, &self.levels) else {
            return Ok(Verdict::Slow);
        };
        let standard = standard(py)?;
        if !standard.has(py, Method::IsEnabledFor) {
            return Ok(Verdict::Slow);
        }
        let known = levels.bind(py).get_item(level)?;
        let is_on = match known {
            Some(is_on) => is_on.is_truthy()?,
            None => logger
                .call_method1(py, intern!(py, "isEnabledFor"), (level,))?
                .is_truthy(py)?,
        };
        if !is_on || level < quick.level_min {
            return Ok(Verdict::Unwanted);
        }
        if !standard.makes_records(py) {
            return Ok(Verdict::Slow);
        }
        Ok(Verdict::Quick(Arc::clone(quick)))
    }
}

/// Whether a logger's attributes advance [`EPOCH`] when they are set.
fn is_watched(logger: &Bound<'_, PyAny>) -> bool {
    logger
        .hasattr(intern!(logger.py(), "_advances_epoch"))
        .unwrap_or(false)
}

/// Whether a logger has got methods that its class knows nothing of, in place of those that a record
/// goes through.
fn has_methods_of_its_own(logger: &Bound<'_, PyAny>) -> PyResult<bool> {
    let attributes = logger.getattr(intern!(logger.py(), "__dict__"))?;
    let attributes = attributes.cast_into::<PyDict>()?;
    let is_method = |name: Bound<'_, PyString>| name.to_str().is_ok_and(Method::is_on_the_way);
    let mut names = attributes.keys().iter();
    Ok(names.any(|name| name.cast_into::<PyString>().is_ok_and(is_method)))
}
