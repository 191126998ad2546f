//! What an operator may choose about the records of requests.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::de::{self, Deserializer, Unexpected};
use serde::{Deserialize, Serialize};
use tracing::Level;

use super::client::TrustedProxies;
use super::header::is_secret_header;
use super::latency::{self, Latencies};
use super::outcome::Ended;
use super::privacy::QueryPolicy;
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

/// Whose request ids are taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Incoming {
    /// Everybody's, if they are harmless.
    #[default]
    Accept,
    /// Nobody's: each request gets a new one.
    Ignore,
}

type WantsDetail = dyn Fn(&Ended<'_>) -> bool + Send + Sync;
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
///     .quiet("/health")
///     .request_header("accept-language");
/// # drop(options);
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default, rename_all = "snake_case")]
pub struct Options {
    /// How the fields of the record are named.
    pub(super) naming: Naming,
    /// From which duration on a request is slow: its record is at least a warning.
    #[serde(with = "units")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::time")
    )]
    pub(super) slow_after: Duration,
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
    pub(super) latencies: Option<Arc<Latencies>>,
    #[serde(skip)]
    pub(super) level: Option<Choice<ChooseLevel>>,
    /// Paths whose records are at DEBUG as long as all goes well. `*` at the end stands for anything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::texts")
    )]
    pub(super) quiet: Vec<Box<str>>,
    /// Whose request ids are taken over.
    #[serde(rename = "incoming_ids")]
    pub(super) incoming: Incoming,
    /// Whether the response tells the request's id and its place in the trace.
    #[serde(rename = "send_back")]
    pub(super) sends_back: bool,
    /// Headers of the request to take into its record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::texts")
    )]
    pub(super) request_headers: Vec<Header>,
    /// Headers of the response to take into the record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::texts")
    )]
    pub(super) response_headers: Vec<Header>,
    /// Proxies that are believed what they say of the client's address.
    #[serde(rename = "trusted_proxies", skip_serializing_if = "Option::is_none")]
    pub(super) proxies: Option<TrustedProxies>,
    /// Whether addresses are shortened to their networks.
    #[serde(rename = "shorten_addresses")]
    pub(super) shortens_addresses: bool,
    /// What is shown of the query.
    pub(super) query: QueryPolicy,
    /// Which share of the requests is logged, from 0 to 1. Those that go wrong are, whatever it is.
    #[serde(rename = "sample", deserialize_with = "share")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::share")
    )]
    pub(super) sample_rate: f64,
    /// How many bytes of detail a request keeps in memory at most: 0 keeps none.
    #[serde(with = "units")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::size")
    )]
    pub(super) detail_bytes: usize,
    #[serde(skip)]
    pub(super) wants_detail: Option<Choice<WantsDetail>>,
    /// Whether the arrival of a request is a record of its own, too.
    #[serde(rename = "announce")]
    pub(super) announces: bool,
    /// A request that holds up its thread for so long is told of.
    #[serde(with = "units", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::time")
    )]
    pub(super) stall_after: Option<Duration>,
}

/// A header to take into the record: its name as headers are looked up by. Never one that is a key to
/// something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Header(pub(super) Box<str>);

impl TryFrom<String> for Header {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if is_secret_header(&name) {
            return Err(format!("the header {name:?} is a key, and never logged"));
        }
        Ok(Header(name.to_ascii_lowercase().into()))
    }
}

impl From<Header> for String {
    fn from(header: Header) -> String {
        header.0.into()
    }
}

/// From 0 to 1.
fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let share = f64::deserialize(deserializer)?;
    let allowed = &"a share from 0 to 1";
    let refused = || de::Error::invalid_value(Unexpected::Float(share), allowed);
    (0.0..=1.0)
        .contains(&share)
        .then_some(share)
        .ok_or_else(refused)
}

