//! What stands in the record: of the client, the handler and the operator.

use super::*;

#[test]
fn records_of_a_request_carry_its_ids_wherever_they_are_logged() {
    let mut id = String::new();
    let lines = logged(|| {
        let mut request = begin();
        id = request.context().id().to_string();
        request.run(|| {
            tracing::info_span!("inner", depth = 1).in_scope(|| tracing::info!("handler"));
            let dispatch = tracing::dispatcher::get_default(Clone::clone);
            let work = carry(move || {
                tracing::dispatcher::with_default(&dispatch, || tracing::info!("thread"));
            });
            std::thread::spawn(work).join().unwrap();
        });
        tracing::info!("outside");
        request.end(Outcome::Completed);
    });
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0]["request_id"], id.as_str());
    assert_eq!(lines[0]["spans"], serde_json::json!(["request", "inner"]));
    assert_eq!(lines[1]["request_id"], id.as_str());
    assert_eq!(lines[1]["trace_id"], lines[3]["trace_id"]);
    assert_eq!(lines[2].get("request_id"), None);
    assert_eq!(lines[3]["request_id"], id.as_str());
}

/// The lines of requests with all that a record may tell, by a pipeline with or without redaction.
fn full_records(naming: Naming, redaction: Option<crate::Redaction>) -> Vec<Json> {
    let memory = Memory::new();
    let builder = crate::builder().memory(&memory);
    let builder = match redaction {
        Some(redaction) => builder.redaction(redaction),
        None => builder,
    };
    let (layer, guard) = builder.build().unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    let headers = List(&[
        ("host", b"example.org"),
        ("user-agent", b"curl/8"),
        ("content-type", b"application/grpc"),
        (
            "traceparent",
            b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
        ("x-forwarded-for", b"no address"),
        ("x-request-id", b"r-1"),
    ]);
    let proxies = TrustedProxies::new(ForwardingHeader::XForwardedFor, ["10.0.0.0/8"]);
    let options = Options::new()
        .naming(naming)
        .query(QueryPolicy::values_of(["page"]))
        .trusted_proxies(proxies.unwrap())
        .sample(0.999_999_999);
    tracing::subscriber::with_default(subscriber, || {
        let arrival = |method| Arrival {
            method,
            query: Some("page=2"),
            scheme: Some("https"),
            peer: Some("10.1.2.3:4567".parse().unwrap()),
            ..arrival()
        };
        let log = RequestLog::new(options);
        // The first record of a callsite is always looked at.
        for _ in 0..2 {
            let mut call = log.begin(arrival("POST"), &headers);
            call.context().add("plan", "gold");
            call.head(ok(None), &List(&[("grpc-status", b"13")]));
            call.end(Outcome::Completed);
            let failed = log.begin(arrival("BREW"), &headers);
            for number in 0..70 {
                failed.context().add(&format!("field {number}"), number);
            }
        }
    });
    guard.flush(PATIENCE).unwrap();
    let lines = memory.lines();
    let lines = lines[2..]
        .iter()
        .map(|line| serde_json::from_str(line).unwrap());
    let varying = [
        "url.scheme",
        "timestamp",
        "duration_ms",
        "event.duration",
        "ttfb_ms",
        "span_id",
        "span.id",
    ];
    lines
        .map(|mut line: Json| {
            let fields = line.as_object_mut().unwrap();
            varying.iter().for_each(|name| _ = fields.remove(*name));
            line
        })
        .collect()
}

#[test]
fn a_record_says_the_same_whether_its_fields_are_visited_or_written_at_once() {
    for naming in [Naming::OpenTelemetry, Naming::ElasticCommonSchema] {
        let at_once = full_records(naming, None);
        // A secret among its fields has each of them looked at.
        let visited = full_records(naming, Some(crate::Redaction::default().key("url.scheme")));
        assert_eq!(at_once.len(), 2);
        assert_eq!(at_once, visited);
        let fields = at_once.iter().map(|line| line.as_object().unwrap().len());
        assert!(fields.sum::<usize>() > 100, "{at_once:?}");
    }
}

#[test]
fn what_a_handler_adds_is_in_the_record_and_takes_the_place_of_nothing() {
    let record = record(|mut request| {
        request.run(|| {
            add("user.id", 41);
            add("user.id", 42);
            add("outcome", "forged");
            add("plan", "gold\n");
            add_error(&std::io::Error::other("no database"));
            for number in 0..100 {
                add(&format!("field {number}"), number);
            }
        });
        request.end(Outcome::Completed);
    });
    assert_eq!(record["user.id"], 42);
    assert_eq!(record["x.outcome"], "forged");
    assert_eq!(record["outcome"], "completed");
    assert_eq!(record["plan"], "gold\n");
    assert_eq!(record["error"], serde_json::json!(["no database"]));
    assert_eq!(record["dropped_fields"], 40);
}

#[test]
fn the_route_that_was_taken_replaces_the_one_of_the_arrival() {
    let record = record(|mut request| {
        request.set_route("/users/{name}");
        request.set_route("/users/{other}");
        request.end(Outcome::Completed);
    });
    assert_eq!(record["http.route"], "/users/{name}");
}

#[test]
fn what_a_client_sends_is_in_the_record_as_far_as_it_is_asked_for() {
    let headers = List(&[
        ("user-agent", b"curl/8 \xff\n\x1b[31m"),
        ("host", b"example.org"),
        ("accept-language", b"de"),
        ("accept-language", b"en"),
        ("authorization", b"Bearer secret"),
        ("x-forwarded-for", b"203.0.113.9, 192.0.2.1"),
        ("content-length", b"10"),
    ]);
    let proxies = TrustedProxies::new(ForwardingHeader::XForwardedFor, ["10.0.0.0/8", "192.0.2.1"]);
    let options = Options::new()
        .query(QueryPolicy::values_of(["page"]))
        .request_header("Accept-Language")
        .request_header("authorization")
        .trusted_proxies(proxies.unwrap());
    let lines = logged(|| {
        let arrival = Arrival {
            path: &"/long".repeat(1000),
            query: Some("page=2&token=abc"),
            peer: Some("10.1.2.3:4567".parse().unwrap()),
            ..arrival()
        };
        drop(RequestLog::new(options).begin(arrival, &headers));
    });
    let record = &lines[0];
    assert_eq!(record["url.query"], "page=2&token=REDACTED");
    assert_eq!(record["user_agent.original"], "curl/8 \\xff\n\u{1b}[31m");
    assert_eq!(record["server.address"], "example.org");
    assert_eq!(record["http.request.header.accept-language"], "de, en");
    assert_eq!(record.get("http.request.header.authorization"), None);
    assert_eq!(record["client.address"], "203.0.113.9");
    assert_eq!(record["network.peer.address"], "10.1.2.3");
    assert_eq!(record["network.peer.port"], 4567);
    let path = record["url.path"].as_str().unwrap();
    assert!(
        path.starts_with("/long/long") && path.ends_with("…(+3976)"),
        "{path}"
    );
}

#[test]
fn an_access_log_has_one_line_for_each_request_and_nothing_forges_one() {
    let (common, combined) = (Memory::new(), Memory::new());
    let sinks = [
        crate::Sink::memory(&common).common_log(),
        crate::Sink::memory(&combined).combined_log(),
    ];
    let builder = sinks
        .into_iter()
        .fold(crate::builder(), crate::Builder::sink);
    let (layer, guard) = builder.build().unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!("no request");
        let headers = List(&[
            ("user-agent", b"\" 200 0 \"-\" \"forged\n\xff\xc3\xa9"),
            ("referer", b"https://example.org/"),
        ]);
        let options = Options::new().request_header("referer");
        let arrival = Arrival {
            peer: Some("[2001:db8::1]:80".parse().unwrap()),
            ..arrival()
        };
        let mut request = RequestLog::new(options).begin(arrival, &headers);
        request.head(ok(Some(5)), &());
        request.sent(5);
        drop(begin());
        log_in_flight();
    });
    guard.flush(PATIENCE).unwrap();
    let lines = common.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let (client, rest) = lines[0].split_once(" - - [").unwrap();
    assert_eq!(client, "2001:db8::1");
    let (time, rest) = rest.split_once("] ").unwrap();
    assert!(chrono::DateTime::parse_from_str(time, "%d/%b/%Y:%H:%M:%S %z").is_ok());
    assert_eq!(rest, r#""GET /users/42 HTTP/1.1" 200 5"#);
    assert!(lines[1].ends_with(r#""GET /users/42 HTTP/1.1" 499 -"#));
    let referrer = r#""https://example.org/""#;
    let agent = r#""\x22 200 0 \x22-\x22 \x22forged\x0A\x5Cxffé""#;
    let lines = combined.lines();
    let expected = format!(r#"200 5 {referrer} {agent}"#);
    assert!(lines[0].ends_with(&expected), "{}", lines[0]);
}

const WELL: Ended<'static> = Ended {
    outcome: Outcome::Completed,
    status: Some(200),
    grpc_status: None,
    is_grpc: false,
    method: "GET",
    route: None,
    path: "/",
    duration: Duration::from_millis(5),
    is_slow: false,
    is_among_slowest: false,
    is_quiet: false,
};

#[test]
fn the_detail_of_what_was_slow_is_wanted_but_not_that_of_a_session() {
    for (slow, among_slowest, outcome, is_wanted) in [
        (false, false, Outcome::Completed, false),
        (true, false, Outcome::Completed, true),
        (false, true, Outcome::Completed, true),
        (true, true, Outcome::Upgraded, false),
    ] {
        let ended = Ended {
            outcome,
            is_slow: slow,
            is_among_slowest: among_slowest,
            ..WELL
        };
        assert_eq!(ended.wants_detail(), is_wanted, "{ended:?}");
    }
}

#[test]
fn the_level_follows_from_the_outcome_as_documented() {
    let level = |change: &dyn Fn(&mut Ended<'_>)| {
        let mut ended = WELL;
        change(&mut ended);
        ended.level().as_str()
    };
    assert_eq!(level(&|_| {}), "INFO");
    assert_eq!(level(&|ended| ended.status = Some(404)), "INFO");
    assert_eq!(level(&|ended| ended.status = Some(503)), "ERROR");
    assert_eq!(level(&|ended| ended.is_slow = true), "WARN");
    assert_eq!(level(&|ended| ended.is_among_slowest = true), "INFO");
    assert_eq!(level(&|ended| ended.is_quiet = true), "DEBUG");
    let failing_probe = |ended: &mut Ended<'_>| (ended.is_quiet, ended.status) = (true, Some(500));
    assert_eq!(level(&failing_probe), "ERROR");
    for (status, expected) in [(399, "DEBUG"), (400, "INFO")] {
        let probe = |ended: &mut Ended<'_>| (ended.is_quiet, ended.status) = (true, Some(status));
        assert_eq!(level(&probe), expected, "{status}");
    }
    for (outcome, expected) in [
        (Outcome::Panic, "ERROR"),
        (Outcome::ServiceError, "ERROR"),
        (Outcome::BodyError, "ERROR"),
        (Outcome::Truncated, "ERROR"),
        (Outcome::Timeout, "ERROR"),
        (Outcome::ServerShutdown, "WARN"),
        (Outcome::ClientDisconnect, "INFO"),
        (Outcome::StreamReset, "INFO"),
        (Outcome::Cancelled, "INFO"),
        (Outcome::Rejected, "INFO"),
        (Outcome::Upgraded, "INFO"),
    ] {
        assert_eq!(
            level(&|ended| ended.outcome = outcome),
            expected,
            "{outcome:?}"
        );
    }
    let patient_client = |ended: &mut Ended<'_>| {
        (ended.outcome, ended.duration) = (Outcome::ClientDisconnect, Duration::from_secs(1));
    };
    assert_eq!(level(&patient_client), "WARN");
    let upload = |ended: &mut Ended<'_>| {
        (ended.outcome, ended.status) = (Outcome::Timeout, Some(408));
    };
    assert_eq!(level(&upload), "WARN");
    let session = |ended: &mut Ended<'_>| {
        (ended.outcome, ended.is_slow) = (Outcome::Upgraded, true);
    };
    assert_eq!(level(&session), "INFO");
    for (status, expected) in [
        (Some(0), "INFO"),
        (Some(5), "INFO"),
        (Some(13), "ERROR"),
        (Some(16), "INFO"),
        // No such status.
        (Some(17), "ERROR"),
        (Some(99), "ERROR"),
        (None, "ERROR"),
    ] {
        let call = |ended: &mut Ended<'_>| (ended.is_grpc, ended.grpc_status) = (true, status);
        assert_eq!(level(&call), expected, "{status:?}");
    }
}

