//! How a pipeline is described: the builder, and the sinks that it is given.

mod builder;
pub(crate) mod format;
mod rotation;
mod sink;
mod start;
#[cfg(test)]
mod tests;

pub use self::builder::Builder;
pub use self::format::{Colour, FieldValue, Format, Part, Precision, SpanStyle};
pub use self::rotation::Rotation;
pub use self::sink::Sink;
