//! Which values may not enter a page as they are, decided once per callsite.
//!
//! Nearly all callsites have neither a field whose name is that of a secret nor more fields than a
//! record may have. The list of [known](super::known) callsites, which each record passes by anyway,
//! has a mark for all others, and for those that were not looked at yet. So plain ones pay nothing; a
//! marked one asks the [`Screen`] of its pipeline what is to be done with each field.
//!
//! A callsite is plain if no screen in the process has anything against it. That is decided under a
//! lock, and a new screen marks all callsites under the same lock, so no callsite is taken for plain by
//! what was known before. Who logs never waits for it: where it is held, the callsite stays marked.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::{ArcSwap, ArcSwapOption, Guard};
use once_cell::race::OnceBox;
use tracing::Metadata;
use tracing::field::Visit;

use super::callsite::is_log_bridge;
use super::known::{self, Number, PerCallsite};
use super::record::Bounds;
use super::screened::Screened;
use super::visit::Visitor;
use crate::config::{Limits, RedactionStyle};
use crate::fork::PerProcess;
use crate::redaction::{Mask, Redactor, ScreenedJson};

/// What one pipeline lets into its pages.
#[derive(Debug)]
pub(crate) struct Screen {
    redactor: Arc<Redactor>,
    bounds: Bounds,
    fields_max: usize,
    depth_max: usize,
    /// What was decided so far. No locks: who logs comes here.
    verdicts: PerCallsite<OnceBox<Option<Box<Verdict>>>>,
}

/// The message of an event is none of its fields.
const MESSAGE: &str = "message";

/// What becomes of each field of a callsite, by its place.
pub(crate) type Verdict = [Action];

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Keep,
    Mask(RedactionStyle),
    /// There are too many fields.
    Drop,
}

impl Screen {
    pub(crate) fn new(redactor: Arc<Redactor>, limits: &Limits) -> Self {
        Screen {
            redactor,
            bounds: limits.bounds(),
            fields_max: limits.fields_max(),
            depth_max: limits.depth_max(),
            verdicts: PerCallsite::default(),
        }
    }

    /// What becomes of a callsite's fields. `None` where all are kept.
    pub(crate) fn verdict(
        &self,
        metadata: &'static Metadata<'static>,
        callsite: Number,
    ) -> Option<&Verdict> {
        let verdict = self.verdicts.of(callsite);
        let judge = || Box::new(self.judge(metadata));
        verdict.get_or_init(judge).as_deref()
    }

    /// The same; a callsite whose fields are all kept is taken for plain from now on, if no other
    /// screen objects.
    pub(crate) fn verdict_or_settle(
        &self,
        metadata: &'static Metadata<'static>,
        callsite: Number,
    ) -> Option<&Verdict> {
        let verdict = self.verdict(metadata, callsite);
        if verdict.is_none() {
            settle(metadata, callsite);
        }
        verdict
    }

    /// What becomes of the value of a field, which has so many others before it.
    pub(crate) fn action(&self, name: &str, before: usize) -> Action {
        if self.fields_max <= before {
            return Action::Drop;
        }
        self.style_of(name).map_or(Action::Keep, Action::Mask)
    }

    /// What becomes of a field of this name, which no callsite declares.
    pub(crate) fn style_of(&self, name: &str) -> Option<RedactionStyle> {
        self.redactor.names().style_of(name)
    }

    /// What stands in place of a value.
    pub(crate) fn mask(
        &self,
        style: RedactionStyle,
        write: impl FnOnce(&mut dyn Write) -> fmt::Result,
    ) -> Mask {
        self.redactor.mask(style, write)
    }

    /// A value that is JSON without what must not enter a page. `None` if all of it may.
    pub(crate) fn screen_json(&self, name: &str, text: &str) -> Option<ScreenedJson> {
        self.redactor.screen_json(name, text, self.depth_max)
    }

    /// The same of a text of which only a part is JSON, or of which the end is missing.
    pub(crate) fn screen_part(&self, name: &str, text: &str) -> Option<ScreenedJson> {
        self.redactor.screen_part(name, text)
    }

    /// How many fields may be added to those that an event's callsite declares.
    pub(crate) fn fields_left(&self, metadata: &Metadata<'_>) -> usize {
        let names = metadata.fields().iter().map(|field| field.name());
        let declared = names.filter(|name| *name != MESSAGE).count();
        self.fields_max.saturating_sub(declared)
    }

    fn judge(&self, metadata: &Metadata<'_>) -> Option<Box<Verdict>> {
        let mut count = 0;
        let action = |name: &str| {
            if metadata.is_event() && name == MESSAGE {
                return Action::Keep;
            }
            count += 1;
            self.action(name, count - 1)
        };
        if is_log_bridge(metadata) {
            return None;
        }
        let fields = metadata.fields().iter().map(|field| field.name());
        let verdict: Box<Verdict> = fields.map(action).collect();
        let is_plain = verdict.iter().all(|action| *action == Action::Keep);
        (!is_plain).then_some(verdict)
    }
}

/// The screen of a pipeline, which may change while it runs.
#[derive(Debug)]
pub(crate) struct Screening {
    current: ArcSwap<Screen>,
    record_bytes: AtomicUsize,
    field_bytes: AtomicUsize,
}

