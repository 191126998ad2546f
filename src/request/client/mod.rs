//! The client's address: the socket's peer, or what proxies that are trusted say about it.
//!
//! Anybody can send `X-Forwarded-For`. A proxy adds the address that it was called from at the right
//! end, so the list is read from there: as long as an address is that of a trusted proxy, what it says
//! about its own caller is believed; the first other one is the client. What stands further left is
//! the client's own words, and is not even looked at.

mod address;
mod forwarded;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::header::without_whitespace;
use crate::Error;

/// No more addresses than these are looked at. A list of trusted proxies that goes on is no list.
const HOPS_MAX: usize = 30;

/// Where the trusted proxies write the address of their caller.
///
/// ```
/// use offloop::request::ForwardingHeader;
///
/// assert_eq!(ForwardingHeader::XForwardedFor.name(), "x-forwarded-for");
/// assert_eq!(ForwardingHeader::Single("CF-Connecting-IP".into()).name(), "CF-Connecting-IP");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForwardingHeader {
    /// `X-Forwarded-For: 203.0.113.9, 10.0.0.7`.
    XForwardedFor,
    /// `Forwarded: for=203.0.113.9;proto=https, for=10.0.0.7`, as RFC 7239 has it.
    Forwarded,
    /// A header with a single address that the proxy overwrites: `X-Real-IP`, `CF-Connecting-IP`,
    /// `Fly-Client-IP`, `X-Envoy-External-Address`.
    Single(String),
}

impl ForwardingHeader {
    /// The header's name. Case does not matter in names of headers.
    ///
    /// ```
    /// # use offloop::request::ForwardingHeader;
    /// assert_eq!(ForwardingHeader::Forwarded.name(), "forwarded");
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            ForwardingHeader::XForwardedFor => "x-forwarded-for",
            ForwardingHeader::Forwarded => "forwarded",
            ForwardingHeader::Single(name) => name,
        }
    }
}

/// The proxies in front of the server, and the header in which they say who called them.
///
/// ```
/// use offloop::request::{ForwardingHeader, TrustedProxies};
///
/// # fn main() -> Result<(), offloop::Error> {
/// let proxies = TrustedProxies::new(ForwardingHeader::XForwardedFor, ["10.0.0.0/8"])?;
/// let header_lines: [&[u8]; 1] = [b"198.51.100.1, 203.0.113.9, 10.0.0.7"];
///
/// let client = proxies.client("10.1.2.3".parse().unwrap(), header_lines);
/// assert_eq!(client.address().to_string(), "203.0.113.9");
///
/// // Who is no trusted proxy is not believed.
/// let client = proxies.client("192.0.2.1".parse().unwrap(), header_lines);
/// assert_eq!(client.address().to_string(), "192.0.2.1");
/// # Ok(())
/// # }
/// ```
///
/// In a file it is `{ header = "x-forwarded-for", networks = ["10.0.0.0/8"] }`; any other header but
/// `forwarded` is one with a single address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(with = "Written")
)]
#[serde(try_from = "Written", into = "Written")]
pub struct TrustedProxies {
    header: ForwardingHeader,
    networks: Box<[IpNet]>,
}

/// As a configuration file has them.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Written {
    /// The header in which they tell it: "x-forwarded-for", "forwarded", or one with a single address.
    header: String,
    /// Their own addresses, as networks: "10.0.0.0/8".
    networks: Vec<String>,
}

impl TryFrom<Written> for TrustedProxies {
    type Error = Error;

    fn try_from(written: Written) -> Result<Self, Error> {
        let header = match written.header.to_ascii_lowercase().as_str() {
            "x-forwarded-for" => ForwardingHeader::XForwardedFor,
            "forwarded" => ForwardingHeader::Forwarded,
            single => ForwardingHeader::Single(single.to_owned()),
        };
        TrustedProxies::new(header, written.networks)
    }
}

impl From<TrustedProxies> for Written {
    fn from(proxies: TrustedProxies) -> Written {
        Written {
            header: proxies.header.name().to_owned(),
            networks: proxies.networks.iter().map(IpNet::to_string).collect(),
        }
    }
}

