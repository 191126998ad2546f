//! What a program adds to its service.

use offloop::request::{ConnectionsByEnds, Options, RequestLog};

use crate::connection::LoggedListener;

/// Writes one record for each request. To be added first, as a hoop of the service.
///
/// ```
/// use offloop::request::Options;
/// use offloop_salvo::RequestHoop;
/// use salvo_core::prelude::*;
///
/// #[handler]
/// async fn hello() -> &'static str {
///     "hello"
/// }
///
/// let requests = RequestHoop::with_options(Options::new().quiet("/health")?);
/// let router = Router::with_path("hello/{name}").get(hello);
/// let service = Service::new(router).hoop(requests);
/// # drop(service);
/// # Ok::<(), offloop::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct RequestHoop {
    pub(crate) log: RequestLog,
    pub(crate) catches_panics: bool,
    pub(crate) connections: ConnectionsByEnds,
}

impl RequestHoop {
    /// With the [`Options`] of the program's configuration, as they are when a request arrives.
    #[must_use]
    pub fn new() -> Self {
        RequestHoop::default()
    }

    /// With these options.
    #[must_use]
    pub fn with_options(options: Options) -> Self {
        RequestHoop {
            log: RequestLog::new(options),
            ..RequestHoop::default()
        }
    }

    /// Answers a panic of a handler with status 500; the record says that it was a panic, and what
    /// it said. Without this a panic closes the connection, as it does in salvo.
    ///
    /// ```
    /// let requests = offloop_salvo::RequestHoop::new().catch_panics();
    /// # drop(requests);
    /// ```
    #[must_use]
    pub fn catch_panics(mut self) -> Self {
        self.catches_panics = true;
        self
    }

    /// A listener whose connections this hoop sees, of TCP and of TLS. With it, a client that went
    /// away is told from a request that the server gave up, and an upgraded connection's request
    /// lasts until that connection ends.
    ///
    /// ```no_run
    /// use offloop_salvo::RequestHoop;
    /// use salvo_core::prelude::*;
    ///
    /// # async fn serve() {
    /// let requests = RequestHoop::new();
    /// let listener = requests.listener(TcpListener::new("127.0.0.1:8080"));
    /// let service = Service::new(Router::new()).hoop(requests);
    /// Server::new(listener.bind().await).serve(service).await;
    /// # }
    /// ```
    pub fn listener<L>(&self, inner: L) -> LoggedListener<L> {
        LoggedListener::new(inner, self.connections.clone())
    }
}
