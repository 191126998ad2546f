//! The records of requests.

use std::time::Duration;

use super::{Cases, Change};
use crate::request::{
    ForwardingHeader, Incoming, Naming, Options, PathPolicy, Propagation, QueryPolicy,
    RouteOptions, TrustedProxies,
};

pub(super) const KEYS_OF_REQUESTS: Cases<Change<Options>> = &[
    ("naming", r#"naming = "ecs""#, |options| {
        options.naming(Naming::ElasticCommonSchema)
    }),
    ("slow_after", r#"slow_after = "250ms""#, |options| {
        options.slow_after(Duration::from_millis(250))
    }),
    ("slowest", "slowest = 0.99", |options| options.slowest(0.99)),
    (
        "quiet",
        r#"quiet = ["/health", "/internal/*"]"#,
        |options| {
            let options = options.quiet("/health").unwrap();
            options.quiet("/internal/*").unwrap()
        },
    ),
    ("incoming_ids", r#"incoming_ids = "ignore""#, |options| {
        options.incoming_ids(Incoming::Ignore)
    }),
    (
        "incoming_traces",
        r#"incoming_traces = "trusted""#,
        |options| options.incoming_traces(Incoming::Trusted),
    ),
    ("send_back", "send_back = false", |options| {
        options.send_back(false)
    }),
    ("propagation", r#"propagation = "b3_multi""#, |options| {
        options.propagation(Propagation::B3Multi)
    }),
    (
        "request_headers",
        r#"request_headers = ["Accept-Language"]"#,
        |options| options.request_header("accept-language"),
    ),
    (
        "response_headers",
        r#"response_headers = ["content-type"]"#,
        |options| options.response_header("content-type"),
    ),
    (
        "trusted_proxies",
        r#"trusted_proxies = { header = "x-forwarded-for", networks = ["10.0.0.0/8"] }"#,
        |options| {
            let header = ForwardingHeader::XForwardedFor;
            options.trusted_proxies(TrustedProxies::new(header, ["10.0.0.0/8"]).unwrap())
        },
    ),
    ("shorten_addresses", "shorten_addresses = true", |options| {
        options.shorten_addresses(true)
    }),
    ("path", r#"path = "route_only""#, |options| {
        options.path(PathPolicy::RouteOnly)
    }),
    (
        "query",
        r#"query = { values_of = ["page", "sort"] }"#,
        |options| options.query(QueryPolicy::values_of(["page", "sort"])),
    ),
    (
        "query",
        r#"query = { all_except = ["email"] }"#,
        |options| options.query(QueryPolicy::all_except(["email"])),
    ),
    ("sample", "sample = 0.1", |options| options.sample(0.1)),
    ("detail_bytes", r#"detail_bytes = "256 KiB""#, |options| {
        options.detail_bytes(256 << 10)
    }),
    ("announce", "announce = true", |options| {
        options.announce(true)
    }),
    ("stall_after", r#"stall_after = "20ms""#, |options| {
        options.stall_after(Duration::from_millis(20))
    }),
    (
        "routes",
        r#"routes = [{ path = "/reset/{token}", hide_path = true }, { path = "/reports/*", slow_after = "20s", sample = 0.5 }]"#,
        |options| {
            let resets = RouteOptions::at("/reset/{token}").unwrap();
            let reports = RouteOptions::at("/reports/*").unwrap().sample(0.5);
            options
                .route(resets.hide_path(true))
                .route(reports.slow_after(Duration::from_secs(20)))
        },
    ),
];

/// Keys of what is different for some paths. What each of them does is tested above.
pub(super) const KEYS_OF_ROUTES: [&str; 4] = ["path", "slow_after", "sample", "hide_path"];
