//! What a program adds: the middleware, and its options.

use std::future::{Ready, ready};

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use offloop::request::{self, Options};

use crate::body::ResponseBody;
use crate::life::OnPanic;
use crate::service::RequestLogService;

/// The middleware: it writes one record for each request, at its true end.
///
/// It belongs outside of all others, so it is the last `wrap` of the `App`.
///
/// ```
/// use actix_web::{App, web};
/// use offloop_actix_web::RequestLog;
///
/// let app = App::new()
///     .route("/users/{id}", web::get().to(async || "ada"))
///     .wrap(RequestLog::new());
/// # drop(app);
/// ```
#[derive(Clone, Debug, Default)]
pub struct RequestLog {
    log: request::RequestLog,
    on_panic: OnPanic,
}

impl RequestLog {
    /// With the options of the program's configuration, as they are when a request arrives.
    #[must_use]
    pub fn new() -> Self {
        RequestLog::default()
    }

    /// With these options. `HttpServer` calls its factory once for each worker: make the options
    /// before it, and clone what this gives.
    ///
    /// ```
    /// use actix_web::{App, HttpServer};
    /// use offloop::request::Options;
    /// use offloop_actix_web::RequestLog;
    ///
    /// let log = RequestLog::with_options(Options::new().quiet("/health")?);
    /// let server = HttpServer::new(move || App::new().wrap(log.clone()));
    /// # drop(server);
    /// # Ok::<(), offloop::Error>(())
    /// ```
    #[must_use]
    pub fn with_options(options: Options) -> Self {
        RequestLog {
            log: request::RequestLog::new(options),
            on_panic: OnPanic::default(),
        }
    }

    /// Answers a request whose handler panics with status 500. By default the panic goes on, as
    /// without this middleware: actix-web closes the connection without an answer. The record's
    /// outcome is `panic` either way.
    ///
    /// Not for a panic in a response's body: its head is sent already.
    ///
    /// ```
    /// let log = offloop_actix_web::RequestLog::new().catch_panics();
    /// # drop(log);
    /// ```
    #[must_use]
    pub fn catch_panics(mut self) -> Self {
        self.on_panic = OnPanic::Answer;
        self
    }
}

impl<S, B> Transform<S, ServiceRequest> for RequestLog
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<ResponseBody<B>>;
    type Error = Error;
    type Transform = RequestLogService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(RequestLogService {
            inner,
            log: self.log.clone(),
            on_panic: self.on_panic,
        }))
    }
}
