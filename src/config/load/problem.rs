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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<ConfigProblem>,
    withheld: usize,
}

impl ConfigError {
    pub(super) fn new(mut problems: Vec<ConfigProblem>) -> Self {
        problems.sort_by(|one, other| one.source.cmp(&other.source));
        let withheld = problems.len().saturating_sub(PROBLEMS_MAX);
        problems.truncate(PROBLEMS_MAX);
        ConfigError { problems, withheld }
    }

    /// The problems, in the order of their places. Of very many, the first hundred.
    #[must_use]
    pub fn problems(&self) -> &[ConfigProblem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let ([problem], 0) = (self.problems.as_slice(), self.withheld) {
            return write!(formatter, "read configuration: {problem}");
        }
        let count = self.problems.len() + self.withheld;
        write!(formatter, "read configuration: {count} problems")?;
        for problem in &self.problems {
            write!(formatter, "\n  {problem}")?;
        }
        if self.withheld != 0 {
            write!(formatter, "\n  and {} more", self.withheld)?;
        }
        Ok(())
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