/// Who sent a request, as far as that can be known. See [`TrustedProxies::client`].
///
/// ```
/// use offloop::request::Client;
///
/// let client = Client::from_peer("::ffff:192.0.2.1".parse().unwrap());
/// assert_eq!(client.address().to_string(), "192.0.2.1");
/// assert!(client.is_valid());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    address: IpAddr,
    is_valid: bool,
}

impl TrustedProxies {
    /// Trusts the proxies in these networks: `10.0.0.0/8`, `2001:db8::/32`, or single addresses.
    ///
    /// # Errors
    ///
    /// [`Error::TrustedProxy`] if one of them is none.
    ///
    /// ```
    /// use offloop::request::{ForwardingHeader, TrustedProxies};
    ///
    /// let error = TrustedProxies::new(ForwardingHeader::Forwarded, ["10.0.0.0/33"]).unwrap_err();
    /// assert!(error.to_string().starts_with(r#"trust proxies in "10.0.0.0/33": "#));
    /// ```
    pub fn new<T: AsRef<str>>(
        header: ForwardingHeader,
        networks: impl IntoIterator<Item = T>,
    ) -> Result<Self, Error> {
        let networks = networks.into_iter().map(|network| {
            let network = network.as_ref().trim();
            let single = || network.parse::<IpAddr>().map(IpNet::from);
            network.parse().or_else(|_| single()).map_err(|_| {
                let network = network.to_owned();
                Error::TrustedProxy { network }
            })
        });
        Ok(Self {
            header,
            networks: networks.collect::<Result<_, _>>()?,
        })
    }

    /// The header that [`client`](Self::client) needs the lines of.
    ///
    /// ```
    /// # use offloop::request::{ForwardingHeader, TrustedProxies};
    /// # fn main() -> Result<(), offloop::Error> {
    /// let proxies = TrustedProxies::new(ForwardingHeader::XForwardedFor, ["192.0.2.7"])?;
    /// assert_eq!(proxies.header().name(), "x-forwarded-for");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn header(&self) -> &ForwardingHeader {
        &self.header
    }

    /// Whether this is the address of a trusted proxy.
    ///
    /// ```
    /// # use offloop::request::{ForwardingHeader, TrustedProxies};
    /// # fn main() -> Result<(), offloop::Error> {
    /// let proxies = TrustedProxies::new(ForwardingHeader::XForwardedFor, ["192.0.2.0/24"])?;
    /// assert!(proxies.trusts("192.0.2.7".parse().unwrap()));
    /// assert!(proxies.trusts("::ffff:192.0.2.7".parse().unwrap()));
    /// assert!(!proxies.trusts("198.51.100.1".parse().unwrap()));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let mut networks = self.networks.iter();
        networks.any(|network| network.contains(&address))
    }

    /// Finds the client of a request that came in from `peer`. `lines` are all lines of the header,
    /// in their order.
    ///
    /// If the peer is no trusted proxy, it is the client. So it is, and is marked as not valid, where
    /// a trusted proxy names no address that can be read, where there are more than 30 of them, and
    /// where a header that has a single address comes twice. If the header is missing, the proxy
    /// itself has called, to see whether the server is healthy, say.
    ///
    /// ```
    /// use offloop::request::{ForwardingHeader, TrustedProxies};
    ///
    /// # fn main() -> Result<(), offloop::Error> {
    /// let header = ForwardingHeader::Single("x-real-ip".into());
    /// let proxies = TrustedProxies::new(header, ["10.0.0.0/8"])?;
    /// let client = proxies.client("10.1.2.3".parse().unwrap(), [b"unknown".as_slice()]);
    /// assert_eq!(client.address().to_string(), "10.1.2.3");
    /// assert!(!client.is_valid());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn client<'a>(&self, peer: IpAddr, lines: impl IntoIterator<Item = &'a [u8]>) -> Client {
        let peer = Client::from_peer(peer);
        if !self.trusts(peer.address) {
            return peer;
        }
        let named = match self.header {
            ForwardingHeader::XForwardedFor => self.first_untrusted(peer, lines, |line| {
                let hops = line.rsplit(|byte| *byte == b',').map(without_whitespace);
                hops.filter(|hop| !hop.is_empty()).map(address::parse)
            }),
            ForwardingHeader::Forwarded => self.first_untrusted(peer, lines, |line| {
                forwarded::elements_from_the_right(line).map(forwarded::address_of)
            }),
            ForwardingHeader::Single(_) => only_address(peer, lines),
        };
        Client {
            address: named.unwrap_or(peer.address),
            is_valid: named.is_some(),
        }
    }

    /// Follows the addresses from the right, for as long as they are trusted. `addresses_of` takes
    /// a line apart; what is no address is `None`.
    fn first_untrusted<'a, A>(
        &self,
        peer: Client,
        lines: impl IntoIterator<Item = &'a [u8]>,
        addresses_of: impl FnMut(&'a [u8]) -> A,
    ) -> Option<IpAddr>
    where
        A: Iterator<Item = Option<IpAddr>>,
    {
        let lines = LastLines::new(lines);
        let addresses = lines.last_first().flat_map(addresses_of);
        // What was left out might have had the client.
        let left_out = lines.are_cut().then_some(None);
        let mut nearest = peer.address;
        for (count, address) in addresses.chain(left_out).enumerate() {
            if HOPS_MAX <= count {
                return None;
            }
            nearest = address?;
            if !self.trusts(nearest) {
                break;
            }
        }
        Some(nearest)
    }
}

