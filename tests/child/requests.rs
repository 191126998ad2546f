//! Requests that hang, fail, are forked in, and are still running at the end.

use std::path::Path;
use std::time::Duration;

use offloop::request::{self, Arrival, Options, Outcome, RequestLog};
use serde_json::json;

use crate::system::{self, Side};
use crate::{PATIENCE, builder, log};

fn begin(path: &str) -> request::Request {
    let arrival = Arrival {
        method: "GET",
        path,
        protocol: "1.1",
        ..Arrival::default()
    };
    RequestLog::new(Options::new()).begin(arrival, &())
}

/// One request hangs; the test asks by a signal what is in flight, and another ends meanwhile.
pub(crate) fn hanging(directory: &Path) {
    let guard = builder(directory).init().unwrap();
    request::watch(Duration::from_millis(50)).unwrap();
    let hanging = begin("/hangs");
    begin("/ends").end(Outcome::Completed);
    println!("{}", json!({ "process": std::process::id() }));
    // The test closes stdin once it has seen what it wants.
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let report = guard.shutdown(PATIENCE);
    println!("{}", json!({ "complete": report.is_complete() }));
    drop(hanging);
}

/// What comes through the `log` crate is detail of a request, too.
pub(crate) fn detail_by_log(directory: &Path) {
    let builder = builder(directory)
        .filter("info,quiet=warn")
        .request_detail("debug");
    let guard = builder.init().unwrap();
    let log_all = |number| {
        log::debug!("detail {number}");
        log::info!(target: "quiet", "quiet detail {number}");
        log::info!("wanted {number}");
    };
    log_all(0);
    let mut good = begin("/good");
    good.run(|| log_all(1));
    good.end(Outcome::Completed);
    let mut bad = begin("/bad");
    bad.run(|| log_all(2));
    bad.end(Outcome::BodyError);
    drop(guard);
}

/// A child forked within a request has it no more in flight than its parent's other requests.
pub(crate) fn forked(directory: &Path) {
    let guard = builder(directory).init().unwrap();
    let mut parents = begin("/parent");
    let side = parents.run(system::fork);
    if let Side::Parent(child) = side {
        system::wait_for(child);
        assert_eq!(request::in_flight().len(), 1);
        parents.end(Outcome::Completed);
        return;
    }
    assert!(request::in_flight().is_empty());
    let mut childs = begin("/child");
    assert_eq!(request::in_flight().len(), 1);
    childs.run(|| log(1));
    childs.end(Outcome::Completed);
    // The child is not the one who answers the parent's request.
    drop(parents);
    guard.flush(PATIENCE).unwrap();
    system::leave(0);
}
