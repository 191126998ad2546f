//! What the record takes from a request and its response: texts, headers, the client's address.

use std::borrow::Cow;
use std::net::SocketAddr;

use super::arrival::{Arrival, Headers};
use super::client::{Client, shortened};
use super::context::RequestContext;
use super::fields::Value;
use super::figures;
use super::id::RequestId;
use super::options::{Header, Options, PathPolicy};
use super::privacy::capped;
use super::text::{Part, Text};
use super::trace_context::TraceContext;

/// Longer texts are cut.
const PATH_BYTES_MAX: usize = 1024;
const QUERY_BYTES_MAX: usize = 1024;
const HEADER_BYTES_MAX: usize = 512;
const USER_AGENT_BYTES_MAX: usize = 256;
const METHOD_BYTES_MAX: usize = 32;
const REFUSED_ID_BYTES_MAX: usize = 128;

impl Options {
    /// Who sent a request: the other end of its connection, or whoever that end names, if it is
    /// believed.
    pub(super) fn client_of(
        &self,
        arrival: &Arrival<'_>,
        headers: &impl Headers,
    ) -> Option<Client> {
        let peer = arrival.peer?.ip();
        let client = match &self.proxies {
            Some(proxies) => proxies.client(peer, headers.values(proxies.header().name())),
            None => Client::from_peer(peer),
        };
        Some(match self.shortens_addresses {
            true => client.shortened(),
            false => client,
        })
    }

    /// The other end of a request's connection, as the record shows it.
    pub(super) fn peer_of(&self, arrival: &Arrival<'_>) -> Option<SocketAddr> {
        let mut peer = arrival.peer?;
        if self.shortens_addresses {
            peer.set_ip(shortened(peer.ip()));
        }
        Some(peer)
    }

    /// The texts that the record needs at the end.
    pub(super) fn text_of(
        &self,
        arrival: &Arrival<'_>,
        shown_as: Option<&str>,
        headers: &impl Headers,
    ) -> Text {
        let mut text = Text::new();
        text.put(Part::Method, arrival.method, METHOD_BYTES_MAX);
        if let Some(path) = self.shown_path(arrival.path, shown_as) {
            text.put(Part::Path, path, PATH_BYTES_MAX);
        }
        if let Some(query) = arrival.query
            && let Some(shown) = self.query.redact(query.as_bytes(), QUERY_BYTES_MAX)
        {
            text.put(Part::Query, &shown.to_cow(), usize::MAX);
        }
        if let Some(scheme) = arrival.scheme {
            text.put(Part::Scheme, scheme, usize::MAX);
        }
        match arrival.host {
            Some(host) => text.put(Part::Host, host, HEADER_BYTES_MAX),
            None => text.put_first(Part::Host, headers.values("host"), HEADER_BYTES_MAX),
        }
        let user_agents = headers.values("user-agent");
        text.put_first(Part::UserAgent, user_agents, USER_AGENT_BYTES_MAX);
        if let Some(route) = arrival.route {
            text.put(Part::Route, route, usize::MAX);
        }
        text
    }

    /// The trace that the client names, if that is continued, else a new one.
    pub(super) fn trace_of(&self, arrival: &Arrival<'_>, headers: &impl Headers) -> TraceContext {
        match self.believes(self.traces, arrival) {
            true => self.propagation.trace_of(headers),
            false => TraceContext::start(),
        }
    }

    /// The client's id, if it is taken over. One that is not goes into the record all the same, as
    /// what it is.
    pub(super) fn id_of(
        &self,
        arrival: &Arrival<'_>,
        headers: &impl Headers,
        text: &mut Text,
    ) -> Option<RequestId> {
        let mut lines = headers.values("x-request-id").peekable();
        lines.peek()?;
        let is_believed = self.believes(self.incoming, arrival);
        let id = is_believed.then(|| RequestId::accept(lines)).flatten();
        if id.is_none() {
            let lines: Vec<_> = headers.values("x-request-id").collect();
            let refused = lines.join(b", ".as_slice());
            text.put_capped(Part::RefusedId, capped(&refused, REFUSED_ID_BYTES_MAX));
        }
        if is_believed && id.is_none() {
            figures::count_refused_id();
        }
        id
    }

    /// What is to be known of the path from here on: what is not to be shown is not kept, either.
    fn shown_path<'a>(&self, path: &'a str, shown_as: Option<&'a str>) -> Option<&'a str> {
        match self.path {
            PathPolicy::RouteOnly => None,
            PathPolicy::Shown => Some(shown_as.unwrap_or(path)),
        }
    }

    pub(super) fn add_request_headers(&self, request: &RequestContext, headers: &impl Headers) {
        add_headers(
            request,
            "http.request.header.",
            &self.request_headers,
            headers,
        );
    }

    pub(super) fn add_response_headers(&self, request: &RequestContext, headers: &impl Headers) {
        add_headers(
            request,
            "http.response.header.",
            &self.response_headers,
            headers,
        );
    }
}

fn add_headers(request: &RequestContext, prefix: &str, names: &[Header], headers: &impl Headers) {
    for Header(name) in names {
        let mut values = headers
            .values(name)
            .map(|value| capped(value, HEADER_BYTES_MAX).to_cow());
        let Some(first) = values.next() else { continue };
        let all = values.fold(first, |all, value| Cow::Owned(format!("{all}, {value}")));
        request.set(&format!("{prefix}{name}"), Value::Str(&all));
    }
}
