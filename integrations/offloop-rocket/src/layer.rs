//! What a program attaches to its Rocket.

use offloop::request::{Options, RequestLog};

/// Writes one record for each request. To be attached last, so that it sees what other fairings
/// answer. The routes are mounted by [`logged`](crate::logged), so that what handlers log belongs to
/// their requests.
///
/// ```
/// use offloop::request::Options;
/// use offloop_rocket::{RequestFairing, logged};
/// use rocket::{get, routes};
///
/// #[get("/hello/<name>")]
/// fn hello(name: &str) -> String {
///     format!("Hello, {name}!")
/// }
///
/// let requests = RequestFairing::with_options(Options::new().quiet("/health")?);
/// let rocket = rocket::build().mount("/", logged(routes![hello])).attach(requests);
/// # drop(rocket);
/// # Ok::<(), offloop::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct RequestFairing {
    pub(crate) log: RequestLog,
}

impl RequestFairing {
    /// With the [`Options`] of the program's configuration, as they are when a request arrives.
    #[must_use]
    pub fn new() -> Self {
        RequestFairing::default()
    }

    /// With these options.
    #[must_use]
    pub fn with_options(options: Options) -> Self {
        RequestFairing {
            log: RequestLog::new(options),
        }
    }
}
