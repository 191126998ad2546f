//! What only makes sense together, or in a range.

use std::ops::RangeInclusive;

use config_rs::{Map, Value};

use super::check_limits;
use super::check_rates;
use super::check_redaction;
use super::key::KeyPath;
use super::read::find;
use super::zone;
use crate::config::file_place::SharedFile;
use crate::config::rotation::{Rotation, Unit};
use crate::config::sink::{Kind, Sink};
use crate::config::units::Written;
use crate::config::{
    BUDGET_BYTES_MAX, BUDGET_BYTES_MIN, CRASH_SAFE_BUDGET_BYTES_MIN, Config, Format,
    WRITE_DELAY_MAX, WRITE_DELAY_MIN,
};
use crate::error::Error;
use crate::filter::directives;

/// The keys of a sink that mean nothing unless it is a file.
const KEYS_OF_FILES: [&str; 6] = [
    "path",
    "mode",
    "rotation",
    "retention",
    "compression",
    "sync",
];

/// What is wrong with the value at a path.
pub(super) struct Complaint {
    pub(super) path: KeyPath,
    /// Other values without which there would be nothing wrong with it.
    pub(super) depends_on: Vec<KeyPath>,
    pub(super) message: String,
}

impl Complaint {
    pub(super) fn of(path: KeyPath, message: impl Into<String>) -> Self {
        Complaint {
            path,
            depends_on: Vec::new(),
            message: message.into(),
        }
    }
}

/// All that is wrong with a configuration. `values` are those that somebody has set.
pub(super) fn check(config: &Config, values: &Map<String, Value>) -> Vec<Complaint> {
    let mut checker = Checker {
        config,
        values,
        complaints: Vec::new(),
    };
    checker.check_directives();
    checker.check_ranges();
    checker.check_crash_safety();
    let parts = [
        check_redaction::complaints(&config.redaction, values),
        check_limits::complaints(&config.limits),
        check_rates::complaints(&config.rates),
    ];
    checker.complaints.extend(parts.into_iter().flatten());
    checker.check_sinks();
    checker.complaints
}

/// What there is to say of a value that has to lie in a range.
pub(super) fn out_of_range<T: PartialOrd>(
    path: KeyPath,
    value: &T,
    allowed: &RangeInclusive<T>,
    to_text: impl Fn(&T) -> String,
) -> Option<Complaint> {
    let [value_text, min, max] = [value, allowed.start(), allowed.end()].map(to_text);
    let message = format!("{value_text} is out of range. Allowed: {min} to {max}");
    (!allowed.contains(value)).then(|| Complaint::of(path, message))
}

struct Checker<'c> {
    config: &'c Config,
    values: &'c Map<String, Value>,
    complaints: Vec<Complaint>,
}

