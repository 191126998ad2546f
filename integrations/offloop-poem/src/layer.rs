//! What a program adds to its endpoint.

use offloop::request::{ConnectionsByEnds, Options, RequestLog};
use poem::{Endpoint, Middleware};

use crate::connection::LoggedListener;
use crate::service::RequestEndpoint;

/// Writes one record for each request. To be added last, so that it is the outermost of all.
///
/// ```
/// use offloop::request::Options;
/// use offloop_poem::RequestMiddleware;
/// use poem::{EndpointExt, Route, handler};
///
/// #[handler]
/// fn hello() -> &'static str {
///     "hello"
/// }
///
/// let requests = RequestMiddleware::with_options(Options::new().quiet("/health")?);
/// let app = Route::new().at("/hello/:name", hello).with(requests);
/// # drop(app);
/// # Ok::<(), offloop::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct RequestMiddleware {
    pub(crate) log: RequestLog,
    pub(crate) catches_panics: bool,
    pub(crate) connections: ConnectionsByEnds,
}

impl RequestMiddleware {
    /// With the [`Options`] of the program's configuration, as they are when a request arrives.
    #[must_use]
    pub fn new() -> Self {
        RequestMiddleware::default()
    }

    /// With these options.
    #[must_use]
    pub fn with_options(options: Options) -> Self {
        RequestMiddleware {
            log: RequestLog::new(options),
            ..RequestMiddleware::default()
        }
    }

    /// Answers a panic of a handler with status 500; the record says that it was a panic, and what
    /// it said. Without this a panic closes the connection, as it does in poem.
    ///
    /// ```
    /// let requests = offloop_poem::RequestMiddleware::new().catch_panics();
    /// # drop(requests);
    /// ```
    #[must_use]
    pub fn catch_panics(mut self) -> Self {
        self.catches_panics = true;
        self
    }

    /// A listener whose connections this middleware sees. With it, a client that went away is told
    /// from a request that the server gave up, and an upgraded connection's request lasts until that
    /// connection ends.
    ///
    /// ```no_run
    /// use offloop_poem::RequestMiddleware;
    /// use poem::listener::TcpListener;
    /// use poem::{EndpointExt, Route, Server};
    ///
    /// # async fn serve() -> std::io::Result<()> {
    /// let requests = RequestMiddleware::new();
    /// let listener = requests.listener(TcpListener::bind("127.0.0.1:8080"));
    /// Server::new(listener).run(Route::new().with(requests)).await
    /// # }
    /// ```
    pub fn listener<L>(&self, inner: L) -> LoggedListener<L> {
        LoggedListener::new(inner, self.connections.clone())
    }
}

impl<E: Endpoint> Middleware<E> for RequestMiddleware {
    type Output = RequestEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        RequestEndpoint::new(inner, self.clone())
    }
}
