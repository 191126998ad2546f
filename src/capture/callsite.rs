//! What is known once per callsite, not once per record: level, target, place, field names.
//!
//! A record carries the number of its callsite. What that is can be looked up in the process that made the
//! record; for the records that a dead process left behind, it is what that process told of its
//! callsites.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use tracing::{Level, Metadata};

use super::known::{self, Number};
use super::record::Origin;
use crate::request;

/// The static part of every record that one macro writes.
#[derive(Debug)]
pub(crate) struct Callsite {
    /// That of no other callsite which this process knows, whichever process it belongs to. So a format
    /// can keep what it prepared for each in a plain list.
    pub(crate) number: Number,
    pub(crate) facts: Facts,
    /// Whether its events come from the `log` crate, with their true origin in `log.` fields.
    pub(crate) is_log: bool,
}

/// What a callsite's macro says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Whether it makes events. Else it makes spans.
    pub(crate) is_event: bool,
    pub(crate) level: Level,
    pub(crate) target: Box<str>,
    pub(crate) name: Box<str>,
    pub(crate) file: Option<Box<str>>,
    pub(crate) line: Option<u32>,
    pub(crate) fields: Vec<Box<str>>,
}

impl From<&Metadata<'_>> for Facts {
    fn from(metadata: &Metadata<'_>) -> Facts {
        let fields = metadata.fields().iter().map(|field| field.name().into());
        Facts {
            is_event: metadata.is_event(),
            level: *metadata.level(),
            target: metadata.target().into(),
            name: metadata.name().into(),
            file: metadata.file().map(Into::into),
            line: metadata.line(),
            fields: fields.collect(),
        }
    }
}

impl Callsite {
    pub(crate) fn new(number: Number, mut facts: Facts) -> Self {
        if &*facts.target == request::TARGET {
            // A place in this library's source, of which the program has no file.
            (facts.file, facts.line) = (None, None);
        }
        Callsite {
            number,
            is_log: &*facts.target == LOG_TARGET
                && facts.fields.iter().any(|name| &**name == LOG_FIELD),
            facts,
        }
    }

    /// One of another process.
    pub(crate) fn told(facts: Facts) -> Self {
        Callsite::new(known::reserve(), facts)
    }

    /// Its place in a list that has one for each callsite.
    #[inline]
    pub(crate) fn index(&self) -> usize {
        self.number.index()
    }

    pub(crate) fn origin(&self) -> Origin<'_> {
        Origin {
            target: &self.facts.target,
            file: self.facts.file.as_deref(),
            line: self.facts.line,
        }
    }
}

const LOG_TARGET: &str = "log";
const LOG_FIELD: &str = "log.target";

/// Whether a callsite is one of the five (one for each level) by which all records of the `log`
/// crate come.
pub(crate) fn is_log_bridge(metadata: &Metadata<'_>) -> bool {
    metadata.target() == LOG_TARGET && metadata.fields().field(LOG_FIELD).is_some()
}

/// The callsites of the process that made the records at hand.
#[derive(Debug)]
pub(crate) enum Callsites {
    Own(Box<OwnCallsites>),
    /// Those of another process, as it told of them.
    Told(Arc<HashMap<u64, Callsite>>),
}

impl Default for Callsites {
    fn default() -> Self {
        Callsites::Own(Box::default())
    }
}

impl Callsites {
    /// Whether numbers mean callsites of this process, which never change.
    #[inline]
    pub(crate) fn are_own(&self) -> bool {
        matches!(self, Callsites::Own(_))
    }

    /// The callsite of which a record carries the number. Another process may have told nothing of it.
    #[inline]
    pub(crate) fn at(&self, number: u64) -> Option<&Callsite> {
        match self {
            Callsites::Own(callsites) => callsites.at(number),
            Callsites::Told(callsites) => callsites.get(&number),
        }
    }
}

/// A writer thread's own view of the process's callsites: those that it looked up last, each at the place
/// that the end of its number says.
#[derive(Debug)]
pub(crate) struct OwnCallsites([Cell<Option<&'static Callsite>>; RECENT_CALLSITES]);

const RECENT_CALLSITES: usize = 256;

impl Default for OwnCallsites {
    fn default() -> Self {
        OwnCallsites([const { Cell::new(None) }; RECENT_CALLSITES])
    }
}

impl OwnCallsites {
    #[inline]
    fn at(&self, number: u64) -> Option<&'static Callsite> {
        let recent = &self.0[number as usize % RECENT_CALLSITES];
        let is_it = |recent: &&Callsite| recent.number.to_u64() == number;
        recent.get().filter(is_it).or_else(|| {
            recent.set(known::callsite(number));
            recent.get()
        })
    }
}
