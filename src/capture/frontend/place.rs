//! Places in other languages' programs, and the callsites that stand for them.
//!
//! A macro of `tracing` has its callsite from the compiler. Here each place gets one when it is met
//! for the first time, and keeps it for ever: a program has as many places that log as it has lines
//! of code that do. Where a program makes up targets or names of fields as it runs, they might be
//! without end. Therefore there is a bound, and beyond it one callsite stands for all places of a
//! level, as with the `log` crate: their records carry target, place and names themselves, and cost
//! the writer more.
//!
//! No locks, as in [`known`](super::super::known): a forked child goes on with what its parent's
//! threads left.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use tracing::field::FieldSet;
use tracing::metadata::Kind;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata};
use tracing_core::callsite::{self, Identifier};

/// Where a record comes from, and the names of its fields: what is the same each time that a line of
/// the program logs. Fields may be added in any version: end a literal as below.
///
/// ```
/// use offloop::frontend::Place;
///
/// let place = Place {
///     file: Some("app/views.py"),
///     line: Some(12),
///     function: Some("index"),
///     fields: &["user", "rows"],
///     ..Place::of("app.views", tracing::Level::INFO)
/// };
/// # drop(place);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The name of the logger, or of the module.
    pub target: &'a str,
    /// The level, or what of the five is nearest to it.
    pub level: Level,
    /// The source file.
    pub file: Option<&'a str>,
    /// The line in the source file.
    pub line: Option<u32>,
    /// The function. It is a field of this name, and comes before the others.
    pub function: Option<&'a str>,
    /// The names of the fields, without the message.
    pub fields: &'a [&'a str],
}

impl<'a> Place<'a> {
    /// A place of which only this is known.
    #[must_use]
    pub fn of(target: &'a str, level: Level) -> Self {
        Place {
            target,
            level,
            file: None,
            line: None,
            function: None,
            fields: &[],
        }
    }

    /// The name of a field, by its place. The message comes first and has none.
    #[inline]
    pub(super) fn field_name(&self, place: usize) -> &'a str {
        let names = self.function.map(|_| FUNCTION).into_iter();
        let mut names = names.chain(self.fields.iter().copied());
        let place = place.checked_sub(1);
        place.and_then(|place| names.nth(place)).unwrap_or_default()
    }

    /// Whether its records have a field of this name.
    pub(crate) fn has_field(&self, name: &str) -> bool {
        name == MESSAGE_NAME
            || (name == FUNCTION && self.function.is_some())
            || self.fields.contains(&name)
    }

    fn hash(&self) -> u64 {
        let mut hash = mix(self.target.len() as u64, self.target.as_bytes());
        hash = mix(hash, self.file.unwrap_or_default().as_bytes());
        hash = mix(hash, self.function.unwrap_or_default().as_bytes());
        hash = mix_word(hash, u64::from(self.line.unwrap_or(u32::MAX)));
        hash = mix_word(hash, level_number(self.level));
        for name in self.fields {
            hash = mix(hash, name.as_bytes());
        }
        hash
    }
}

fn level_number(level: Level) -> u64 {
    u64::from(crate::channel::overflow::level_index(level))
}

/// As rustc-hash mixes. Who picks names that collide gains nothing: the search ends soon, see
/// [`PROBES`].
fn mix(mut hash: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = mix_word(hash, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix_word(hash, u64::from_le_bytes(last) ^ bytes.len() as u64)
}

#[inline]
fn mix_word(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95)
}

/// A place that was met before: to look it up by anything quicker than its names, which only the front
/// end knows.
///
/// ```
/// use offloop::frontend::Place;
///
/// # fn main() -> Result<(), offloop::Error> {
/// # let memory = offloop::Memory::new();
/// let (frontend, _guard) = offloop::builder().memory(&memory).build_frontend()?;
/// let place = Place::of("app.views", tracing::Level::INFO);
/// if let Some(callsite) = place.callsite() {
///     let taken = frontend.record_at(callsite, None, |values| values.str("hello"));
///     # drop(taken);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct Callsite(&'static Known);

impl fmt::Debug for Callsite {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.place.fmt(formatter)
    }
}

/// A place, and the callsite by which its records come.
pub(crate) struct Spot<'p> {
    pub(crate) place: &'p Place<'p>,
    pub(super) metadata: &'static Metadata<'static>,
    /// Whether the callsite stands for all places of the level: records tell target, place and names.
    pub(crate) is_shared: bool,
}

impl Spot<'static> {
    pub(super) fn of(callsite: Callsite) -> Self {
        Spot {
            place: &callsite.0.place,
            metadata: callsite.0.metadata,
            is_shared: false,
        }
    }
}

impl<'p> Spot<'p> {
    pub(crate) fn shared(place: &'p Place<'p>) -> Self {
        Spot {
            place,
            metadata: shared(place.level),
            is_shared: true,
        }
    }
}