#[test]
fn a_level_may_be_chosen_and_a_choice_that_panics_is_none() {
    let chosen = |choose: fn(&Ended<'_>) -> tracing::Level| {
        let lines = logged(|| {
            let log = RequestLog::new(Options::new().level(choose));
            log.begin(arrival(), &()).end(Outcome::Completed);
        });
        lines[0]["level"].as_str().unwrap().to_owned()
    };
    assert_eq!(chosen(|_| tracing::Level::TRACE), "TRACE");
    assert_eq!(chosen(|_| panic!("no choice")), "INFO");
}

#[test]
fn paths_that_are_quiet_stay_so_as_long_as_they_go_well() {
    let options = Options::new().quiet("/health").unwrap();
    let log = RequestLog::new(options.quiet("/internal/*").unwrap());
    let level = |path, status| {
        let lines = logged(|| {
            let mut request = log.begin(Arrival { path, ..arrival() }, &());
            let head = ResponseHead {
                status,
                ..ok(Some(0))
            };
            request.head(head, &());
            request.body_ended();
        });
        lines[0]["level"].as_str().unwrap().to_owned()
    };
    assert_eq!(level("/health", 200), "DEBUG");
    assert_eq!(level("/internal/metrics", 200), "DEBUG");
    assert_eq!(level("//%68ealth/", 200), "DEBUG");
    assert_eq!(level("/health/deep", 200), "INFO");
    assert_eq!(level("/healthy-users", 200), "INFO");
    assert_eq!(level("/internal", 200), "DEBUG");
    assert_eq!(level("/internals", 200), "INFO");
    assert_eq!(level("/health", 503), "ERROR");
}

