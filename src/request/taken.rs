//! What the record takes from a request and its response: texts, headers, the client's address.

use std::borrow::Cow;

use super::arrival::{Arrival, Headers};
use super::client::Client;
use super::context::RequestContext;
use super::fields::Value;
use super::options::Options;
use super::text::Text;

/// Longer texts are cut.
const PATH_BYTES_MAX: usize = 1024;
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
        Some(match &self.proxies {
            Some(proxies) => proxies.client(peer, headers.values(proxies.header().name())),
            None => Client::from_peer(peer),
        })
    }

    /// The texts that the record needs at the end.
    pub(super) fn text_of(&self, arrival: &Arrival<'_>, headers: &impl Headers) -> Text {
        let user_agent = headers.values("user-agent").next();
        let user_agent = user_agent.map(|text| shown(text, USER_AGENT_BYTES_MAX));
        let host = || {
            headers
                .values("host")
                .next()
                .map(|text| shown(text, HEADER_BYTES_MAX))
        };
        let host = match arrival.host {
            Some(host) => Some(shown(host.as_bytes(), HEADER_BYTES_MAX)),
            None => host(),
        };
        let path = shown(arrival.path.as_bytes(), PATH_BYTES_MAX);
        let method = shown(arrival.method.as_bytes(), METHOD_BYTES_MAX);
        Text::new([
            Some(&method),
            Some(&path),
            None,
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

fn add_headers(request: &RequestContext, prefix: &str, names: &[Box<str>], headers: &impl Headers) {
    for name in names {
        let mut values = headers
            .values(name)
            .map(|value| shown(value, HEADER_BYTES_MAX));
        let Some(first) = values.next() else { continue };
        let all = values.fold(first, |all, value| Cow::Owned(format!("{all}, {value}")));
        let mut added = request.lock_added();
        added.set(&format!("{prefix}{name}"), Value::Str(&all));
    }
}

/// What a client sent, as text of at most so many bytes.
fn shown(bytes: &[u8], bytes_max: usize) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(bytes);
    if text.len() <= bytes_max {
        return text;
    }
    let kept = text.floor_char_boundary(bytes_max);
    Cow::Owned(format!("{}…(+{})", &text[..kept], text.len() - kept))
}