struct Known {
    place: Place<'static>,
    hash: u64,
    metadata: &'static Metadata<'static>,
}

/// How many places have callsites of their own.
const KNOWN_MAX: usize = 8192;

/// How many places of the table are looked at.
const PROBES: usize = 16;

/// More fields than this are an accident, and hardly the same the next time.
const FIELDS_MAX: usize = 64;

static KNOWN: boxcar::Vec<Known> = boxcar::Vec::new();

/// Where in the list a callsite is, plus one, at the place that its hash says or at one of the next.
static TABLE: [AtomicU32; 4 * KNOWN_MAX] = [const { AtomicU32::new(0) }; 4 * KNOWN_MAX];

impl Place<'_> {
    /// Finds the callsite of this place, or makes it. `None` where there are too many already:
    /// [`Frontend::record`](super::Frontend::record) takes all records of such places.
    #[must_use]
    pub fn callsite(&self) -> Option<Callsite> {
        let hash = self.hash();
        // The highest bits depend on all of the input.
        let first = (hash >> 32) as usize;
        for probe in 0..PROBES {
            let slot = &TABLE[(first + probe) % TABLE.len()];
            // Pairs with the Release exchange in `make_callsite`: who sees the number finds the
            // callsite.
            let number = slot.load(Ordering::Acquire);
            if number == 0 {
                return self.make_callsite(hash, slot);
            }
            if let Some(known) = KNOWN.get(number as usize - 1)
                && known.hash == hash
                && known.place == *self
            {
                return Some(Callsite(known));
            }
        }
        None
    }

    #[cold]
    fn make_callsite(&self, hash: u64, slot: &AtomicU32) -> Option<Callsite> {
        if KNOWN_MAX <= KNOWN.count() || FIELDS_MAX < self.fields.len() {
            return None;
        }
        let place = KNOWN.push(Known::new(self, hash));
        // Release: see `callsite`. Where another thread was faster, this one is used just once; the
        // next time finds the other's, or the next free slot.
        let (set, fetch) = (Ordering::Release, Ordering::Relaxed);
        let _ = slot.compare_exchange(0, place as u32 + 1, set, fetch);
        KNOWN.get(place).map(Callsite)
    }

    pub(super) fn spot(&self) -> Spot<'_> {
        match self.callsite() {
            Some(callsite) => Spot::of(callsite),
            None => Spot::shared(self),
        }
    }
}

impl Known {
    /// Leaks on purpose: records refer to it by its address.
    fn new(place: &Place<'_>, hash: u64) -> Self {
        let own = |text: &str| &*Box::leak(Box::<str>::from(text));
        let fields: Vec<_> = place.fields.iter().map(|name| own(name)).collect();
        let function = place.function.map(|_| FUNCTION);
        let names = [MESSAGE_NAME].into_iter().chain(function);
        let names: Vec<_> = names.chain(fields.iter().copied()).collect();
        let place = Place {
            target: own(place.target),
            level: place.level,
            file: place.file.map(own),
            line: place.line,
            function: place.function.map(own),
            fields: Box::leak(fields.into_boxed_slice()),
        };
        let names = FieldSet::new(Box::leak(names.into_boxed_slice()), Identifier(&CALLSITE));
        let Place {
            target,
            level,
            file,
            line,
            ..
        } = place;
        let (name, kind) = ("frontend", Kind::EVENT);
        let metadata = Metadata::new(name, target, level, file, line, None, names, kind);
        Known {
            place,
            hash,
            metadata: Box::leak(Box::new(metadata)),
        }
    }
}

/// Nobody asks it for anything; a set of fields needs one.
struct FrontendCallsite;

static CALLSITE: FrontendCallsite = FrontendCallsite;

impl callsite::Callsite for FrontendCallsite {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        shared(Level::INFO)
    }
}

/// The names of fields in which records of shared callsites tell where they come from, as those of
/// the `log` crate do.
const SHARED_NAMES: &[&str] = &[MESSAGE_NAME, "log.target", "log.file", "log.line"];

const MESSAGE_NAME: &str = "message";
const FUNCTION: &str = "function";

pub(super) const MESSAGE: usize = 0;
pub(super) const TARGET: usize = 1;
pub(super) const FILE: usize = 2;
pub(super) const LINE: usize = 3;

const fn shared_at(level: Level) -> Metadata<'static> {
    let names = FieldSet::new(SHARED_NAMES, Identifier(&CALLSITE));
    let (name, target) = ("frontend", "log");
    Metadata::new(name, target, level, None, None, None, names, Kind::EVENT)
}

fn shared(level: Level) -> &'static Metadata<'static> {
    static SHARED: [Metadata<'static>; 5] = [
        shared_at(Level::TRACE),
        shared_at(Level::DEBUG),
        shared_at(Level::INFO),
        shared_at(Level::WARN),
        shared_at(Level::ERROR),
    ];
    &SHARED[level_number(level) as usize % SHARED.len()]
}
