//! What the record of a request says, and how.

use crate::request::options::header::Header;
use crate::request::{Incoming, Naming, Options, PathPolicy, Propagation, QueryPolicy};

impl Options {
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

    /// Takes a header of the request into its record, as `http.request.header.<name>`. None is taken
    /// by itself; those that are [keys to something](crate::request::is_secret_header) never are. Of a header, 512
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

    /// What records show of paths, as `url.path`. By default a path is shown as it came.
    ///
    /// [`PathPolicy::RouteOnly`] is for services whose paths carry what nobody is to read: no record of
    /// this library has one then, nor does [`Ended::path`](crate::request::Ended::path); a gRPC call's
    /// `rpc.method`, which is its path, is left out, too. For single routes see
    /// [`RouteOptions::hide_path`](crate::request::RouteOptions::hide_path). What clients say
    /// elsewhere, as in the header `referer`, is a matter of its own.
    ///
    /// ```
    /// use offloop::request::{Options, PathPolicy};
    ///
    /// let options = Options::new().path(PathPolicy::RouteOnly);
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn path(mut self, policy: PathPolicy) -> Self {
        self.path = policy;
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

    /// In which headers traces come in, and are passed on by
    /// [`RequestContext::send_on`](crate::request::RequestContext::send_on). By default in those of the
    /// W3C alone.
    ///
    /// ```
    /// use offloop::request::{Options, Propagation};
    ///
    /// let options = Options::new().propagation(Propagation::B3Multi);
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn propagation(mut self, propagation: Propagation) -> Self {
        self.propagation = propagation;
        self
    }

    /// Whose request ids are taken over. By default everybody's, if they are harmless. On the open internet,
    /// [`Incoming::Trusted`] keeps clients from giving many requests one id.
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

    /// Whose traces are continued. By default everybody's. All others begin a trace of their own: a client
    /// that may choose the trace may choose what [sampling](Options::sample) takes.
    ///
    /// ```
    /// use offloop::request::{ForwardingHeader, Incoming, Options, TrustedProxies};
    ///
    /// let proxies = TrustedProxies::new(ForwardingHeader::XForwardedFor, ["10.0.0.0/8"])?;
    /// let options = Options::new()
    ///     .trusted_proxies(proxies)
    ///     .incoming_ids(Incoming::Trusted)
    ///     .incoming_traces(Incoming::Trusted);
    /// # drop(options);
    /// # Ok::<(), offloop::Error>(())
    /// ```
    #[must_use]
    pub fn incoming_traces(mut self, incoming: Incoming) -> Self {
        self.traces = incoming;
        self
    }
}
