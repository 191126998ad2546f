//! How a request ended.

use http::StatusCode;

/// How a request ended.
#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    /// The service answered.
    Completed(StatusCode),
    /// The future was dropped before the service answered.
    Cancelled,
    /// The service returned an error instead of a response.
    ServiceError,
    /// The service panicked.
    Panic,
}

impl Outcome {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Completed(_) => "completed",
            Self::Cancelled => "cancelled",
            Self::ServiceError => "service_error",
            Self::Panic => "panic",
        }
    }

    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Completed(status) => Some(status.as_u16()),
            _ => None,
        }
    }

    pub(crate) fn error_type(&self) -> Option<&str> {
        match self {
            Self::Completed(status) if status.is_server_error() => Some(status.as_str()),
            Self::Completed(_) | Self::Cancelled => None,
            Self::ServiceError | Self::Panic => Some(self.name()),
        }
    }
}
