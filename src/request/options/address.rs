//! Whose address is shown, and how much of it.

use crate::request::{Options, TrustedProxies};

impl Options {
    /// Believes what these proxies say of the client's address. Without them, it is the other end
    /// of the connection.
    ///
    /// ```
    /// use offloop::request::{ForwardingHeader, Options, TrustedProxies};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let proxies = TrustedProxies::new(ForwardingHeader::XForwardedFor, ["10.0.0.0/8"])?;
    /// let options = Options::new().trusted_proxies(proxies);
    /// # drop(options);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = Some(proxies);
        self
    }

    /// Shows of the client's address, and of the connection's other end, only the network: the first
    /// 24 bits of an IPv4 address, the first 48 of an IPv6 address. By default they are shown whole.
    /// The records of connections, which are at DEBUG, show them whole all the same.
    ///
    /// ```
    /// use offloop::request::Options;
    ///
    /// let options = Options::new().shorten_addresses(true);
    /// # drop(options);
    /// ```
    #[must_use]
    pub fn shorten_addresses(mut self, is_wanted: bool) -> Self {
        self.shortens_addresses = is_wanted;
        self
    }
}
