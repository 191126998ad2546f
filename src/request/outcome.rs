//! How a request ended.

use std::time::Duration;

use tracing::Level;

/// How a request ended: the field `outcome` of its record.
///
/// ```
/// use offloop::request::Outcome;
///
/// assert_eq!(Outcome::ClientDisconnect.as_str(), "client_disconnect");
/// assert!(Outcome::Panic.is_failure() && !Outcome::Upgraded.is_failure());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The response was handed to the transport as a whole. Whether it has arrived cannot be known.
    Completed,
    /// The client closed the connection before that.
    ClientDisconnect,
    /// The client gave up the request, and kept the connection: HTTP/2's `RST_STREAM`.
    StreamReset,
    /// A time-out ended it.
    Timeout,
    /// The handler panicked.
    Panic,
    /// The service gave an error instead of a response.
    ServiceError,
    /// The response's body failed on its way.
    BodyError,
    /// The response's body ended before its declared length.
    Truncated,
    /// The connection went on with another protocol, such as WebSocket.
    Upgraded,
    /// The server shut down before the response was finished.
    ServerShutdown,
    /// It was turned away before the handler: load shedding, limits.
    Rejected,
    /// The request was dropped before its end, and nothing tells why.
    Cancelled,
}

impl Outcome {
    /// Each at its own place.
    pub(super) const ALL: [Outcome; 12] = [
        Outcome::Completed,
        Outcome::ClientDisconnect,
        Outcome::StreamReset,
        Outcome::Timeout,
        Outcome::Panic,
        Outcome::ServiceError,
        Outcome::BodyError,
        Outcome::Truncated,
        Outcome::Upgraded,
        Outcome::ServerShutdown,
        Outcome::Rejected,
        Outcome::Cancelled,
    ];

    /// The word that stands in the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Completed => "completed",
            Outcome::ClientDisconnect => "client_disconnect",
            Outcome::StreamReset => "stream_reset",
            Outcome::Timeout => "timeout",
            Outcome::Panic => "panic",
            Outcome::ServiceError => "service_error",
            Outcome::BodyError => "body_error",
            Outcome::Truncated => "truncated",
            Outcome::Upgraded => "upgraded",
            Outcome::ServerShutdown => "server_shutdown",
            Outcome::Rejected => "rejected",
            Outcome::Cancelled => "cancelled",
        }
    }

    /// Whether it is a fault of the server's, whatever the status says.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(
            self,
            Outcome::Timeout
                | Outcome::Panic
                | Outcome::ServiceError
                | Outcome::BodyError
                | Outcome::Truncated
        )
    }

    /// Whether the request did not come to the end of its response.
    #[must_use]
    pub const fn is_cut_short(self) -> bool {
        matches!(
            self,
            Outcome::ClientDisconnect
                | Outcome::StreamReset
                | Outcome::ServerShutdown
                | Outcome::Cancelled
        )
    }
}

/// How far a request had come when it ended: the field `outcome.phase`, for those that did not come
/// to their end.
///
/// ```
/// assert_eq!(offloop::request::Phase::Body.as_str(), "body");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// The client was still sending the request's body.
    Upload,
    /// There was no response yet.
    Handler,
    /// The response's head was ready, its body was on the way.
    Body,
}

impl Phase {
    /// Each at its own place.
    pub(super) const ALL: [Phase; 3] = [Phase::Upload, Phase::Handler, Phase::Body];

    /// The word that stands in the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::Upload => "upload",
            Phase::Handler => "handler",
            Phase::Body => "body",
        }
    }
}

/// What is known at a request's end, for who chooses the level of its record.
///
/// ```
/// use offloop::request::Options;
/// use tracing::Level;
///
/// let options = Options::new().level(|ended| {
///     // Scanners ask for what is not there: not worth a line each.
///     if ended.status == Some(404) { Level::DEBUG } else { ended.level() }
/// });
/// # drop(options);
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Ended<'a> {
    /// How it ended.
    pub outcome: Outcome,
    /// The response's status, if there was one.
    pub status: Option<u16>,
    /// The status of a gRPC call, if there was one.
    pub grpc_status: Option<u32>,
    /// Whether it is a gRPC call.
    pub is_grpc: bool,
    /// The method, as the client sent it.
    pub method: &'a str,
    /// The matched route, where it is known.
    pub route: Option<&'a str>,
    /// The path, as far as records show it: see [`Options::path`](super::Options::path).
    pub path: &'a str,
    /// From the arrival to the end.
    pub duration: Duration,
    /// Whether that is longer than [`Options::slow_after`](super::Options::slow_after), or what holds
    /// for the path.
    pub is_slow: bool,
    /// Whether it is among the slowest, by
    /// [`Options::slowest`](super::Options::slowest).
    pub is_among_slowest: bool,
    /// Whether it is one of the requests that are to make no noise.
    pub is_quiet: bool,
}

/// How long a client must have waited for its giving up to be worth a warning.
const PATIENCE: Duration = Duration::from_secs(1);

impl Ended<'_> {
    /// The level by default.
    ///
    /// | what | level |
    /// |---|---|
    /// | 5xx, `panic`, `service_error`, `body_error`, `truncated`, a gRPC status that is the server's fault or missing | ERROR |
    /// | `timeout` | ERROR, with status 408 WARN |
    /// | `server_shutdown`, a client that gave up after 1 s or more, and whatever was slow | WARN |
    /// | a quiet request that went well | DEBUG |
    /// | the rest | INFO |
    #[must_use]
    pub fn level(&self) -> Level {
        if self.is_error() {
            return Level::ERROR;
        }
        let gave_up = self.outcome.is_cut_short() && PATIENCE <= self.duration;
        let is_warning = matches!(self.outcome, Outcome::Timeout | Outcome::ServerShutdown);
        // A session that lasts is not slow.
        let is_slow = self.is_slow && self.outcome != Outcome::Upgraded;
        if gave_up || is_warning || is_slow {
            return Level::WARN;
        }
        if self.is_quiet && self.outcome == Outcome::Completed && self.is_good() {
            return Level::DEBUG;
        }
        Level::INFO
    }

    /// Whether the server is at fault.
    #[must_use]
    pub fn is_error(&self) -> bool {
        match self.outcome {
            Outcome::Timeout => self.status != Some(408),
            Outcome::Panic | Outcome::ServiceError | Outcome::BodyError | Outcome::Truncated => {
                true
            }
            Outcome::Completed | Outcome::Rejected => {
                self.status.is_some_and(|status| 500 <= status) || self.has_grpc_error()
            }
            _ => false,
        }
    }

    /// Whether the request's detail is wanted by default: the server is at fault, a time-out struck,
    /// the request was cut short, or it was slow, or among the slowest.
    #[must_use]
    pub fn wants_detail(&self) -> bool {
        let is_slow = self.is_slow || self.is_among_slowest;
        let is_slow = is_slow && self.outcome != Outcome::Upgraded;
        self.is_error()
            || self.outcome == Outcome::Timeout
            || self.outcome.is_cut_short()
            || is_slow
    }

    fn has_grpc_error(&self) -> bool {
        if !self.is_grpc || self.outcome != Outcome::Completed {
            return false;
        }
        // UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS; or none.
        self.grpc_status
            .is_none_or(|code| matches!(code, 2 | 4 | 12 | 13 | 14 | 15) || 16 < code)
    }

    fn is_good(&self) -> bool {
        self.status.is_none_or(|status| status < 400)
    }
}

/// The name of a gRPC status.
pub(super) fn grpc_name(code: u32) -> &'static str {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    NAMES.get(code as usize).copied().unwrap_or("_OTHER")
}