impl Screening {
    pub(crate) fn new(screen: Screen) -> Self {
        let screen = Arc::new(screen);
        register(&screen);
        Screening {
            record_bytes: AtomicUsize::new(screen.bounds.record_bytes),
            field_bytes: AtomicUsize::new(screen.bounds.field_bytes),
            current: ArcSwap::new(screen),
        }
    }

    /// Screens by another one from now on. A record that is just being made may still pass by the
    /// one before.
    pub(crate) fn replace(&self, screen: Screen) {
        let screen = Arc::new(screen);
        register(&screen);
        self.record_bytes
            .store(screen.bounds.record_bytes, Ordering::Relaxed);
        self.field_bytes
            .store(screen.bounds.field_bytes, Ordering::Relaxed);
        self.current.store(screen);
    }

    pub(crate) fn current(&self) -> Guard<Arc<Screen>> {
        self.current.load()
    }

    /// Has the values of a callsite visited that is not known to be plain.
    #[inline(never)]
    pub(crate) fn visit(
        &self,
        metadata: &'static Metadata<'static>,
        callsite: Number,
        visitor: &mut Visitor<'_>,
        record: impl FnOnce(&mut dyn Visit),
    ) {
        let screen = self.current.load();
        let Some(verdict) = screen.verdict_or_settle(metadata, callsite) else {
            return record(visitor);
        };
        record(&mut Screened {
            visitor,
            screen: &screen,
            verdict,
        });
    }

    /// How much of a record is kept.
    #[inline]
    pub(crate) fn bounds(&self) -> Bounds {
        // Relaxed: they are figures, and nothing hangs on which of two is seen.
        Bounds {
            record_bytes: self.record_bytes.load(Ordering::Relaxed),
            field_bytes: self.field_bytes.load(Ordering::Relaxed),
        }
    }
}

/// The screens in use.
static LIVE: ArcSwapOption<Vec<Weak<Screen>>> = ArcSwapOption::const_empty();

/// Held by who adds a screen and by who takes a callsite for plain.
static LOCK: PerProcess<Mutex<()>> = PerProcess::new();

/// From now on, no callsite is taken for plain that this screen has something against.
#[expect(clippy::disallowed_methods, reason = "a start may wait for a moment")]
fn register(screen: &Arc<Screen>) {
    let lock = LOCK.get().lock();
    let _held = lock.unwrap_or_else(PoisonError::into_inner);
    LIVE.rcu(|live| {
        let live = live.as_ref().map_or(&[][..], |live| live);
        let live = live.iter().filter(|live| live.strong_count() != 0);
        let all = live.cloned().chain([Arc::downgrade(screen)]);
        Some(Arc::new(all.collect::<Vec<_>>()))
    });
    known::mark_all();
}

/// Takes a callsite for plain from now on, unless a screen has something against it.
#[cold]
fn settle(metadata: &'static Metadata<'static>, callsite: Number) {
    let Ok(_held) = LOCK.get().try_lock() else {
        return;
    };
    if !is_any(|screen| screen.verdict(metadata, callsite).is_some()) {
        known::unmark(metadata);
    }
}

/// What is to stand in place of the value of a field that belongs to no pipeline alone, and the
/// screen that says so.
pub(crate) fn masking(name: &str) -> Option<(Arc<Screen>, RedactionStyle)> {
    let live = LIVE.load();
    let mut screens = live.iter().flat_map(|live| live.iter());
    screens.find_map(|screen| {
        let screen = screen.upgrade()?;
        let style = screen.style_of(name)?;
        Some((screen, style))
    })
}

/// Passes each screen to `use_screen`: for what belongs to no pipeline alone.
pub(crate) fn for_each(mut use_screen: impl FnMut(&Screen)) {
    let live = LIVE.load();
    let screens = live.iter().flat_map(|live| live.iter());
    let screens = screens.filter_map(Weak::upgrade);
    screens.for_each(|screen| use_screen(&screen));
}

fn is_any(is_it: impl Fn(&Screen) -> bool) -> bool {
    let live = LIVE.load();
    let mut screens = live.iter().flat_map(|live| live.iter());
    screens.any(|screen| screen.upgrade().is_some_and(|screen| is_it(&screen)))
}

#[cfg(test)]
mod tests {
    use tracing::Callsite;

    use super::*;

    #[test]
    fn the_message_takes_no_field_s_place() {
        let metadata = tracing::callsite! {
            name: "limited", kind: tracing::metadata::Kind::EVENT, fields: message, a, b
        }
        .metadata();
        for (fields, left, kept) in [(3, 1, 3), (2, 0, 3), (1, 0, 2), (0, 0, 1)] {
            let limits = Limits::default().fields(fields);
            let screen = Screen::new(Arc::new(Redactor::none()), &limits);
            assert_eq!(screen.fields_left(metadata), left);
            let verdict = screen.verdict(metadata, known::note(metadata).number);
            let is_kept = |action: &&Action| **action == Action::Keep;
            let kept_by = |verdict: &Verdict| verdict.iter().filter(is_kept).count();
            assert_eq!(verdict.map_or(3, kept_by), kept);
        }
    }
}
