//! How a pipeline is described: the builder, and the sinks that it is given.

mod builder;
mod sink;
mod start;

pub use self::builder::Builder;
pub use self::sink::Sink;
