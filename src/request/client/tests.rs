//! Headers as proxies send them, and as attackers do.

use proptest::prelude::*;

use super::*;

const TRUSTED: [&str; 3] = ["10.0.0.0/8", "2001:db8:1::/48", "192.0.2.7"];
const PROXY: &str = "10.0.0.1";
const CLIENT: &str = "203.0.113.9";

fn proxies(header: ForwardingHeader) -> TrustedProxies {
    TrustedProxies::new(header, TRUSTED).unwrap()
}

fn find(header: ForwardingHeader, peer: &str, lines: &[impl AsRef<[u8]>]) -> Client {
    let lines = lines.iter().map(AsRef::as_ref);
    proxies(header).client(peer.parse().unwrap(), lines)
}

/// `expected` is an address, or empty where the peer stands in for a client that is not known.
#[track_caller]
fn check(header: ForwardingHeader, peer: &str, lines: &[&str], expected: &str) {
    let client = find(header, peer, lines);
    let is_valid = !expected.is_empty();
    let expected = if is_valid { expected } else { peer };
    let address = expected.parse().unwrap();
    assert_eq!(client, Client { address, is_valid }, "{lines:?}");
}

#[track_caller]
fn check_list(lines: &[&str], expected: &str) {
    check(ForwardingHeader::XForwardedFor, PROXY, lines, expected);
    // The same in the other notation.
    let element = |hop: &str| match hop.trim() {
        "" => String::new(),
        hop => format!("for=\"{hop}\";proto=https"),
    };
    let line = |line: &&str| line.split(',').map(element).collect::<Vec<_>>().join(",");
    let lines: Vec<String> = lines.iter().map(line).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    check(ForwardingHeader::Forwarded, PROXY, &lines, expected);
}

#[track_caller]
fn check_single(lines: &[&str], expected: &str) {
    let header = ForwardingHeader::Single("x-real-ip".into());
    check(header, PROXY, lines, expected);
}

#[test]
fn the_rightmost_address_that_is_not_trusted_is_the_client() {
    check_list(&["203.0.113.9"], CLIENT);
    check_list(&["203.0.113.9, 10.0.0.7"], CLIENT);
    check_list(&["203.0.113.9,10.0.0.7,192.0.2.7"], CLIENT);
    check_list(&["198.51.100.1, 203.0.113.9"], CLIENT);
    check_list(&["10.9.9.9, 203.0.113.9, 10.0.0.7"], CLIENT);
    check_list(&["2001:db8:2::1, 2001:db8:1::7"], "2001:db8:2::1");
    check_list(&["[2001:db8:2::1]:443"], "2001:db8:2::1");
    check_list(&["203.0.113.9:55555, 10.0.0.7:80"], CLIENT);
    check_list(&["203.0.113.9, ::ffff:10.0.0.7"], CLIENT);
    check_list(&["192.0.2.8, 10.0.0.7"], "192.0.2.8");
}

#[test]
fn lines_are_one_list() {
    check_list(&["198.51.100.1", "203.0.113.9", "10.0.0.7"], CLIENT);
    check_list(&["198.51.100.1, 203.0.113.9", "10.0.0.7, 10.0.0.8"], CLIENT);
    check_list(&["203.0.113.9", ""], CLIENT);
    check_list(&["203.0.113.9,,\t, 10.0.0.7 ,"], CLIENT);
    check_list(&[CLIENT; 100], CLIENT);
}

#[test]
fn what_stands_left_of_the_client_is_not_looked_at() {
    check_list(&["unknown, 203.0.113.9"], CLIENT);
    check_list(&["<script>, 203.0.113.9, 10.0.0.7"], CLIENT);
    let long = "10.0.0.7,".repeat(10_000) + CLIENT;
    check_list(&[&long], CLIENT);
}

#[test]
fn if_all_are_trusted_the_leftmost_is_the_client() {
    check_list(&["10.0.0.9, 10.0.0.8"], "10.0.0.9");
    check_list(&["192.0.2.7"], "192.0.2.7");
}

#[test]
fn without_a_header_the_proxy_has_called_by_itself() {
    check_list(&[], PROXY);
    check_list(&[""], PROXY);
    check_single(&[], PROXY);
}

