//! What is known once per callsite, not once per record: level, target, place, field names.

#![expect(unsafe_code, reason = "a record carries its callsite as an address")]

use std::collections::HashMap;

use tracing::{Level, Metadata};

use super::record::Origin;

/// The static part of every record that one macro writes.
#[derive(Debug)]
pub(crate) struct Callsite {
    /// Counts callsites from 0 in the order in which the writer met them, so that a format can
    /// keep what it prepared for each in a plain list.
    pub(crate) index: usize,
    pub(crate) metadata: &'static Metadata<'static>,
    pub(crate) level: Level,
    pub(crate) target: &'static str,
    pub(crate) fields: Vec<&'static str>,
    /// Whether its events come from the `log` crate, with their true origin in `log.` fields.
    pub(crate) is_log: bool,
}

impl Callsite {
    fn new(index: usize, metadata: &'static Metadata<'static>) -> Self {
        let fields: Vec<_> = metadata.fields().iter().map(|field| field.name()).collect();
        Callsite {
            index,
            metadata,
            level: *metadata.level(),
            target: metadata.target(),
            is_log: is_log_bridge(metadata),
            fields,
        }
    }

    pub(crate) fn origin(&self) -> Origin<'static> {
        Origin {
            target: self.target,
            file: self.metadata.file(),
            line: self.metadata.line(),
        }
    }
}

/// Whether a callsite is one of the five (one for each level) by which all records of the `log`
/// crate come.
pub(crate) fn is_log_bridge(metadata: &Metadata<'_>) -> bool {
    metadata.target() == "log" && metadata.fields().field("log.target").is_some()
}

/// A writer thread's own view of the process's callsites.
#[derive(Debug)]
pub(crate) struct Callsites {
    known: HashMap<u64, &'static Callsite>,
    /// What was looked up last in each class of addresses: a record and its spans are looked up
    /// one by one, and a map's hash would cost as much as writing a field.
    recent: [Option<(u64, &'static Callsite)>; RECENT_CALLSITES],
}

const RECENT_CALLSITES: usize = 256;

impl Default for Callsites {
    fn default() -> Self {
        Callsites {
            known: HashMap::new(),
            recent: [None; RECENT_CALLSITES],
        }
    }
}

impl Callsites {
    /// The callsite at the address that a record carries.
    #[inline]
    pub(crate) fn at(&mut self, address: u64) -> &'static Callsite {
        // Fibonacci hashing: the product's highest bits depend on all bits of the address.
        let class = address.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56;
        let recent = &mut self.recent[class as usize % RECENT_CALLSITES];
        if let Some((_, callsite)) = recent.filter(|(recent, _)| *recent == address) {
            return callsite;
        }
        let resolved = || resolve(address);
        let callsite = *self.known.entry(address).or_insert_with(resolved);
        *recent = Some((address, callsite));
        callsite
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
    let leak = |index| &*Box::leak(Box::new(Callsite::new(index, metadata)));
    let place = CALLSITES.push_with(|index| (address, leak(index)));
    CALLSITES[place].1
}
