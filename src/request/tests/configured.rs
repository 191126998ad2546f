//! Options as a configuration file has them.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn queries() -> impl Strategy<Value = QueryPolicy> {
    let keys = || proptest::collection::vec(any::<String>(), 0..3);
    prop_oneof![
        Just(QueryPolicy::off()),
        keys().prop_map(QueryPolicy::values_of),
        keys().prop_map(QueryPolicy::all_except),
    ]
}

fn proxies() -> impl Strategy<Value = TrustedProxies> {
    let headers = select(vec![
        ForwardingHeader::XForwardedFor,
        ForwardingHeader::Forwarded,
        ForwardingHeader::Single("x-real-ip".to_owned()),
    ]);
    let networks = any::<std::net::IpAddr>().prop_map(|address| address.to_string());
    (headers, proptest::collection::vec(networks, 0..3))
        .prop_map(|(header, networks)| TrustedProxies::new(header, networks).unwrap())
}

fn options() -> impl Strategy<Value = Options> {
    let times = (any::<u64>(), option::of(any::<u64>()), any::<usize>());
    let switches = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    // Exact in decimals, too: how a format of serde reads the others is its own affair.
    let share = || (0_u8..=8).prop_map(|eighths| f64::from(eighths) / 8.0);
    let shares = (share(), option::of(share()));
    let paths = r"(/[^/{}*:<]{1,8}){1,3}(/\*)?";
    let taken = (paths, queries(), option::of(proxies()));
    (times, switches, shares, taken).prop_map(|(times, switches, shares, taken)| {
        let (slow, stall, bytes) = times;
        let (ecs, ignores, shortens, announces) = switches;
        let mut options = Options::new()
            .slow_after(Duration::from_millis(slow))
            .detail_bytes(bytes)
            .shorten_addresses(shortens)
            .announce(announces)
            .send_back(!announces)
            .sample(shares.0)
            .quiet(taken.0)
            .unwrap()
            .request_header("Accept-Language")
            .response_header("server")
            .query(taken.1);
        if let Some(stall) = stall {
            options = options.stall_after(Duration::from_millis(stall));
        }
        if let Some(quantile) = shares.1 {
            options = options.slowest(quantile);
        }
        if let Some(proxies) = taken.2 {
            options = options.trusted_proxies(proxies);
        }
        if ecs {
            options = options.naming(Naming::ElasticCommonSchema);
        }
        if announces {
            let route = RouteOptions::at("/reset/{token}").unwrap().hide_path(ecs);
            options = options.path(PathPolicy::RouteOnly).route(route);
        }
        if ignores {
            let propagation = Propagation::B3Multi;
            options = options
                .incoming_ids(Incoming::Ignore)
                .propagation(propagation);
        }
        options
    })
}

proptest! {
    #[test]
    fn options_read_back_the_same(options in options()) {
        let text = serde_json::to_string(&options).unwrap();
        let read: Options = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(read, options);
    }
}

#[test]
fn what_a_file_says_of_requests_is_checked() {
    let cases = [
        (r#"{"request_headers": ["Cookie"]}"#, "never logged"),
        (r#"{"sample": 1.5}"#, "a share from 0 to 1"),
        (r#"{"slowest": -1.0}"#, "a share from 0 to 1, such as 0.99"),
        (r#"{"query": "on"}"#, "unknown variant `on`"),
        (
            r#"{"trusted_proxies": {"header": "forwarded", "networks": ["10.0.0.0/33"]}}"#,
            r#"trust proxies in "10.0.0.0/33""#,
        ),
        (r#"{"slow": "1s"}"#, "unknown field `slow`"),
        (
            r#"{"routes": [{"path": "/users/:id"}]}"#,
            r#"match paths by "/users/:id""#,
        ),
        (
            r#"{"routes": [{"slow_after": "1s"}]}"#,
            "missing field `path`",
        ),
        (
            r#"{"routes": [{"path": "/", "sample": 2.0}]}"#,
            "a share from 0 to 1",
        ),
        (r#"{"path": "hidden"}"#, "unknown variant `hidden`"),
    ];
    for (text, expected) in cases {
        let error = serde_json::from_str::<Options>(text).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn closures_are_the_same_if_they_are_the_very_same() {
    let options = Options::new().level(|ended| ended.level());
    assert_eq!(options, options.clone());
    assert_ne!(options, Options::new().level(|ended| ended.level()));
    assert_ne!(options, Options::new());
}
