//! The layer, which a program adds to its services.

use tower_layer::Layer;

use crate::service::RequestService;

/// Wraps services in a [`RequestService`].
///
/// See the [crate's documentation](crate) for what it does and where it belongs.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestLayer {
    // There will be options.
    _private: (),
}

impl RequestLayer {
    /// Makes the layer.
    #[must_use]
    pub const fn new() -> Self {
        Self { _private: () }
    }
}

impl<S> Layer<S> for RequestLayer {
    type Service = RequestService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequestService::new(inner)
    }
}
