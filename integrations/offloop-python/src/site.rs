//! Callsites by what the interpreter knows of a log call.
//!
//! To look up a place by its texts costs as much as to write a record of it. But the interpreter has
//! each of these texts once: the same line logs with the very same objects each time. So callsites
//! are remembered by the addresses of objects, which are kept, lest an address come to mean something
//! else. Where a program makes up names as it runs, nothing is found here, and the texts count.

use std::cell::RefCell;

use offloop::frontend::Callsite;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::fields::{Fields, Name};

/// How many are remembered by a thread, each at the place that its key says.
const SITES: usize = 512;

thread_local! {
    static KNOWN: RefCell<Vec<Option<Site>>> = const { RefCell::new(Vec::new()) };
}

/// What a log call is known by.
#[derive(Clone, Copy)]
pub(crate) struct Key<'a, 'py> {
    /// The code that logs, or the name of its file; `None` where nobody wants to know.
    pub(crate) place: Option<&'a Bound<'py, PyAny>>,
    /// Which instruction, or which line.
    pub(crate) at: i64,
    /// The name of the function, beside that of the file.
    pub(crate) function: Option<&'a Bound<'py, PyString>>,
    pub(crate) logger: &'a Bound<'py, PyString>,
    pub(crate) level: i64,
}

/// One that was met before.
struct Site {
    place: Option<Py<PyAny>>,
    at: i64,
    function: Option<Py<PyString>>,
    logger: Py<PyString>,
    level: i64,
    names: Box<[Name<Py<PyString>>]>,
    callsite: Callsite,
}

impl Key<'_, '_> {
    /// The callsite, if it is remembered for these fields.
    pub(crate) fn find(&self, fields: &Fields<'_>) -> Option<Callsite> {
        KNOWN.with_borrow(|known| {
            let site = known.get(self.slot(fields))?.as_ref()?;
            self.is_of(site, fields).then_some(site.callsite)
        })
    }

    /// Remembers the callsite.
    #[cold]
    pub(crate) fn keep(&self, fields: &Fields<'_>, callsite: Callsite) {
        let site = Site {
            place: self.place.map(|place| place.clone().unbind()),
            at: self.at,
            function: self.function.map(|function| function.clone().unbind()),
            logger: self.logger.clone().unbind(),
            level: self.level,
            names: fields.each_name().map(Name::kept).collect(),
            callsite,
        };
        let before = KNOWN.with_borrow_mut(|known| {
            if known.is_empty() {
                known.resize_with(SITES, || None);
            }
            known.get_mut(self.slot(fields))?.replace(site)
        });
        // Only now: whoever hears of its end may log.
        drop(before);
    }

    fn slot(&self, fields: &Fields<'_>) -> usize {
        let address = |object: &Bound<'_, PyAny>| object.as_ptr().addr() as u64;
        let place = self.place.map_or(0, address);
        let parts = [
            place,
            address(self.logger.as_any()),
            self.at as u64,
            self.level as u64,
            fields.len() as u64,
        ];
        // As rustc-hash mixes.
        let hash = parts.iter().fold(0_u64, |hash, part| {
            (hash.rotate_left(5) ^ part).wrapping_mul(0x517c_c1b7_2722_0a95)
        });
        (hash >> 48) as usize % SITES
    }

    fn is_of(&self, site: &Site, fields: &Fields<'_>) -> bool {
        let is_place = match (self.place, &site.place) {
            (Some(own), Some(known)) => own.is(known),
            (None, None) => true,
            _ => false,
        };
        let is_function = match (self.function, &site.function) {
            (Some(own), Some(known)) => own.is(known),
            (None, None) => true,
            _ => false,
        };
        is_place
            && is_function
            && (self.at, self.level) == (site.at, site.level)
            && self.logger.is(&site.logger)
            && fields.len() == site.names.len()
            && fields
                .each_name()
                .zip(&site.names)
                .all(|(own, known)| own.is(known))
    }
}
