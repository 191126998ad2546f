//! What an operator may choose about the records of requests.

mod address;
mod detail;
mod header;
mod noise;
mod record;
mod route;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::de::{self, Deserializer, Unexpected};
use serde::{Deserialize, Serialize};
use tracing::Level;

pub(super) use self::header::Header;
pub use self::route::RouteOptions;
use super::client::TrustedProxies;
use super::latency::{self, Latencies};
use super::outcome::Ended;
use super::pattern::Pattern;
use super::privacy::QueryPolicy;
use super::trace_context::Propagation;
use crate::config::units;

/// How the fields of a request's record are named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Naming {
    /// By OpenTelemetry's
    /// [semantic conventions for HTTP](https://opentelemetry.io/docs/specs/semconv/http/http-spans/).
    #[default]
    #[serde(rename = "opentelemetry")]
    OpenTelemetry,
    /// By the [Elastic Common Schema](https://www.elastic.co/docs/reference/ecs/ecs-http).
    #[serde(rename = "ecs")]
    ElasticCommonSchema,
}

/// Who is believed about what a request belongs to: its id, or the trace that it is part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Incoming {
    /// Everybody, if what they send is harmless.
    #[default]
    Accept,
    /// Nobody: each request gets a new id, or begins a trace.
    Ignore,
    /// Only who calls from the networks of [`Options::trusted_proxies`]: nobody, where these are not set.
    Trusted,
}

/// What records show of paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PathPolicy {
    /// The path as it came.
    #[default]
    Shown,
    /// Nothing: what they have is the matched route, `/users/{id}`.
    RouteOnly,
}

type WantsDetail = dyn Fn(&Ended<'_>) -> bool + Send + Sync;
type AtEnd = dyn Fn(&Ended<'_>) + Send + Sync;
type ChooseLevel = dyn Fn(&Ended<'_>) -> Level + Send + Sync;

/// What an operator may choose about the records of requests.
///
/// An adapter takes them; without a word it has those of the program's configuration: what
/// [`Builder::requests`](crate::Builder::requests) was given, or a file has as the table `requests`, with
/// the setters here as its keys. Closures are for programs alone.
///
/// ```
/// use std::time::Duration;
/// use offloop::request::Options;
///
/// let options = Options::new()
///     .slow_after(Duration::from_millis(500))
///     .quiet("/health")?
///     .request_header("accept-language");
/// # drop(options);
/// # Ok::<(), offloop::Error>(())
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "snake_case")]
pub struct Options {
    /// How the fields of the record are named.
    pub(in crate::request) naming: Naming,
    /// From which duration on a request is slow: its record is at least a warning.
    #[serde(with = "units")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::time")
    )]
    pub(in crate::request) slow_after: Duration,
    /// A request that takes longer than this share of all is among the slowest: its detail is written.
    #[serde(
        rename = "slowest",
        with = "latency::quantile",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::share")
    )]
    pub(in crate::request) latencies: Option<Arc<Latencies>>,
    #[serde(skip)]
    pub(in crate::request) level: Option<Choice<ChooseLevel>>,
    /// Paths whose records are at DEBUG as long as all goes well: `{id}` stands for one segment, `*` at the
    /// end for all below.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::texts")
    )]
    pub(in crate::request) quiet: Vec<Pattern>,
    /// Whose request ids are taken over.
    #[serde(rename = "incoming_ids")]
    pub(in crate::request) incoming: Incoming,
    /// Whose traces are continued.
    #[serde(rename = "incoming_traces")]
    pub(in crate::request) traces: Incoming,
    /// Whether the response tells the request's id and its place in the trace.
    #[serde(rename = "send_back")]
    pub(in crate::request) sends_back: bool,
    /// In which headers traces come in, and are passed on.
    pub(in crate::request) propagation: Propagation,
    /// Headers of the request to take into its record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::texts")
    )]
    pub(in crate::request) request_headers: Vec<Header>,
    /// Headers of the response to take into the record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::texts")
    )]
    pub(in crate::request) response_headers: Vec<Header>,
    /// Proxies that are believed what they say of the client's address.
    #[serde(rename = "trusted_proxies", skip_serializing_if = "Option::is_none")]
    pub(in crate::request) proxies: Option<TrustedProxies>,
    /// Whether addresses are shortened to their networks.
    #[serde(rename = "shorten_addresses")]
    pub(in crate::request) shortens_addresses: bool,
    /// What is shown of the path.
    pub(in crate::request) path: PathPolicy,
    /// What is shown of the query.
    pub(in crate::request) query: QueryPolicy,
    /// Which share of the requests is logged, from 0 to 1. Those that go wrong are, whatever it is.
    #[serde(rename = "sample", deserialize_with = "read_share")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::share")
    )]
    pub(in crate::request) sample_rate: f64,
    /// How many bytes of detail a request keeps in memory at most: 0 keeps none.
    #[serde(with = "units")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::size")
    )]
    pub(in crate::request) detail_bytes: usize,
    #[serde(skip)]
    pub(in crate::request) at_end: Option<Choice<AtEnd>>,
    #[serde(skip)]
    pub(in crate::request) wants_detail: Option<Choice<WantsDetail>>,
    /// Whether the arrival of a request is a record of its own, too.
    #[serde(rename = "announce")]
    pub(in crate::request) announces: bool,
    /// A request that holds up its thread for so long is told of.
    #[serde(with = "units", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::time")
    )]
    pub(in crate::request) stall_after: Option<Duration>,
    /// What is different for requests of some paths: of those that match and say so, the first holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::request) routes: Vec<RouteOptions>,
}

/// From 0 to 1.
fn read_share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let share = f64::deserialize(deserializer)?;
    let allowed = &"a share from 0 to 1";
    let refused = || de::Error::invalid_value(Unexpected::Float(share), allowed);
    (0.0..=1.0)
        .contains(&share)
        .then_some(share)
        .ok_or_else(refused)
}

/// What a program chooses by a closure. Two are equal if they are the very same.
pub(in crate::request) struct Choice<F: ?Sized>(pub(in crate::request) Arc<F>);

impl<F: ?Sized> Clone for Choice<F> {
    fn clone(&self) -> Self {
        Choice(Arc::clone(&self.0))
    }
}

impl<F: ?Sized> PartialEq for Choice<F> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            naming: Naming::default(),
            slow_after: Duration::from_secs(1),
            latencies: None,
            level: None,
            quiet: Vec::new(),
            incoming: Incoming::default(),
            traces: Incoming::default(),
            sends_back: true,
            propagation: Propagation::default(),
            request_headers: Vec::new(),
            response_headers: Vec::new(),
            proxies: None,
            shortens_addresses: false,
            path: PathPolicy::default(),
            query: QueryPolicy::off(),
            sample_rate: 1.0,
            detail_bytes: 64 * 1024,
            at_end: None,
            wants_detail: None,
            announces: false,
            stall_after: None,
            routes: Vec::new(),
        }
    }
}

impl Options {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Options::default()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("naming", &self.naming)
            .field("slow_after", &self.slow_after)
            .field("quiet", &self.quiet)
            .finish_non_exhaustive()
    }
}