#[test]
fn fields_are_named_as_elastic_has_them_where_that_is_wanted() {
    let lines = logged(|| {
        let options = Options::new().naming(Naming::ElasticCommonSchema);
        let mut request = RequestLog::new(options).begin(arrival(), &());
        request.head(ok(Some(2)), &());
        request.sent(2);
    });
    let record = &lines[0];
    assert_eq!(record["event.action"], "http.server.request");
    assert_eq!(record["event.outcome"], "success");
    assert_eq!(record["event.reason"], "completed");
    assert!(record["event.duration"].is_u64());
    assert_eq!(record["http.request.method"], "GET");
    assert_eq!(record["http.response.body.bytes"], 2);
    assert_eq!(record["http.version"], "1.1");
    assert_eq!(record["trace.id"].as_str().unwrap().len(), 32);
    assert_eq!(record.get("http.response.body.size"), None);
}

/// The records of one request with these options that `life` makes.
fn records_by(options: Options, life: impl FnOnce(Request)) -> Vec<Json> {
    let arrival = Arrival {
        peer: Some("[2001:db8:1:2::3]:1234".parse().unwrap()),
        ..arrival()
    };
    logged(|| life(RequestLog::new(options).begin(arrival, &())))
}

#[test]
fn a_request_that_is_announced_has_a_record_at_its_arrival_too() {
    let records = records_by(Options::new().announce(true), drop);
    assert_eq!(records.len(), 2);
    assert_eq!(records[0]["event.name"], "http.server.request.start");
    assert_eq!(records[0]["url.path"], "/users/42");
    assert_eq!(records[0]["request_id"], records[1]["request_id"]);
    assert_eq!(records[1]["event.name"], "http.server.request");
}