#[test]
fn a_proxy_that_names_no_address_leaves_the_client_unknown() {
    check_list(&["unknown"], "");
    check_list(&["203.0.113.9, unknown"], "");
    check_list(&["203.0.113.9, _hidden, 10.0.0.7"], "");
    check_list(&["203.0.113.9, 10.0.0.256"], "");
    check_list(&["203.0.113.9; 10.0.0.7"], "");
}

#[test]
fn at_most_30_addresses_are_followed() {
    let trusted = |count: usize| vec!["10.0.0.7"; count].join(",");
    check_list(&[CLIENT, &trusted(29)], CLIENT);
    check_list(&[CLIENT, &trusted(30)], "");
    check_list(&[&trusted(30)], "10.0.0.7");
    check_list(&[&trusted(31)], "");
    check_list(&["10.0.0.7"; 30], "10.0.0.7");
    check_list(&["10.0.0.7"; 31], "");
    check_list(&[&[CLIENT][..], &[""; 30]].concat(), "");
}

#[test]
fn a_single_address_is_taken_alone() {
    check_single(&[" 203.0.113.9\t"], CLIENT);
    check_single(&["[2001:db8:2::1]:80"], "2001:db8:2::1");
    check_single(&["10.0.0.7"], "10.0.0.7");
    check_single(&[""], "");
    check_single(&["203.0.113.9, 10.0.0.7"], "");
    check_single(&["203.0.113.9", "203.0.113.9"], "");
}

#[test]
fn who_is_not_trusted_is_the_client_whatever_it_says() {
    for header in [
        ForwardingHeader::XForwardedFor,
        ForwardingHeader::Forwarded,
        ForwardingHeader::Single("x-real-ip".into()),
    ] {
        let lines = ["127.0.0.1", "for=127.0.0.1"];
        check(header, "198.51.100.1", &lines, "198.51.100.1");
    }
}

#[test]
fn a_peer_of_a_socket_for_both_families_is_an_ipv4_address() {
    let header = ForwardingHeader::XForwardedFor;
    let client = find(header, "::ffff:10.0.0.1", &["203.0.113.9"]);
    assert_eq!(client.address().to_string(), CLIENT);
}

#[test]
fn networks_that_are_none_are_refused_by_name() {
    for network in ["", "10.0.0.0/33", "10.0.0/8", "proxy.local", "::1/129"] {
        let error = TrustedProxies::new(ForwardingHeader::Forwarded, [network]).unwrap_err();
        assert!(error.to_string().contains(&format!("{network:?}")));
    }
}

/// What an attacker would try: the bytes that mean something, far more often than chance has them.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        proptest::sample::select(br#"",;=\[]:. for10"#.to_vec()),
        any::<u8>(),
    ];
    proptest::collection::vec(byte, 0..40)
}

proptest! {
    #[test]
    fn what_the_client_sends_does_not_change_what_its_proxy_adds(sent in any_line()) {
        for (header, added) in [
            (ForwardingHeader::XForwardedFor, "203.0.113.9"),
            (ForwardingHeader::Forwarded, "for=203.0.113.9"),
            (ForwardingHeader::Forwarded, r#"proto=https;for="203.0.113.9:80";host="a,b""#),
        ] {
            let combined = [&sent, &b", "[..], added.as_bytes()].concat();
            let expected = Client { address: CLIENT.parse().unwrap(), is_valid: true };
            prop_assert_eq!(find(header.clone(), PROXY, &[combined]), expected);
            let apart = [sent.clone(), added.into()];
            prop_assert_eq!(find(header, PROXY, &apart), expected);
        }
    }

    #[test]
    fn any_bytes_are_survived(lines in proptest::collection::vec(any_line(), 0..4)) {
        for header in [
            ForwardingHeader::XForwardedFor,
            ForwardingHeader::Forwarded,
            ForwardingHeader::Single("x-real-ip".into()),
        ] {
            let client = find(header, PROXY, &lines);
            prop_assert!(client.is_valid() || client.address().to_string() == PROXY);
        }
    }
}
