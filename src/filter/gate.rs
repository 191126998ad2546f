//! The gate that every event passes: what is wanted at the moment.
//!
//! `tracing` keeps for each callsite what it was answered, so a change costs those who log nothing:
//! the new answers are in place before the callsites are asked anew. What is still on its way through
//! at that moment may pass by the old answer.
//!
//! Most programs need no second look at an event that was let through: then all that is left here is one
//! load of a word that hardly ever changes.

mod layer;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use arc_swap::ArcSwap;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record as Values};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata};

pub(crate) use self::layer::LayerGate;
use super::answers::{Answer, Answers};
use super::by_span::BySpan;
use super::limiter::{Limiter, Source};
use super::wanted::Wish;
use super::{Directives, Filter, Own};
use crate::capture::callsite::is_log_bridge;
use crate::capture::frontend::{Place, Spot};
use crate::capture::known::{self, Number};
use crate::capture::thread;
use crate::config::Rates;
use crate::error::Error;
use crate::fork::PerProcess;

/// One change at a time, in all pipelines of a process: nobody who logs waits for it.
static CHANGING: PerProcess<Mutex<()>> = PerProcess::new();

/// Keeps others from changing what is wanted, for as long as this lives.
pub(crate) fn change() -> MutexGuard<'static, ()> {
    CHANGING
        .get()
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// The same, unless somebody else does just now: for who must not wait.
pub(crate) fn try_change() -> Option<MutexGuard<'static, ()>> {
    match CHANGING.get().try_lock() {
        Ok(changing) => Some(changing),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// What is wanted, in words.
#[derive(Clone, Debug)]
struct Asked {
    directives: Directives,
    rates: Rates,
    /// What lies on top for a time, each with its number.
    raises: Vec<(u64, String)>,
}

/// A filter that may be put in place.
#[derive(Debug)]
pub(crate) struct Prepared {
    filter: Filter,
    asked: Asked,
}

/// What is wanted at the moment.
#[derive(Debug)]
pub(crate) struct Gate {
    filter: ArcSwap<Filter>,
    asked: ArcSwap<Asked>,
    /// Which filter this is, counted from 1, if events that were let through are to be looked at once
    /// more; else 0.
    second_look: AtomicU64,
    /// Whether the filter is to hear of spans.
    follows_spans: AtomicBool,
    /// Whether sinks let in what is not wanted of all.
    lets_in_extra: AtomicBool,
    /// How many filters there were.
    filters: AtomicU64,
    /// Which of them is in place.
    number: AtomicU64,
    answers: Answers,
    limiter: Arc<Limiter>,
}

impl Asked {
    fn prepare(self) -> Result<Prepared, Error> {
        let raises = self.raises.iter().map(|(_, words)| &**words);
        Ok(Prepared {
            filter: self.directives.under(raises).parse()?,
            asked: self,
        })
    }
}

impl Gate {
    /// # Errors
    ///
    /// If the directives cannot be read.
    pub(crate) fn new(
        directives: Directives,
        rates: Rates,
        limiter: Arc<Limiter>,
    ) -> Result<Self, Error> {
        let asked = Asked {
            directives,
            rates,
            raises: Vec::new(),
        };
        let prepared = asked.prepare()?;
        let gate = Gate {
            filter: ArcSwap::from_pointee(Directives::everything().parse()?),
            asked: ArcSwap::from_pointee(prepared.asked.clone()),
            second_look: AtomicU64::new(0),
            follows_spans: AtomicBool::new(false),
            lets_in_extra: AtomicBool::new(false),
            filters: AtomicU64::new(0),
            number: AtomicU64::new(0),
            answers: Answers::default(),
            limiter,
        };
        gate.set(prepared);
        Ok(gate)
    }

    /// Reads other directives, under what is raised for a time. Other rates hold with them.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub(crate) fn prepare(&self, directives: Directives, rates: Rates) -> Result<Prepared, Error> {
        let raises = self.asked.load().raises.clone();
        let asked = Asked {
            directives,
            rates,
            raises,
        };
        asked.prepare()
    }

    /// Puts directives on top of the others. Returns their number.
    ///
    /// # Errors
    ///
    /// If they cannot be read.
    pub(crate) fn raise(&self, words: &str) -> Result<u64, Error> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        // By themselves, so that an error is not blamed on the others.
        Directives::alone("level_for", words).parse()?;
        let _changing = change();
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let mut asked = Asked::clone(&self.asked.load());
        asked.raises.push((number, words.to_owned()));
        self.set(asked.prepare()?);
        Ok(number)
    }

    /// Undoes that. Says no if it was undone before.
    pub(crate) fn lower(&self, number: u64) -> bool {
        let _changing = change();
        let mut asked = Asked::clone(&self.asked.load());
        let raises = asked.raises.len();
        asked.raises.retain(|(raised, _)| *raised != number);
        let is_raised = asked.raises.len() != raises;
        // What is left of words that could be read can be read.
        if is_raised && let Ok(prepared) = asked.prepare() {
            self.set(prepared);
        }
        is_raised
    }

    /// Puts another filter in place. Callsites are asked anew by [`install::ask_anew`](crate::install::ask_anew), not here. Whoever
    /// calls it has [the right to](change).
    pub(crate) fn set(&self, prepared: Prepared) {
        let Prepared { filter, asked } = prepared;
        let lets_in_extra = !filter.extra.is_empty();
        let is_second = self.limiter.set(&asked.rates) | filter.has_detail() | lets_in_extra;
        let number = 1 + self.filters.fetch_add(1, Ordering::Relaxed);
        let follows_spans = filter.follows_spans();
        self.filter.store(Arc::new(filter));
        self.asked.store(Arc::new(asked));
        // Relaxed, both: the store below publishes them. A span that is missed meanwhile is one that was
        // there before.
        self.lets_in_extra.store(lets_in_extra, Ordering::Relaxed);
        self.follows_spans.store(follows_spans, Ordering::Relaxed);
        // Release: who sees the number finds the filter. Pairs with the Acquire loads in `look_twice` and
        // `known_wish`.
        self.second_look
            .store(if is_second { number } else { 0 }, Ordering::Release);
        // Release: the same for `wish_at`.
        self.number.store(number, Ordering::Release);
    }

    /// For what an event is wanted that was let through.
    #[inline]
    pub(crate) fn wish_of(&self, event: &Event<'_>, callsite: Number) -> Wish {
        // Relaxed: it only says whether there is more to look at.
        if self.second_look.load(Ordering::Relaxed) == 0 {
            return Wish::Now;
        }
        self.look_twice(event, callsite)
    }

    /// For what the records of a front end's place are wanted: nobody has asked before. Another
    /// language has no spans, so a filter by these goes by all else that it says.
    #[inline]
    pub(crate) fn wish_at(&self, spot: &Spot<'_>, callsite: Number) -> Wish {
        let number = self.number.load(Ordering::Acquire);
        let ask = || self.answer_at(spot.place);
        let answer = match spot.is_shared {
            true => ask(),
            false => self.answers.find(callsite, number, ask),
        };
        self.within_limits(answer, spot, callsite)
    }

    #[cold]
    fn answer_at(&self, place: &Place<'_>) -> Answer {
        let wish = self.filter.load().wish_at(place);
        self.limited(wish, place.target, place.level)
    }

    /// Whether a front end's records of this target and level may be wanted.
    pub(crate) fn may_want(&self, target: &str, level: Level) -> bool {
        self.filter.load().may_want(target, level)
    }

    fn look_twice(&self, event: &Event<'_>, callsite: Number) -> Wish {
        let number = self.second_look.load(Ordering::Acquire);
        if number == 0 {
            // Another filter has come meanwhile.
            return Wish::Now;
        }
        let metadata = event.metadata();
        // Relaxed: see `set`.
        let answer = if self.lets_in_extra.load(Ordering::Relaxed) {
            self.answer_with_extra(event)
        } else if is_log_bridge(metadata) {
            self.answer_to_log(event)
        } else {
            let ask = || self.answer(metadata);
            self.answers.find(callsite, number, ask)
        };
        self.within_limits(answer, event, callsite)
    }

    /// Where sinks let in more, each event is asked for anew: it may lie in a span of theirs.
    #[cold]
    fn answer_with_extra(&self, event: &Event<'_>) -> Answer {
        let (filter, metadata) = (self.filter.load(), event.metadata());
        let own = filter.wish_of(event);
        let wish = filter.with_extra(own, || filter.extra.wants(metadata));
        self.limited(wish, metadata.target(), *metadata.level())
    }

    fn answer(&self, metadata: &Metadata<'_>) -> Answer {
        let wish = self.filter.load().wish(metadata);
        self.limited(wish, metadata.target(), *metadata.level())
    }

    #[cold]
    fn answer_to_log(&self, event: &Event<'_>) -> Answer {
        let metadata = event.metadata();
        let wish = match &self.filter.load().own {
            Own::Static(wanted) if wanted.has_detail() => wanted.wish_of_log(event),
            _ => Wish::Now,
        };
        self.limited(wish, metadata.target(), *metadata.level())
    }

    fn limited(&self, wish: Wish, target: &str, level: Level) -> Answer {
        let is_kept = !matches!(wish, Wish::Detail | Wish::Never);
        Answer {
            wish,
            is_limited: is_kept && self.limiter.is_concerned(target, level),
        }
    }

    /// What is left of a wish once limits and samples have left out their part.
    #[inline]
    fn within_limits<S: Source>(&self, answer: Answer, source: &S, callsite: Number) -> Wish {
        if !answer.is_limited {
            return answer.wish;
        }
        match (self.limiter.wish(source, callsite), answer.wish) {
            (Wish::Never, _) => Wish::Never,
            (Wish::Sampled, Wish::Extra) => Wish::SampledExtra,
            (_, Wish::Extra) => Wish::Extra,
            (limited, _) => limited,
        }
    }

    /// What is left out although the filter wants it.
    pub(crate) fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// What `tracing` is to ask about a callsite.
    pub(crate) fn interest(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.filter.load().interest(metadata)
    }

    /// Whether an event or a span of a callsite, made now, is wanted. What may be detail of a request
    /// is asked for each time, so that nobody makes its values where there is none to keep it.
    #[inline]
    pub(crate) fn is_enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.is_enabled_by(metadata, |filter| filter.is_enabled(metadata))
    }

    /// The same by way of `ask`, where nothing is known yet.
    #[inline]
    fn is_enabled_by(&self, metadata: &Metadata<'_>, ask: impl FnOnce(&Filter) -> bool) -> bool {
        match self.known_wish(metadata) {
            Some(Wish::Never) => false,
            Some(Wish::Detail) => thread::keeps_detail(),
            Some(_) => true,
            None => ask(&self.filter.load()),
        }
    }

    /// What an earlier event of the callsite has found out, where that goes for all of them.
    #[inline]
    fn known_wish(&self, metadata: &Metadata<'_>) -> Option<Wish> {
        let number = self.second_look.load(Ordering::Acquire);
        // Relaxed: see `set`. A filter by spans goes by where an event is made.
        if number == 0 || self.follows_spans.load(Ordering::Relaxed) {
            return None;
        }
        let answer = self.answers.known(known::find(metadata)?, number);
        answer.map(|answer| answer.wish)
    }

    /// The most verbose level that may be on.
    pub(crate) fn level_max(&self) -> LevelFilter {
        self.filter.load().level_max()
    }

    /// A span was opened: for subscribers that are no layers.
    #[inline]
    pub(crate) fn opened(&self, attributes: &Attributes<'_>, id: &Id) {
        self.tell(|filter| filter.opened(attributes, id));
    }

    #[inline]
    pub(crate) fn recorded(&self, id: &Id, values: &Values<'_>) {
        self.tell(|filter| filter.recorded(id, values));
    }

    #[inline]
    pub(crate) fn entered(&self, id: &Id) {
        self.tell(|filter| filter.entered(id));
    }

    #[inline]
    pub(crate) fn exited(&self, id: &Id) {
        self.tell(|filter| filter.exited(id));
    }

    #[inline]
    pub(crate) fn closed(&self, id: &Id) {
        self.tell(|filter| filter.closed(id.clone()));
    }

    /// Lets a filter that wants it know of a span.
    #[inline]
    fn tell(&self, tell: impl Fn(&BySpan)) {
        // Relaxed: see `set`.
        if self.follows_spans.load(Ordering::Relaxed) {
            self.filter.load().tell(tell);
        }
    }
}