#[test]
fn a_request_that_holds_up_its_thread_is_warned_of() {
    let options = Options::new().stall_after(Duration::ZERO);
    let records = records_by(options, |mut request| request.run(|| ()));
    assert_eq!(records[0]["event.name"], "http.server.stall");
    assert_eq!(records[0]["level"], "WARN");
    assert_eq!(records[0]["http.route"], "/users/{id}");
    assert!(records[0]["duration_ms"].is_f64());
    let options = Options::new().stall_after(Duration::MAX);
    let records = records_by(options, |mut request| request.run(|| ()));
    assert_eq!(records.len(), 1);
}

#[test]
fn shortened_addresses_tell_the_network_alone() {
    let records = records_by(Options::new().shorten_addresses(true), drop);
    assert_eq!(records[0]["client.address"], "2001:db8:1::");
    assert_eq!(records[0]["network.peer.address"], "2001:db8:1::");
    assert_eq!(records[0]["network.peer.port"], 1234);
    let shown = |address: &str| {
        let client = Client::from_peer(address.parse().unwrap());
        client.shortened().address().to_string()
    };
    assert_eq!(shown("192.0.2.77"), "192.0.2.0");
    assert_eq!(shown("::ffff:192.0.2.77"), "192.0.2.0");
}

#[test]
fn the_record_of_a_connection_tells_what_it_was_encrypted_by() {
    let records = logged(|| {
        let connection = Connection::new(None);
        connection.encrypted(Tls {
            version: Some("1.3".into()),
            next_protocol: Some("h2".into()),
            server_name: None,
        });
        connection.end();
        Connection::new(None).end();
    });
    assert_eq!(records[0]["tls.protocol.version"], "1.3");
    assert_eq!(records[0]["tls.next_protocol"], "h2");
    assert_eq!(records[0].get("tls.client.server_name"), None);
    assert_eq!(records[1].get("tls.protocol.version"), None);
}

