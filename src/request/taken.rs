//! What the record takes from a request and its response: texts, headers, the client's address.

use std::borrow::Cow;
use std::net::SocketAddr;

use super::arrival::{Arrival, Headers};
use super::client::{Client, shortened};
use super::context::RequestContext;
use super::fields::Value;
use super::options::{Header, Options};
use super::privacy::capped;
use super::text::Text;

/// Longer texts are cut.
const PATH_BYTES_MAX: usize = 1024;
const QUERY_BYTES_MAX: usize = 1024;
const HEADER_BYTES_MAX: usize = 512;
const USER_AGENT_BYTES_MAX: usize = 256;
const METHOD_BYTES_MAX: usize = 32;

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
    pub(super) fn text_of(&self, arrival: &Arrival<'_>, headers: &impl Headers) -> Text {
        let header = |name| headers.values(name).next();
        let host = arrival.host.map(str::as_bytes);
        let host = host.or_else(|| header("host"));
        let cow = |bytes, bytes_max| capped(bytes, bytes_max).to_cow();
        let host = host.map(|host| cow(host, HEADER_BYTES_MAX));
        let user_agent = header("user-agent").map(|name| cow(name, USER_AGENT_BYTES_MAX));
        let query = arrival.query.and_then(|query| {
            let shown = self.query.redact(query.as_bytes(), QUERY_BYTES_MAX)?;
            Some(shown.to_cow())
        });
        Text::new([
            Some(&text(arrival.method, METHOD_BYTES_MAX)),
            Some(&text(arrival.path, PATH_BYTES_MAX)),
            query.as_deref(),
            arrival.scheme,
            host.as_deref(),
            user_agent.as_deref(),
            arrival.route,
        ])
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

/// Text that fits is taken as it is, without a look at its bytes.
fn text(text: &str, bytes_max: usize) -> Cow<'_, str> {
    if text.len() <= bytes_max {
        return Cow::Borrowed(text);
    }
    capped(text.as_bytes(), bytes_max).to_cow()
}

fn add_headers(request: &RequestContext, prefix: &str, names: &[Header], headers: &impl Headers) {
    for Header(name) in names {
        let mut values = headers
            .values(name)
            .map(|value| capped(value, HEADER_BYTES_MAX).to_cow());
        let Some(first) = values.next() else { continue };
        let all = values.fold(first, |all, value| Cow::Owned(format!("{all}, {value}")));
        let mut added = request.lock_added();
        added.set(&format!("{prefix}{name}"), Value::Str(&all));
    }
}
