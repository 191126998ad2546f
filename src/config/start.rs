//! How a builder becomes a pipeline, and what of the program it is installed as.

use std::sync::Arc;
use std::time::Duration;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::{self, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use super::{
    BUDGET_BYTES_MAX, BUDGET_BYTES_MIN, Builder, Config, OnHangup, WRITE_DELAY_MAX, WRITE_DELAY_MIN,
};
use crate::capture::layer::OffloopLayer;
use crate::capture::subscriber::OffloopSubscriber;
use crate::channel::arena::ArenaPlan;
use crate::drain::Delays;
use crate::drain::line::Content;
use crate::error::Error;
use crate::filter::{ByTarget, Filter};
use crate::guard::Guard;
use crate::install;
use crate::pipeline::{Pipeline, Plan};
use crate::redaction::Redactor;
use crate::request;
use crate::sink::Control;

/// How long the writers leave records alone while they come.
const WRITE_DELAY_BUSY: Duration = Duration::from_millis(5);

impl Builder {
    /// Starts the pipeline and installs it as the program's global subscriber. Records of the
    /// `log` crate come along, with their own target, file and line.
    ///
    /// The guard adds control, it is not needed to keep anything alive.
    ///
    /// # Errors
    ///
    /// - [`Error::AlreadyInstalled`] if the program has a global subscriber, and
    ///   [`Error::LoggerInstalled`] if it has a logger of the `log` crate;
    /// - [`Error::Filter`] if `RUST_LOG` or a filter cannot be read;
    /// - [`Error::CreateDirectory`], [`Error::OpenFile`] if a file cannot be opened;
    /// - [`Error::HandleHangup`] if SIGHUP is to be handled, and the system does not allow it;
    /// - [`Error::StartWriter`] if there is no thread to be had.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), offloop::Error> {
    /// let guard = offloop::builder().file("logs/app.jsonl").init()?;
    /// # drop(guard);
    /// # Ok(())
    /// # }
    /// ```
    pub fn init(self) -> Result<Guard, Error> {
        install::check()?;
        let panic_hook = self.config.panic_hook;
        let filter = self.filter_of_environment()?;
        let pipeline = self.start(Content::Records)?;
        match filter {
            Filter::Static(wanted) => {
                let level_max = wanted.level_max();
                let subscriber = OffloopSubscriber::new(Arc::clone(&pipeline), wanted);
                install::subscriber(subscriber, level_max)?;
            }
            Filter::Dynamic(filter) => {
                let level_max = layer::Filter::<Registry>::max_level_hint(&filter.filter);
                let layer = OffloopLayer::new(Arc::clone(&pipeline), None).with_filter(*filter);
                let subscriber = tracing_subscriber::registry().with(layer);
                install::subscriber(subscriber, level_max.unwrap_or(LevelFilter::TRACE))?;
            }
        }
        install::pipeline(&pipeline);
        if panic_hook {
            install::panic_hook();
        }
        Ok(Guard::new(pipeline))
    }

    /// Starts the pipeline and returns it as a layer, to be composed with others on a
    /// [`Registry`](tracing_subscriber::Registry).
    ///
    /// The filter holds for this layer alone.
    ///
    /// # Errors
    ///
    /// As [`init`](Builder::init), but for what concerns the global subscriber.
    ///
    /// ```
    /// use tracing_subscriber::layer::SubscriberExt;
    ///
    /// # fn main() -> Result<(), offloop::Error> {
    /// # let memory = offloop::Memory::new();
    /// let (layer, guard) = offloop::builder().memory(&memory).build()?;
    /// let subscriber = tracing_subscriber::registry().with(layer);
    /// # drop((subscriber, guard));
    /// # Ok(())
    /// # }
    /// ```
    pub fn build<S>(self) -> Result<(impl Layer<S> + Send + Sync, Guard), Error>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let filter = self.filter_of_environment()?;
        let pipeline = self.start(Content::Records)?;
        let layer: Box<dyn Layer<S> + Send + Sync> = match filter {
            Filter::Static(wanted) => {
                let layer = OffloopLayer::new(Arc::clone(&pipeline), Some(Arc::clone(&wanted)));
                Box::new(layer.with_filter(ByTarget(wanted)))
            }
            Filter::Dynamic(filter) => {
                let layer = OffloopLayer::new(Arc::clone(&pipeline), None);
                Box::new(layer.with_filter(*filter))
            }
        };
        Ok((layer, Guard::new(pipeline)))
    }

    /// What is wanted, by the environment or by this builder.
    fn filter_of_environment(&self) -> Result<Filter, Error> {
        let config = &self.config;
        Filter::from_environment(Some(&config.level), config.request_detail.as_deref())
    }

    pub(crate) fn start(mut self, content: Content) -> Result<Arc<Pipeline>, Error> {
        if self.config.sinks.is_empty() {
            let fallback = self.config.fallback.sink();
            self.config.add(fallback);
        }
        let delays = self.config.delays();
        let config = self.config;
        let sinks = config.sinks.into_iter();
        let sinks = sinks.map(|(name, sink)| sink.plan(&name, &config.fields));
        let sinks = sinks.collect::<Result<Vec<_>, _>>()?;
        if config.on_hangup == OnHangup::Reopen {
            let files = sinks.iter().filter_map(|sink| sink.target.control());
            { files }
                .try_for_each(Control::reopen_on_hangup)
                .map_err(Error::HandleHangup)?;
        }
        let pipeline = Pipeline::start(Plan {
            sinks,
            content,
            budget_bytes: config.budget.clamp(BUDGET_BYTES_MIN, BUDGET_BYTES_MAX),
            overflow: config.overflow,
            delays,
            exit_timeout: config.exit_timeout,
            redactor: Arc::new(Redactor::new(&config.redaction)?),
            limits: config.limits,
            arena: ArenaPlan::new(config.crash_safe, config.crash_directory),
            complaints: self.complaints,
        })?;
        if config.requests != request::Options::default() {
            request::configure(config.requests);
        }
        Ok(pipeline)
    }
}

impl Config {
    fn delays(&self) -> Delays {
        let idle = self.write_delay.clamp(WRITE_DELAY_MIN, WRITE_DELAY_MAX);
        Delays {
            busy: idle.min(WRITE_DELAY_BUSY),
            idle,
        }
    }
}