/// The address in a header that has a single one.
fn only_address<'a>(peer: Client, lines: impl IntoIterator<Item = &'a [u8]>) -> Option<IpAddr> {
    let mut lines = lines.into_iter();
    match (lines.next(), lines.next()) {
        (None, _) => Some(peer.address),
        (Some(line), None) => address::parse(without_whitespace(line)),
        // One of them is the client's own, and nothing says which.
        (Some(_), Some(_)) => None,
    }
}

/// The last lines of a header, without memory of their own: they come from the first, but are read
/// from the last.
struct LastLines<'a> {
    ring: [&'a [u8]; HOPS_MAX],
    count: usize,
}

impl<'a> LastLines<'a> {
    fn new(lines: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut ring = [[].as_slice(); HOPS_MAX];
        let mut count = 0;
        for line in lines {
            ring[count % HOPS_MAX] = line;
            count += 1;
        }
        LastLines { ring, count }
    }

    fn are_cut(&self) -> bool {
        HOPS_MAX < self.count
    }

    fn last_first(&self) -> impl Iterator<Item = &'a [u8]> {
        let kept = self.count.saturating_sub(HOPS_MAX)..self.count;
        kept.rev().map(|number| self.ring[number % HOPS_MAX])
    }
}

impl Client {
    /// The client is who is at the other end of the socket: where no proxy is trusted.
    ///
    /// An IPv4 address that an IPv6 socket shows as `::ffff:192.0.2.1` becomes `192.0.2.1`.
    ///
    /// ```
    /// # use offloop::request::Client;
    /// let client = Client::from_peer("192.0.2.1".parse().unwrap());
    /// assert_eq!(client.address().to_string(), "192.0.2.1");
    /// ```
    #[must_use]
    pub fn from_peer(peer: IpAddr) -> Self {
        Self {
            address: peer.to_canonical(),
            is_valid: true,
        }
    }

    /// The client's address, or the peer's where that is not known.
    ///
    /// ```
    /// # use offloop::request::Client;
    /// let client = Client::from_peer("2001:db8::1".parse().unwrap());
    /// assert!(client.address().is_ipv6());
    /// ```
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The network that the client is in, in place of its address.
    pub(super) fn shortened(self) -> Self {
        Self {
            address: shortened(self.address),
            ..self
        }
    }

    /// Whether the address is the client's. It is not if a trusted proxy has sent a header that
    /// cannot be read; then it is the proxy's.
    ///
    /// ```
    /// # use offloop::request::Client;
    /// assert!(Client::from_peer("192.0.2.1".parse().unwrap()).is_valid());
    /// ```
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.is_valid
    }
}

/// The first 24 bits of an IPv4 address, the first 48 of an IPv6 address: what a provider gives to a
/// site. The others are zero.
pub(super) fn shortened(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & (!0 << 8)).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (!0 << 80)).into(),
    }
}

#[cfg(test)]
mod tests;
