//! The layer, which a program adds to its services.

use std::time::Duration;

use http::StatusCode;
use offloop::request::{Options, RequestLog};
use tower_layer::Layer;

use crate::service::RequestService;

/// Wraps services in a [`RequestService`].
///
/// See the [crate's documentation](crate) for what it does and where it belongs.
#[derive(Clone, Debug, Default)]
pub struct RequestLayer {
    settings: Settings,
}

/// What the layer's services do beyond logging. Cloned with each of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) log: RequestLog,
    pub(crate) timeout: Option<(Duration, StatusCode)>,
    pub(crate) catches_panics: bool,
}

impl RequestLayer {
    /// With the [`Options`] of the program's configuration, as they are when a request arrives.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With these options.
    ///
    /// ```
    /// use offloop::request::Options;
    /// use offloop_tower::RequestLayer;
    ///
    /// let layer = RequestLayer::with(Options::new().quiet("/health")?);
    /// # drop(layer);
    /// # Ok::<(), offloop::Error>(())
    /// ```
    #[must_use]
    pub fn with(options: Options) -> Self {
        Self {
            settings: Settings {
                log: RequestLog::new(options),
                ..Settings::default()
            },
        }
    }

    /// Ends a request whose response has not begun after this time: the handler is dropped, and
    /// `status` is answered, without a body. Its outcome is `timeout`. A body that has begun may
    /// take as long as it wants. By default there is no time-out.
    ///
    /// It needs tokio's timer, as `#[tokio::main]` sets it up.
    ///
    /// ```
    /// use std::time::Duration;
    /// use offloop_tower::RequestLayer;
    ///
    /// let status = http::StatusCode::GATEWAY_TIMEOUT;
    /// let layer = RequestLayer::new().timeout(Duration::from_secs(30), status);
    /// # drop(layer);
    /// ```
    #[must_use]
    pub fn timeout(mut self, duration: Duration, status: StatusCode) -> Self {
        self.settings.timeout = Some((duration, status));
        self
    }

    /// Whether a panic of the handler is answered with status 500, without a body. By default the
    /// panic goes on, and with HTTP/1 and most servers the connection ends. Its outcome is `panic`
    /// either way, with the panic's message.
    ///
    /// ```
    /// use offloop_tower::RequestLayer;
    ///
    /// let layer = RequestLayer::new().catch_panic(true);
    /// # drop(layer);
    /// ```
    #[must_use]
    pub fn catch_panic(mut self, is_wanted: bool) -> Self {
        self.settings.catches_panics = is_wanted;
        self
    }
}

impl<S> Layer<S> for RequestLayer {
    type Service = RequestService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequestService::new(inner, self.settings.clone())
    }
}