/// What a program chooses by a closure. Two are equal if they are the very same.
pub(super) struct Choice<F: ?Sized>(pub(super) Arc<F>);

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
            sends_back: true,
            request_headers: Vec::new(),
            response_headers: Vec::new(),
            proxies: None,
            shortens_addresses: false,
            query: QueryPolicy::off(),
            sample_rate: 1.0,
            detail_bytes: 64 * 1024,
            wants_detail: None,
            announces: false,
            stall_after: None,
        }
    }
}

impl Options {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Options::default()
    }

    /// How the fields of the record are named. By default as OpenTelemetry does.
    ///
    /// ```
    /// use offloop::request::{Naming, Options};
    ///
    /// let options = Options::new().naming(Naming::ElasticCommonSchema);
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn naming(mut self, naming: Naming) -> Self {
        self.naming = naming;
        self
    }

    /// From which duration on a request is slow: its record is at least a warning. By default 1 s.
    ///
    /// ```
    /// use offloop::request::Options;
    /// use std::time::Duration;
    ///
    /// let options = Options::new().slow_after(Duration::from_millis(250));
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn slow_after(mut self, duration: Duration) -> Self {
        self.slow_after = duration;
        self
    }

    /// Which requests are among the slowest: those that take longer than this share of all, between
    /// 0 and 1. Their [detail](Options::wants_detail) is wanted, whatever their duration; their
    /// level stays as it is. By default none. What counts are the durations of the last few
    /// thousand requests, of which there must be 1,024 at first.
    ///
    /// ```
    /// use offloop::request::Options;
    ///
    /// let options = Options::new().slowest(0.99);
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn slowest(mut self, quantile: f64) -> Self {
        self.latencies = Some(Arc::new(Latencies::new(quantile)));
        self
    }

    /// Chooses the level of each record. By default [`Ended::level`] does. It runs where the request
    /// ends, which may be in a destructor: a panic of it is as if it had not been asked.
    ///
    /// ```
    /// use offloop::request::Options;
    ///
    /// let options = Options::new().level(|ended| match ended.status {
    ///     Some(429) => tracing::Level::WARN,
    ///     _ => ended.level(),
    /// });
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn level(mut self, choose: impl Fn(&Ended<'_>) -> Level + Send + Sync + 'static) -> Self {
        self.level = Some(Choice(Arc::new(choose)));
        self
    }

    /// Requests for this path are to make no noise as long as they go well: their records are at
    /// DEBUG. May be called several times. A path that ends with `*` stands for all that begin with
    /// what is before it.
    ///
    /// ```
    /// use offloop::request::Options;
    ///
    /// let options = Options::new().quiet("/health").quiet("/internal/*");
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn quiet(mut self, path: impl Into<String>) -> Self {
        self.quiet.push(path.into().into_boxed_str());
        self
    }

    /// Whose request ids are taken over. By default everybody's, if they are harmless.
    ///
    /// ```
    /// use offloop::request::{Incoming, Options};
    ///
    /// let options = Options::new().incoming_ids(Incoming::Ignore);
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn incoming_ids(mut self, incoming: Incoming) -> Self {
        self.incoming = incoming;
        self
    }

    /// Whether the response tells the request's id (`x-request-id`) and its place in the trace
    /// (`traceresponse`). By default it does.
    ///
    /// ```
    /// use offloop::request::Options;
    ///
    /// let options = Options::new().send_back(false);
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn send_back(mut self, is_wanted: bool) -> Self {
        self.sends_back = is_wanted;
        self
    }

    /// Takes a header of the request into its record, as `http.request.header.<name>`. None is taken
    /// by itself; those that are [keys to something](is_secret_header) never are. Of a header, 512
    /// bytes are kept.
    ///
    /// ```
    /// use offloop::request::Options;
    ///
    /// let options = Options::new().request_header("accept-language");
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn request_header(mut self, name: &str) -> Self {
        self.request_headers
            .extend(Header::try_from(name.to_owned()));
        self
    }

    /// The same for a header of the response, as `http.response.header.<name>`.
    ///
    /// ```
    /// use offloop::request::Options;
    ///
    /// let options = Options::new().response_header("content-type");
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn response_header(mut self, name: &str) -> Self {
        self.response_headers
            .extend(Header::try_from(name.to_owned()));
        self
    }

    /// Believes what these proxies say of the client's address. Without them, it is the other end
    /// of the connection.
    ///
    /// ```
    /// use offloop::request::{ForwardingHeader, Options, TrustedProxies};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let proxies = TrustedProxies::new(ForwardingHeader::XForwardedFor, ["10.0.0.0/8"])?;
    /// let options = Options::new().trusted_proxies(proxies);
    /// # drop(options);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = Some(proxies);
        self
    }

    /// Shows of the client's address, and of the connection's other end, only the network: the first
    /// 24 bits of an IPv4 address, the first 48 of an IPv6 address. By default they are shown whole.
    /// The records of connections, which are at DEBUG, show them whole all the same.
    ///
    /// ```
    /// use offloop::request::Options;
    ///
    /// let options = Options::new().shorten_addresses(true);
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn shorten_addresses(mut self, is_wanted: bool) -> Self {
        self.shortens_addresses = is_wanted;
        self
    }

    /// Writes a record of each request when it arrives, too, at INFO: its `event.name` is
    /// `http.server.request.start`. By default only the end is written.
    ///
    /// ```
    /// use offloop::request::Options;
    ///
    /// let options = Options::new().announce(true);
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn announce(mut self, is_wanted: bool) -> Self {
        self.announces = is_wanted;
        self
    }

    /// Writes a warning where a request holds up its thread for this time or longer: in one poll of
    /// its handler or of its response's body. On an event loop all other requests of that thread wait
    /// meanwhile. Its `event.name` is `http.server.stall`, and `duration_ms` is how long the poll
    /// took. By default nobody looks, which saves two readings of the clock a poll.
    ///
    /// ```
    /// use offloop::request::Options;
    /// use std::time::Duration;
    ///
    /// let options = Options::new().stall_after(Duration::from_millis(20));
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn stall_after(mut self, duration: Duration) -> Self {
        self.stall_after = Some(duration);
        self
    }

    /// What the record shows of the query string, as `url.query`. By default nothing.
    ///
    /// ```
    /// use offloop::request::{Options, QueryPolicy};
    ///
    /// let options = Options::new().query(QueryPolicy::values_of(["page", "sort"]));
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn query(mut self, policy: QueryPolicy) -> Self {
        self.query = policy;
        self
    }

    /// Which share of the requests is logged, from 0 to 1. By default all of them. A request is kept
    /// whole or not at all, by its trace's identifier, so that all services of a trace that sample
    /// alike agree.
    ///
    /// One that is left out is held in memory, within the bounds of
    /// [`detail_bytes`](Options::detail_bytes), until its end: if that is one of those whose
    /// [detail](Options::wants_detail) is wanted, it is written whole after all. From the first
    /// warning, error or audit record on within such a request, it is written as any other. Records
    /// of requests tell a share that is not 1 as `sample_rate`.
    ///
    /// ```
    /// use offloop::request::Options;
    ///
    /// let options = Options::new().sample(0.1);
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn sample(mut self, rate: f64) -> Self {
        self.sample_rate = rate;
        self
    }

    /// How many bytes of detail a request keeps in memory at most; older records make room for
    /// newer ones. By default 64 KiB; 0 keeps none. All requests of a process together keep at most
    /// 64 MiB. Which records these are says
    /// [`Builder::request_detail`](crate::Builder::request_detail).
    ///
    /// ```
    /// use offloop::request::Options;
    ///
    /// let options = Options::new().detail_bytes(256 << 10);
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn detail_bytes(mut self, bytes: usize) -> Self {
        self.detail_bytes = bytes;
        self
    }

    /// Chooses the requests whose detail is written. By default those that failed, were cut short, or
    /// were slow: see [`Ended::wants_detail`].
    ///
    /// ```
    /// use offloop::request::Options;
    ///
    /// let options = Options::new().wants_detail(|ended| ended.is_error());
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn wants_detail(
        mut self,
        wants: impl Fn(&Ended<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.wants_detail = Some(Choice(Arc::new(wants)));
        self
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
