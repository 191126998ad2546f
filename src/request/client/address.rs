//! An address as proxies write it: with or without a port, brackets where there could be one.

use std::net::IpAddr;
use std::str;

/// Reads `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
///
/// An IPv4 address in IPv6 clothes comes out without them.
pub(super) fn parse(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?;
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => bracketed(rest)?,
        None => match text.split_once(':') {
            // A further colon makes it an IPv6 address, which needs brackets to have a port.
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (text, None),
        },
    };
    if !port.is_none_or(is_port) {
        return None;
    }
    host.parse()
        .ok()
        .map(|address: IpAddr| address.to_canonical())
}

/// What stands in the brackets, and the port behind them. IPv4 addresses have no brackets.
fn bracketed(rest: &str) -> Option<(&str, Option<&str>)> {
    let (host, behind) = rest.split_once(']')?;
    let port = match behind {
        "" => None,
        _ => Some(behind.strip_prefix(':')?),
    };
    host.contains(':').then_some((host, port))
}

/// A number, or what a proxy that hides the number writes, as RFC 7239 has it: `_` and a name.
fn is_port(port: &str) -> bool {
    let is_named = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match port.strip_prefix('_') {
        Some(name) => !name.is_empty() && name.bytes().all(is_named),
        None => (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let address = parse(text.as_bytes()).map(|address| address.to_string());
        assert_eq!(address.as_deref(), expected, "{text:?}");
    }

    #[test]
    fn addresses_are_read_with_ports_and_without() {
        check("192.0.2.1", Some("192.0.2.1"));
        check("192.0.2.1:8080", Some("192.0.2.1"));
        check("192.0.2.1:_hidden", Some("192.0.2.1"));
        check("2001:db8::1", Some("2001:db8::1"));
        check("2001:DB8:0:0::1", Some("2001:db8::1"));
        check("[2001:db8::1]", Some("2001:db8::1"));
        check("[2001:db8::1]:443", Some("2001:db8::1"));
        check("[2001:db8::1]:_a.b-c", Some("2001:db8::1"));
        check("::ffff:192.0.2.1", Some("192.0.2.1"));
        check("[::ffff:192.0.2.1]:80", Some("192.0.2.1"));
        check("::1", Some("::1"));
    }

    #[test]
    fn anything_else_is_no_address() {
        for text in [
            "",
            "unknown",
            "_hidden",
            "localhost",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.01",
            "192.0.2.1:",
            "192.0.2.1:http",
            "192.0.2.1:123456",
            "192.0.2.1:+1",
            "192.0.2.1:_",
            "192.0.2.1/32",
            "[192.0.2.1]",
            "[192.0.2.1]:80",
            "[2001:db8::1",
            "2001:db8::1]",
            "[2001:db8::1]80",
            "[2001:db8::1]:",
            "[]",
            "[]:80",
            "[",
            ":",
            ":80",
            "fe80::1%eth0",
            "[fe80::1%1]",
            "\"192.0.2.1\"",
            " 192.0.2.1",
            "192.0.2.1\n",
            "0x7f.1",
            "2130706433",
            "１.2.3.4",
        ] {
            check(text, None);
        }
        assert_eq!(parse(b"192.0.2.1\xff"), None);
    }
}
