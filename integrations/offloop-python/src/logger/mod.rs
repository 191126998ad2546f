//! The quick way of a log call: from the logger straight to the pipeline, without a `LogRecord`.
//!
//! It is taken only where nobody could tell the difference, see [`path`]. In all other cases the
//! standard library's own code runs, with all that it promises.

mod core;
mod fast;
mod flat;
mod keywords;
mod path;

pub(crate) use self::fast::FastLogger;
pub(crate) use self::flat::add_methods;
pub(crate) use self::keywords::KeywordLogger;
