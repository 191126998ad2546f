//! What is different for some paths.

use std::time::Duration;

use serde::de::Deserializer;
use serde::{Deserialize, Serialize};

use super::read_share;
use crate::Error;
use crate::config::{share, units};
use crate::request::Options;
use crate::request::pattern::Pattern;

/// What is different for requests of some paths. See [`Options::route`].
///
/// ```
/// use offloop::request::{Options, RouteOptions};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), offloop::Error> {
/// let reports = RouteOptions::at("/reports/{id}")?.slow_after(Duration::from_secs(20));
/// let options = Options::new().route(reports);
/// # drop(options);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RouteOptions {
    /// The paths: `{id}` stands for one segment, `*` at the end for all below.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub(in crate::request) path: Pattern,
    /// From which duration on a request is slow.
    #[serde(default, with = "units", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::time")
    )]
    pub(in crate::request) slow_after: Option<Duration>,
    /// Which share of the requests is logged, from 0 to 1.
    #[serde(
        rename = "sample",
        default,
        deserialize_with = "some_share",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(
        feature = "schema",
        schemars(schema_with = "crate::config::schema::share")
    )]
    pub(in crate::request) sample_rate: Option<f64>,
    /// Whether records show the pattern in place of the path.
    #[serde(rename = "hide_path", default)]
    pub(in crate::request) hides_path: bool,
}

fn some_share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    read_share(deserializer).map(Some)
}

impl RouteOptions {
    /// For the paths that match a pattern: `/users/{id}`, where `{id}` stands for any one segment,
    /// or `/internal/*`, where `*` stands for all below. Segments are compared percent-decoded, and empty
    /// ones count for nothing.
    ///
    /// # Errors
    ///
    /// [`Error::PathPattern`] if it does not begin with `/`, if `*` is not the last segment, or if something
    /// in a segment stands beside braces. Other notations of frameworks (`:id`, `<id>`) are refused, too:
    /// they would match nothing.
    ///
    /// ```
    /// use offloop::request::RouteOptions;
    ///
    /// assert!(RouteOptions::at("/users/{id}").is_ok());
    /// let error = RouteOptions::at("/users/:id").unwrap_err();
    /// assert!(error.to_string().starts_with(r#"match paths by "/users/:id": "#));
    /// ```
    pub fn at(path: impl Into<String>) -> Result<Self, Error> {
        Ok(RouteOptions {
            path: Pattern::parse(path.into())?,
            slow_after: None,
            sample_rate: None,
            hides_path: false,
        })
    }

    /// From which duration on a request is slow, in place of [`Options::slow_after`].
    ///
    /// ```
    /// # use offloop::request::RouteOptions;
    /// # use std::time::Duration;
    /// # fn main() -> Result<(), offloop::Error> {
    /// let uploads = RouteOptions::at("/uploads/*")?.slow_after(Duration::from_secs(60));
    /// # drop(uploads);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn slow_after(mut self, duration: Duration) -> Self {
        self.slow_after = Some(duration);
        self
    }

    /// Which share of the requests is logged, from 0 to 1, in place of [`Options::sample`]. What lies beyond
    /// the bounds counts as the nearer one.
    ///
    /// ```
    /// # use offloop::request::RouteOptions;
    /// # fn main() -> Result<(), offloop::Error> {
    /// let polls = RouteOptions::at("/poll")?.sample(0.001);
    /// # drop(polls);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn sample(mut self, rate: f64) -> Self {
        self.sample_rate = Some(share(rate));
        self
    }

    /// Shows the pattern in place of the path, wherever that would stand: for paths that carry a secret.
    /// By default the path is shown.
    ///
    /// ```
    /// # use offloop::request::RouteOptions;
    /// # fn main() -> Result<(), offloop::Error> {
    /// let resets = RouteOptions::at("/reset/{token}")?.hide_path(true);
    /// # drop(resets);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn hide_path(mut self, is_wanted: bool) -> Self {
        self.hides_path = is_wanted;
        self
    }
}

impl Options {
    /// Has something different for requests of some paths. May be called several times: of those that
    /// match a request's path, the first one holds that says how slow is slow, or which share is logged. A
    /// path is hidden as soon as one of them hides it.
    ///
    /// It goes by the path as it arrives, which every adapter knows at once, and not by the route that
    /// a framework finds for it.
    ///
    /// ```
    /// use offloop::request::{Options, RouteOptions};
    ///
    /// # fn main() -> Result<(), offloop::Error> {
    /// let options = Options::new()
    ///     .route(RouteOptions::at("/reset/{token}")?.hide_path(true))
    ///     .route(RouteOptions::at("/static/*")?.sample(0.01));
    /// # drop(options);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn route(mut self, route: RouteOptions) -> Self {
        self.routes.push(route);
        self
    }

    /// What holds for this path.
    pub(in crate::request) fn at(&self, path: &str) -> AtPath<'_> {
        let (mut slow_after, mut sample_rate, mut shown_as) = (None, None, None);
        for route in self.routes.iter().filter(|route| route.path.matches(path)) {
            slow_after = slow_after.or(route.slow_after);
            sample_rate = sample_rate.or(route.sample_rate);
            shown_as = shown_as.or(route.hides_path.then(|| route.path.as_str()));
        }
        AtPath {
            slow_after: slow_after.unwrap_or(self.slow_after),
            sample_rate: sample_rate.unwrap_or(self.sample_rate),
            shown_as,
        }
    }
}

/// What holds for one path.
pub(in crate::request) struct AtPath<'o> {
    pub(in crate::request) slow_after: Duration,
    pub(in crate::request) sample_rate: f64,
    /// What stands in the path's place, if that is hidden.
    pub(in crate::request) shown_as: Option<&'o str>,
}
