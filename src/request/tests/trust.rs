//! Who is believed, and what a program sees for itself.

use std::sync::{Arc, Mutex};

use super::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The ids of a request that comes from this address, with an id and a trace.
fn ids_from(peer: Option<&str>, options: Options) -> (bool, bool) {
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let sent: [(&str, &[u8]); 2] = [
        ("x-request-id", b"r-1"),
        ("traceparent", traceparent.as_bytes()),
    ];
    let arrival = Arrival {
        peer: peer.map(|peer| format!("{peer}:1234").parse().unwrap()),
        ..arrival()
    };
    let request = RequestLog::new(options).begin(arrival, &List(&sent));
    let context = request.context();
    let trace = context.trace().trace_id().to_string();
    (context.id().as_str() == "r-1", trace == TRACE)
}

#[test]
fn by_choice_ids_and_traces_of_trusted_proxies_alone_are_taken_over() {
    let proxies = TrustedProxies::new(ForwardingHeader::XForwardedFor, ["10.0.0.0/8"]).unwrap();
    let ids = || Options::new().incoming_ids(Incoming::Trusted);
    let both = || ids().incoming_traces(Incoming::Trusted);
    let trusting = || both().trusted_proxies(proxies.clone());
    assert_eq!(ids_from(Some("10.1.2.3"), trusting()), (true, true));
    assert_eq!(ids_from(Some("192.0.2.1"), trusting()), (false, false));
    assert_eq!(ids_from(None, trusting()), (false, false));
    assert_eq!(ids_from(Some("10.1.2.3"), both()), (false, false));
    assert_eq!(ids_from(Some("10.1.2.3"), ids()), (false, true));
    let ignoring = Options::new().incoming_traces(Incoming::Ignore);
    assert_eq!(ids_from(None, ignoring), (true, false));
}

#[test]
fn a_program_sees_each_end_whether_it_is_logged_or_not() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let look = {
        let seen = Arc::clone(&seen);
        move |ended: &Ended<'_>| {
            seen.lock().unwrap().push(ended.outcome);
            assert_ne!(ended.outcome, Outcome::Rejected, "a part of this test");
        }
    };
    let log = RequestLog::new(Options::new().sample(0.0).at_end(look));
    let lines = logged(|| {
        for outcome in [Outcome::Completed, Outcome::Rejected] {
            log.begin(arrival(), &()).end(outcome);
        }
    });
    assert_eq!(lines, [] as [Json; 0]);
    let seen = seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    assert_eq!(*seen, [Outcome::Completed, Outcome::Rejected]);
}
