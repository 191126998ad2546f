//! What is wrong with a configuration, for who has to put it right.

use std::fmt;

use super::key::KeyPath;
use super::layer::ConfigSource;

/// More than so many are not told.
pub(super) const PROBLEMS_MAX: usize = 100;

/// Everything that is wrong with a configuration.
///
/// Its text has a line for each problem, with its place, its key, and what to do:
///
/// ```text
/// read configuration: 2 problems
///   offloop.toml:1:1: levle: there is no such key; did you mean "level"? Allowed: …
///   offloop.toml:2:10: budget: …
/// ```
///
/// `{:?}` says the same, so that a `main` may return it.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<ConfigProblem>,
    /// Whether there are more.
    is_cut: bool,
}

impl ConfigError {
    pub(super) fn new(mut problems: Vec<ConfigProblem>) -> Self {
        problems.sort_by(|one, other| one.source.cmp(&other.source));
        let is_cut = PROBLEMS_MAX < problems.len();
        problems.truncate(PROBLEMS_MAX);
        ConfigError { problems, is_cut }
    }

    /// The problems, in the order of their places. Of very many, the first hundred.
    #[must_use]
    pub fn problems(&self) -> &[ConfigProblem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [problem] = self.problems.as_slice() {
            return write!(formatter, "read configuration: {problem}");
        }
        let more_than = if self.is_cut { "more than " } else { "" };
        let count = self.problems.len();
        write!(formatter, "read configuration: {more_than}{count} problems")?;
        let mut problems = self.problems.iter();
        problems.try_for_each(|problem| write!(formatter, "\n  {problem}"))
    }
}

/// What ends a program by way of `main` is shown like this.
impl fmt::Debug for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl std::error::Error for ConfigError {}

/// One thing that is wrong with a configuration. Its text is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    pub(super) source: ConfigSource,
    pub(super) key: Option<KeyPath>,
    pub(super) message: String,
}

impl ConfigProblem {
    pub(super) fn new(source: ConfigSource, key: Option<KeyPath>, message: String) -> Self {
        ConfigProblem {
            source,
            key,
            message,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn source(&self) -> &ConfigSource {
        &self.source
    }

    /// The key, as the file has it: `env.production.sinks.main.level`. `None` where the text
    /// could not be taken apart so far.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        self.key.as_ref().map(KeyPath::to_string)
    }

    /// What is wrong, what is allowed, and the nearest that is right.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.source)?;
        if let Some(key) = &self.key {
            write!(formatter, "{key}: ")?;
        }
        formatter.write_str(&self.message)
    }
}