impl Checker<'_> {
    fn is_set(&self, path: &KeyPath) -> bool {
        find(self.values, path).is_some()
    }

    fn complain(&mut self, path: KeyPath, message: impl Into<String>) {
        self.complaints.push(Complaint::of(path, message));
    }

    fn complain_with<const N: usize>(
        &mut self,
        path: KeyPath,
        depends_on: [KeyPath; N],
        message: impl Into<String>,
    ) {
        self.complaints.push(Complaint {
            path,
            depends_on: depends_on.into(),
            message: message.into(),
        });
    }

    fn check_directives(&mut self) {
        let level = KeyPath::new(["level"]);
        if let Err(message) = directives::check(&self.config.level, true) {
            self.complain(level.clone(), message);
        }
        let Some(detail) = &self.config.request_detail else {
            return;
        };
        let path = KeyPath::new(["request_detail"]);
        if let Err(message) = directives::check(detail, false) {
            self.complain(path, message);
        } else if self.config.level.contains('[') {
            let message =
                "has no effect, since `level` has directives by span. Leave one of them out";
            self.complain_with(path, [level], message);
        }
    }

    fn check_ranges(&mut self) {
        let budgets = BUDGET_BYTES_MIN..=BUDGET_BYTES_MAX;
        self.check_range("budget", &self.config.budget, &budgets);
        let delays = WRITE_DELAY_MIN..=WRITE_DELAY_MAX;
        self.check_range("write_delay", &self.config.write_delay, &delays);
    }

    fn check_range<T: Written + PartialOrd>(
        &mut self,
        key: &str,
        value: &T,
        allowed: &RangeInclusive<T>,
    ) {
        let complaint = out_of_range(KeyPath::new([key]), value, allowed, T::to_text);
        self.complaints.extend(complaint);
    }

    fn check_crash_safety(&mut self) {
        let asked_for = KeyPath::new(["crash_safe"]);
        let directory = KeyPath::new(["crash_directory"]);
        match self.config.crash_safe {
            Some(true) if self.config.budget < CRASH_SAFE_BUDGET_BYTES_MIN => {
                let budget = KeyPath::new(["budget"]);
                self.complain_with(asked_for, [budget], "needs a `budget` of at least 1 MiB");
            }
            Some(true)
                if !self
                    .config
                    .sinks
                    .values()
                    .any(|sink| sink.kind() == Kind::File && sink.is_enabled()) =>
            {
                let sinks = KeyPath::new(["sinks"]);
                self.complain_with(asked_for, [sinks], "needs a sink that is a file");
            }
            Some(false) if self.is_set(&directory) => {
                self.complain_with(
                    directory,
                    [asked_for],
                    "has no effect, since `crash_safe` is false",
                );
            }
            _ => {}
        }
    }

    fn check_sinks(&mut self) {
        let sinks = KeyPath::new(["sinks"]);
        if self.config.sinks.is_empty() && self.is_set(&sinks) {
            let message = "has no sink. Describe one, as in [sinks.main], or leave it out";
            self.complain(sinks.clone(), message);
        }
        self.check_one_is_enabled(&sinks);
        for (name, sink) in &self.config.sinks {
            self.check_sink(&sinks.with(name), sink);
        }
        self.check_files_are_alone(&sinks);
    }

    fn check_one_is_enabled(&mut self, sinks: &KeyPath) {
        let mut switches =
            { self.config.sinks.iter() }.map(|(name, sink)| (name, sink.is_enabled()));
        let Some((first, false)) = switches.next() else {
            return;
        };
        if switches.all(|(_, is_enabled)| !is_enabled) {
            let message =
                "switches off the last sink. Enable one, or capture nothing by level = \"off\"";
            self.complain(sinks.with(first).with("enabled"), message);
        }
    }

    fn check_sink(&mut self, path: &KeyPath, sink: &Sink) {
        if let Some(level) = &sink.level
            && let Err(message) = directives::check(level, true)
        {
            self.complain(path.with("level"), message);
        }
        self.check_format(&path.with("format"), &sink.format);
        if sink.kind() == Kind::File {
            return self.check_file(path, sink);
        }
        for key in KEYS_OF_FILES {
            let path = path.with(key);
            if self.is_set(&path) {
                let kind = sink.kind().as_str();
                let message = format!("goes with kind = \"file\" alone, and this is {kind:?}");
                self.complain(path, message);
            }
        }
    }

    fn check_format(&mut self, path: &KeyPath, format: &Format) {
        for problem in format.problems() {
            match problem {
                Error::TimeZone { name } => {
                    let message = zone::complaint(&name).unwrap_or_default();
                    self.complain(path.with("zone"), message);
                }
                Error::FormatOption {
                    shape,
                    option,
                    remedy,
                } => {
                    let message = format!("does not go with the shape {shape:?}: {remedy}");
                    self.complain_with(path.with(option), [path.with("shape")], message);
                }
                Error::FormatKeys {
                    shape,
                    parts: [part, other],
                    key,
                } => {
                    let message = format!(
                        "{key:?} is what {other} is called, too, in the shape {shape:?}: give each a \
                        name of its own"
                    );
                    let keys = path.with("keys");
                    self.complain_with(keys.with(part), [path.with("shape")], message);
                }
                other => self.complain(path.clone(), other.to_string()),
            }
        }
    }

    fn check_file(&mut self, path: &KeyPath, sink: &Sink) {
        match &sink.path {
            None => self.complain(
                path.with("path"),
                "is missing. A file needs one, such as \"logs/app.jsonl\"",
            ),
            Some(file) if file.as_os_str().is_empty() => {
                self.complain(
                    path.with("path"),
                    "is empty. A file needs one, such as \"logs/app.jsonl\"",
                );
            }
            Some(_) => {}
        }
        self.check_rotation(&path.with("rotation"), sink);
    }

    fn check_rotation(&mut self, path: &KeyPath, sink: &Sink) {
        let Rotation {
            every,
            time,
            zone,
            bytes_max,
            ..
        } = &sink.rotation;
        if *bytes_max == Some(0) {
            let message =
                "would end the file with each record. Allowed: a size above 0, such as \"256 MiB\"";
            self.complain(path.with("at_bytes"), message);
        }
        if time.is_some() && !matches!(every, Some(Unit::Day | Unit::Week)) {
            let message = "has no effect without `every = \"day\"` or `every = \"week\"`";
            self.complain_with(path.with("time"), [path.with("every")], message);
        }
        let Some(zone) = zone else { return };
        if let Some(message) = zone::complaint(zone) {
            self.complain(path.with("zone"), message);
        } else if every.is_none() {
            let message = "has no effect without `every`";
            self.complain_with(path.with("zone"), [path.with("every")], message);
        }
    }

    fn check_files_are_alone(&mut self, sinks: &KeyPath) {
        for SharedFile {
            sinks: [first, second],
            ..
        } in self.config.shared_files()
        {
            let other = sinks.with(&first);
            let message = format!("is that of {other}, too. Each file has one sink");
            self.complain(sinks.with(&second).with("path"), message);
        }
    }
}
