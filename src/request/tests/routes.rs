//! What is different for some paths, and what is shown of them.

use super::*;

/// The record of a GET request for `path`.
fn get(log: &RequestLog, path: &str) {
    let arrival = Arrival { path, ..arrival() };
    let mut request = log.begin(arrival, &());
    request.end(Outcome::Completed);
}

fn users() -> RouteOptions {
    RouteOptions::at("/users/{id}").unwrap()
}

#[test]
fn the_first_route_that_matches_says_when_a_request_is_slow() {
    let hour = Duration::from_secs(3600);
    let all = RouteOptions::at("/*").unwrap().slow_after(hour);
    let options = Options::new().route(users().slow_after(Duration::ZERO));
    let log = RequestLog::new(options.route(all));
    let lines = logged(|| {
        get(&log, "/users/42");
        get(&log, "/users");
    });
    assert_eq!(lines[0]["level"], "WARN");
    assert_eq!(lines[1]["level"], "INFO");
}

#[test]
fn a_route_says_which_share_of_its_requests_is_logged() {
    let log = RequestLog::new(Options::new().route(users().sample(0.0)));
    let lines = logged(|| {
        get(&log, "/users/42");
        get(&log, "/");
    });
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["url.path"], "/");
    assert_eq!(lines[0].get("sample_rate"), None);

    let log = RequestLog::new(Options::new().sample(0.0).route(users().sample(1.0)));
    let lines = logged(|| {
        get(&log, "/users/42");
        get(&log, "/");
    });
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["url.path"], "/users/42");
}

/// All that is logged of a request for `path` in the course of a long life.
fn whole_life(options: Options, arrival: Arrival<'_>) -> Vec<Json> {
    let options = options.announce(true).stall_after(Duration::ZERO);
    let log = RequestLog::new(options);
    logged(|| {
        let mut request = log.begin(arrival, &());
        request.run(|| {});
        InFlight::new(request.context().clone()).log();
        tracing::info!("{request:?}");
        request.end(Outcome::Completed);
    })
}

#[test]
fn a_path_is_hidden_although_an_earlier_route_says_something_else_of_it() {
    let all = RouteOptions::at("/*").unwrap().slow_after(Duration::ZERO);
    let log = RequestLog::new(Options::new().route(all).route(users().hide_path(true)));
    let lines = logged(|| get(&log, "/users/42"));
    assert_eq!(lines[0]["level"], "WARN");
    assert_eq!(lines[0]["url.path"], "/users/{id}");
}

#[test]
fn a_path_that_is_hidden_is_nowhere_and_its_pattern_stands_in_its_place() {
    for naming in [Naming::OpenTelemetry, Naming::ElasticCommonSchema] {
        let resets = RouteOptions::at("/reset/{token}").unwrap().hide_path(true);
        let arrival = Arrival {
            path: "/reset/s3cret",
            route: None,
            ..arrival()
        };
        let lines = whole_life(Options::new().naming(naming).route(resets), arrival);
        assert_eq!(lines.len(), 5, "{lines:?}");
        for line in lines {
            assert!(!line.to_string().contains("s3cret"), "{line}");
            assert!(line.to_string().contains("/reset/{token}"), "{line}");
        }
    }
}

#[test]
fn by_choice_no_record_has_a_path_but_the_matched_route() {
    for naming in [Naming::OpenTelemetry, Naming::ElasticCommonSchema] {
        let options = Options::new().naming(naming).path(PathPolicy::RouteOnly);
        let lines = whole_life(options, arrival());
        assert_eq!(lines.len(), 5, "{lines:?}");
        for line in lines {
            assert!(!line.to_string().contains("/users/42"), "{line}");
            assert_eq!(line.get("url.path"), None);
        }
    }
}

#[test]
fn by_choice_a_call_of_grpc_does_not_show_its_path_either() {
    let log = RequestLog::new(Options::new().path(PathPolicy::RouteOnly));
    let lines = logged(|| {
        let arrival = Arrival {
            method: "POST",
            path: "/s3cret/Method",
            ..arrival()
        };
        let headers = List(&[("content-type", b"application/grpc")]);
        log.begin(arrival, &headers).end(Outcome::Completed);
    });
    assert!(!lines[0].to_string().contains("s3cret"), "{}", lines[0]);
    assert_eq!(lines[0]["rpc.system.name"], "grpc");
}

#[test]
fn where_there_is_no_path_a_line_of_a_web_server_has_the_route() {
    let memory = Memory::new();
    let sink = crate::Sink::memory(&memory).common_log();
    let (layer, guard) = crate::builder().sink(sink).build().unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    let log = RequestLog::new(Options::new().path(PathPolicy::RouteOnly));
    tracing::subscriber::with_default(subscriber, || get(&log, "/users/42"));
    guard.flush(PATIENCE).unwrap();
    assert!(
        memory.text().contains(r#""GET /users/{id} HTTP/1.1""#),
        "{}",
        memory.text()
    );
}

/// What a record says of the ids of a request that came with these headers.
#[track_caller]
fn check_id(options: Options, sent: &[(&str, &[u8])], id: Option<&str>, refused: Option<&str>) {
    let log = RequestLog::new(options);
    let lines = logged(|| log.begin(arrival(), &List(sent)).end(Outcome::Completed));
    if let Some(id) = id {
        assert_eq!(lines[0]["request_id"], id);
    }
    let shown = lines[0].get("request_id.client");
    assert_eq!(shown.and_then(Json::as_str), refused);
}

#[test]
fn a_clients_id_that_is_not_taken_over_is_shown_as_the_clients() {
    let all = Options::new;
    let id = |value: &'static [u8]| ("x-request-id", value);
    check_id(all(), &[], None, None);
    check_id(all(), &[id(b"r-1")], Some("r-1"), None);
    check_id(all(), &[id(b"r 1\x1b[2J")], None, Some("r 1\x1b[2J"));
    check_id(all(), &[id(b"r-1"), id(b"r-2")], None, Some("r-1, r-2"));
    check_id(all(), &[id(b"")], None, Some(""));
    check_id(
        all().incoming_ids(Incoming::Ignore),
        &[id(b"r-1")],
        None,
        Some("r-1"),
    );
    let long = [b'a'; 200];
    let expected = format!("{}…(+72)", "a".repeat(128));
    check_id(all(), &[("x-request-id", &long)], None, Some(&expected));
}
