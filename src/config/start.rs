//! How a builder becomes a pipeline, and what of the program it is installed as.

use std::sync::Arc;
use std::time::Duration;

use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

use super::{
    BUDGET_BYTES_MAX, BUDGET_BYTES_MIN, Builder, Config, WRITE_DELAY_MAX, WRITE_DELAY_MIN,
};
use crate::capture::layer::OffloopLayer;
use crate::capture::subscriber::OffloopSubscriber;
use crate::channel::arena::ArenaPlan;
use crate::drain::Delays;
use crate::drain::line::Content;
use crate::error::Error;
use crate::filter::{Directives, Gate, LayerGate};
use crate::guard::Guard;
use crate::install;
use crate::pipeline::{Pipeline, Plan};
use crate::redaction::Redactor;
use crate::reloader;
use crate::request;

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
    /// - [`Error::NoSink`] if all sinks are switched off;
    /// - [`Error::CreateDirectory`], [`Error::OpenFile`] if a file cannot be opened;
    /// - [`Error::HandleHangup`] if SIGHUP is to be handled, and the system does not allow it;
    /// - [`Error::FollowConfiguration`] if the configuration is to be read anew, and there is no thread for
    ///   that;
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
        let pipeline = self.start(Content::Records)?;
        reloader::follow(&pipeline)?;
        let subscriber = OffloopSubscriber::new(Arc::clone(&pipeline));
        install::subscriber(subscriber, pipeline.gate().level_max())?;
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
        let pipeline = self.start(Content::Records)?;
        let layer = OffloopLayer::new(Arc::clone(&pipeline));
        let layer = layer.with_filter(LayerGate(Arc::clone(&pipeline)));
        reloader::follow(&pipeline)?;
        Ok((layer, Guard::new(pipeline)))
    }

    pub(crate) fn start(self, content: Content) -> Result<Arc<Pipeline>, Error> {
        let (plan, directives) = self.plan(content)?;
        let (rates, limiter) = (plan.settings.rates.clone(), Arc::clone(&plan.limiter));
        let gate = Gate::new(directives, rates, limiter)?;
        let requests = plan.settings.requests.clone();
        let pipeline = Pipeline::start(plan, gate)?;
        if requests != request::Options::default() {
            request::configure(requests);
        }
        Ok(pipeline)
    }

    /// What the pipeline is made from, and what passes into it. Nothing is opened yet.
    pub(crate) fn plan(mut self, content: Content) -> Result<(Plan, Directives), Error> {
        let config = &self.config;
        let directives = match content {
            Content::Records => config.directives(),
            Content::Lines => Directives::everything(),
        };
        let of_sinks = config.enabled_sinks();
        let directives = directives.beside(of_sinks.filter_map(|(_, sink)| sink.directives()));
        if self.config.sinks.is_empty() {
            let fallback = self.config.fallback.sink();
            self.config.add(fallback);
        }
        if self.config.enabled_sinks().next().is_none() {
            return Err(Error::NoSink);
        }
        let delays = self.config.delays();
        let settings = self.config.clone();
        let config = self.config;
        let sinks = config.sinks.into_iter();
        let sinks = sinks.filter(|(_, sink)| sink.is_enabled());
        let sinks = sinks.map(|(name, sink)| sink.plan(&name, &config.fields));
        let plan = Plan {
            sinks: sinks.collect::<Result<Vec<_>, _>>()?,
            content,
            budget_bytes: config.budget.clamp(BUDGET_BYTES_MIN, BUDGET_BYTES_MAX),
            overflow: config.overflow,
            delays,
            exit_timeout: config.exit_timeout,
            redactor: Arc::new(Redactor::new(&config.redaction)?),
            limits: config.limits,
            arena: ArenaPlan::new(config.crash_safe, config.crash_directory),
            on_hangup: config.on_hangup,
            complaints: self.complaints,
            settings,
            limiter: Arc::default(),
        };
        Ok((plan, directives))
    }
}

impl Config {
    fn directives(&self) -> Directives {
        let (level, detail) = (&self.level, self.request_detail.as_deref());
        if self.rust_log {
            Directives::of_environment(level, detail)
        } else {
            Directives::of_filter(level, detail)
        }
    }

    fn delays(&self) -> Delays {
        let idle = self.write_delay.clamp(WRITE_DELAY_MIN, WRITE_DELAY_MAX);
        Delays {
            busy: idle.min(WRITE_DELAY_BUSY),
            idle,
        }
    }
}