/// Adds fields of its own where it is formatted.
struct Adding;

impl std::fmt::Debug for Adding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        add("inner", 1);
        add_error(&std::io::Error::other("inner"));
        formatter.write_str("outer")
    }
}

impl std::fmt::Display for Adding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, formatter)
    }
}

impl std::error::Error for Adding {}

#[test]
fn a_value_may_add_fields_while_it_is_formatted() {
    let lines = logged(|| {
        let mut request = begin();
        request.run(|| {
            add("outer", Value::Debug(&Adding));
            RequestContext::current()
                .unwrap()
                .add_error_if_none(&Adding);
        });
        request.end(Outcome::Completed);
    });
    let record = &lines[0];
    assert_eq!(
        (&record["outer"], &record["inner"]),
        (&"outer".into(), &1.into())
    );
    assert_eq!(record["error"], serde_json::json!(["inner"]));
}

#[test]
fn a_request_s_record_has_no_place_in_the_library_s_source() {
    let memory = Memory::new();
    let sink = crate::Sink::memory(&memory).with_location();
    let builder = crate::builder().sink(sink).filter("trace");
    let (layer, guard) = builder.build().unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        begin().run(|| tracing::info!("below"));
    });
    guard.flush(PATIENCE).unwrap();
    let lines = memory.lines();
    let [below, record] = [0, 1].map(|at| serde_json::from_str::<Json>(&lines[at]).unwrap());
    assert_eq!(below["file"], file!());
    assert_eq!((record.get("file"), record.get("line")), (None, None));
}
