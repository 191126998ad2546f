//! A configuration is read: from a file, the part of it for an environment, and variables.
//!
//! - In: a file's text, variables of the process's environment, the name of an environment.
//! - Out: a [`Config`] and where each of its values comes from, or everything that is wrong.
//! - Never: panics, whatever the bytes; waits for anything but a regular file; changes anything.
//!
//! The way: `document` takes a text apart, `variables` the environment; each becomes a layer of
//! values with their places (`layer`). Layers are put on top of each other (`merge`) and read
//! (`read`, by `strict`), then `check` looks at what only makes sense together.

mod check;
mod check_limits;
mod check_rates;
mod check_redaction;
mod document;
mod key;
mod layer;
mod loaded;
mod loader;
mod merge;
mod problem;
mod read;
mod refusal;
mod strict;
mod text;
mod variables;
mod zone;

#[cfg(test)]
mod tests;

pub use self::layer::ConfigSource;
pub use self::loaded::{ConfigSetting, LoadedConfig};
pub use self::loader::ConfigLoader;
pub use self::problem::{ConfigError, ConfigProblem};
