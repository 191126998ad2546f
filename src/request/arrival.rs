//! A request as it arrives, in no framework's terms.

use std::net::SocketAddr;
use std::sync::Arc;

use super::connection::Connection;

/// A request as it arrives: what an adapter takes from its framework.
///
/// What stands in headers is read from there, see [`Headers`]. Fields may be added in any version: end a
/// literal as below.
///
/// ```
/// use offloop::request::Arrival;
///
/// let arrival = Arrival {
///     method: "GET",
///     path: "/users/42",
///     protocol: "1.1",
///     ..Arrival::default()
/// };
/// # drop(arrival);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Arrival<'a> {
    /// The method, as the client sent it.
    pub method: &'a str,
    /// The path, still percent-encoded, without the query.
    pub path: &'a str,
    /// What follows the question mark.
    pub query: Option<&'a str>,
    /// `http` or `https`, where it is known.
    pub scheme: Option<&'a str>,
    /// The host that the client asked for, where the request's target says it. Else it is taken from
    /// the header `host`.
    pub host: Option<&'a str>,
    /// The version of the protocol: `1.0`, `1.1`, `2` or `3`. Empty where it is not known.
    pub protocol: &'static str,
    /// The matched route, such as `/users/{id}`, where it is known already. See
    /// [`Request::set_route`](super::Request::set_route).
    pub route: Option<&'a str>,
    /// The other end of the connection, where it is known.
    pub peer: Option<SocketAddr>,
    /// The connection, where the adapter sees it.
    pub connection: Option<Arc<Connection>>,
}

/// A request's or a response's headers, in whatever form a framework has them.
///
/// ```
/// use offloop::request::Headers;
///
/// struct List<'a>(&'a [(&'a str, &'a [u8])]);
///
/// impl Headers for List<'_> {
///     fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
///         let named = self.0.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name));
///         named.map(|(_, value)| *value)
///     }
/// }
///
/// let headers = List(&[("User-Agent", b"curl/8")]);
/// assert_eq!(headers.values("user-agent").count(), 1);
/// ```
pub trait Headers {
    /// The values of all lines of this name, which is given in lower case, in their order.
    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]>;
}

/// No headers at all.
impl Headers for () {
    fn values<'h>(&'h self, _: &'h str) -> impl Iterator<Item = &'h [u8]> {
        std::iter::empty()
    }
}

/// The only value of a header, if it has exactly one line.
pub(super) fn only<'h>(headers: &'h impl Headers, name: &'h str) -> Option<&'h [u8]> {
    let mut values = headers.values(name);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}
