//! What is known once per callsite, not once per record: level, target, place, field names.
//!
//! A record carries the address of its callsite. What stands there can be looked at in the process that
//! made the record; for the records that a dead process left behind, it is what that process told of
//! its callsites.

#![expect(unsafe_code, reason = "a record carries its callsite as an address")]

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::{Level, Metadata};

use super::record::Origin;

/// The static part of every record that one macro writes.
#[derive(Debug)]
pub(crate) struct Callsite {
    /// Counts callsites from 0 in the order in which the process met them, so that a format can
    /// keep what it prepared for each in a plain list.
    pub(crate) index: usize,
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
    pub(crate) fn new(facts: Facts) -> Self {
        static CALLSITES: AtomicUsize = AtomicUsize::new(0);
        Callsite {
            // Relaxed: only the number itself matters.
            index: CALLSITES.fetch_add(1, Ordering::Relaxed),
            is_log: &*facts.target == LOG_TARGET
                && facts.fields.iter().any(|name| &**name == LOG_FIELD),
            facts,
        }
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
    /// Whether addresses mean callsites of this process, which never change.
    #[inline]
    pub(crate) fn are_own(&self) -> bool {
        matches!(self, Callsites::Own(_))
    }

    /// The callsite at the address that a record carries. Another process may have told nothing of
    /// it.
    #[inline]
    pub(crate) fn at(&self, address: u64) -> Option<&Callsite> {
        match self {
            Callsites::Own(callsites) => Some(callsites.at(address)),
            Callsites::Told(callsites) => callsites.get(&address),
        }
    }
}

/// A writer thread's own view of the process's callsites.
#[derive(Debug)]
pub(crate) struct OwnCallsites {
    known: RefCell<HashMap<u64, &'static Callsite>>,
    /// What was looked up last in each class of addresses: a record and its spans are looked up
    /// one by one, and a map's hash would cost as much as writing a field.
    recent: [Cell<Option<(u64, &'static Callsite)>>; RECENT_CALLSITES],
}

const RECENT_CALLSITES: usize = 256;

impl Default for OwnCallsites {
    fn default() -> Self {
        OwnCallsites {
            known: RefCell::default(),
            recent: [const { Cell::new(None) }; RECENT_CALLSITES],
        }
    }
}

impl OwnCallsites {
    #[inline]
    fn at(&self, address: u64) -> &'static Callsite {
        // Fibonacci hashing: the product's highest bits depend on all bits of the address.
        let class = address.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56;
        let recent = &self.recent[class as usize % RECENT_CALLSITES];
        if let Some((_, callsite)) = recent.get().filter(|(recent, _)| *recent == address) {
            return callsite;
        }
        let callsite = self.look_up(address);
        recent.set(Some((address, callsite)));
        callsite
    }

    #[inline(never)]
    fn look_up(&self, address: u64) -> &'static Callsite {
        let mut known = self.known.borrow_mut();
        known.entry(address).or_insert_with(|| resolve(address))
    }
}

/// Finds or makes the process-wide entry, once for each callsite and writer. Without a lock: a
/// forked child comes here too, and the parent's writer that held it would not exist there.
fn resolve(address: u64) -> &'static Callsite {
    static CALLSITES: boxcar::Vec<(u64, &'static Callsite)> = boxcar::Vec::new();
    let mut known = CALLSITES.iter().map(|(_, known)| known);
    if let Some((_, callsite)) = known.find(|(known, _)| *known == address) {
        return callsite;
    }
    let pointer = std::ptr::with_exposed_provenance::<Metadata<'static>>(address as usize);
    // SAFETY: the address must be that of a `Metadata` that lives for ever. Records are
    // written by `Encoder` alone, which takes a `&'static Metadata` and exposes its
    // provenance; pages are read by this process only, and a page's committed bytes are never
    // written again before every reader has let go of it.
    let metadata: &'static Metadata<'static> = unsafe { &*pointer };
    // Leaked on purpose: as many as there are macros in the program, as long as these live. Two
    // writers that meet a callsite at once may each make an entry; either serves.
    let callsite = &*Box::leak(Box::new(Callsite::new(metadata.into())));
    CALLSITES.push((address, callsite));
    callsite
}
