//! Whose records are counted together.
//!
//! A callsite is one macro or one line of a program, but for those that stand for many: the five of the
//! bridge from `log`, and the five of a front end that knows too many places. Of these, a target, a
//! level and a line count as one.

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata};

use super::state::mix;
use crate::capture::callsite::is_log_bridge;
use crate::capture::frontend::Spot;
use crate::channel::overflow::level_index;

/// Who logs, as far as the limiter wants to know.
pub(in crate::filter) trait Source {
    fn level(&self) -> Level;

    /// What tells it from others that come by the same callsite. `None` if it has that for itself.
    fn key(&self) -> Option<u64>;

    fn origin(&self) -> LimitedOrigin;
}

/// Whose records were left out.
#[derive(Clone, Debug)]
pub(crate) struct LimitedOrigin {
    pub(crate) level: Level,
    pub(crate) target: Box<str>,
    pub(crate) file: Option<Box<str>>,
    pub(crate) line: Option<u32>,
}

impl Source for Event<'_> {
    fn level(&self) -> Level {
        *self.metadata().level()
    }

    /// Records of the `log` crate of one target and level are counted together, whatever their lines: to
    /// a program that uses it, a target is a module.
    fn key(&self) -> Option<u64> {
        is_log_bridge(self.metadata()).then(|| key_of_log(self))
    }

    fn origin(&self) -> LimitedOrigin {
        let metadata = self.metadata();
        let mut origin = LimitedOrigin::of(metadata);
        if is_log_bridge(metadata) {
            self.record(&mut origin);
        }
        origin
    }
}

impl Source for Spot<'_> {
    fn level(&self) -> Level {
        self.place.level
    }

    /// Names of fields do not count: a line that makes them up as it runs is one line.
    fn key(&self) -> Option<u64> {
        self.is_shared.then(|| {
            let key = of_text(of_level(self.place.level), self.place.target);
            let key = of_text(key, self.place.file.unwrap_or_default());
            mix(key ^ u64::from(self.place.line.unwrap_or(u32::MAX)))
        })
    }

    fn origin(&self) -> LimitedOrigin {
        LimitedOrigin {
            level: self.place.level,
            target: self.place.target.into(),
            file: self.place.file.map(Into::into),
            line: self.place.line,
        }
    }
}

fn of_level(level: Level) -> u64 {
    u64::from(level_index(level)) + 1
}

fn of_text(key: u64, text: &str) -> u64 {
    let bytes = text.bytes();
    let key = bytes.fold(key, |hash, byte| mix(hash ^ u64::from(byte)));
    // Where one text ends and the next begins is part of it.
    mix(key ^ text.len() as u64)
}

fn key_of_log(event: &Event<'_>) -> u64 {
    struct Hashed(u64);
    impl Visit for Hashed {
        fn record_str(&mut self, field: &Field, value: &str) {
            if field.name() == "log.target" {
                self.0 = of_text(self.0, value);
            }
        }

        fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
    }
    let mut hashed = Hashed(of_level(*event.metadata().level()));
    event.record(&mut hashed);
    hashed.0
}

impl LimitedOrigin {
    fn of(metadata: &Metadata<'_>) -> Self {
        LimitedOrigin {
            level: *metadata.level(),
            target: metadata.target().into(),
            file: metadata.file().map(Into::into),
            line: metadata.line(),
        }
    }
}

/// For events of the `log` crate.
impl Visit for LimitedOrigin {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "log.target" => self.target = value.into(),
            // Its records of one target and level may come from many lines: this is one of them.
            "log.file" => self.file = Some(value.into()),
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "log.line" {
            self.line = u32::try_from(value).ok();
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
