//! What is known once per callsite, not once per record: level, target, place, field names.

#![expect(unsafe_code, reason = "a record carries its callsite as an address")]

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

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
            is_log: metadata.target() == "log" && fields.contains(&"log.target"),
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

/// A writer thread's own view of the process's callsites.
#[derive(Debug, Default)]
pub(crate) struct Callsites {
    known: HashMap<u64, &'static Callsite, BuildHasherDefault<AddressHasher>>,
}

impl Callsites {
    /// The callsite at the address that a record carries.
    #[inline]
    pub(crate) fn at(&mut self, address: u64) -> &'static Callsite {
        self.known
            .entry(address)
            .or_insert_with(|| resolve(address))
    }
}

/// Spreads addresses over a table. Looked up for each record and each of its spans, where the
/// standard hasher's defence against chosen keys would cost more than the rest of the look-up.
#[derive(Debug, Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    #[inline]
    fn write_u64(&mut self, address: u64) {
        // Fibonacci hashing. The product's upper half is the well mixed one, and a table takes its
        // bucket from the lower half.
        self.0 = address.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(32);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0 ^ u64::from(*byte));
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
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
