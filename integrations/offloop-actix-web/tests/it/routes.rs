//! Options that hold for some paths alone, and what records show of paths.

use std::time::Duration;

use offloop::request::{Options, PathPolicy, RouteOptions};
use offloop_actix_web::RequestLog;
use serde_json::Value;

use crate::client::Client;
use crate::log;
use crate::server::{Server, Setup, usual};

fn start(options: Options) -> Server {
    Server::start(Setup {
        log: RequestLog::with_options(options),
        ..Setup::default()
    })
}

/// The record of a request for `path`, found by the id that it was answered with.
fn get(client: &mut Client, path: &str) -> Value {
    client.ask("GET", path, "");
    let answer = client.answer();
    let id = answer.header("x-request-id").unwrap();
    log::wait_for(path, || {
        let mut records = log::records().into_iter();
        records.find(|record| {
            record["event.name"] == "http.server.request" && record["request_id"] == id
        })
    })
}

#[test]
fn what_a_path_hides_is_in_no_line_however_the_client_spells_it() {
    let fixed = RouteOptions::at("/fixed/{token}").unwrap().hide_path(true);
    let server = start(Options::new().route(fixed).announce(true));
    let mut client = Client::connect(server.address);
    for path in ["/fixed/s3cret", "/%66ixed/s3cret", "//fixed/s3cret/"] {
        let record = get(&mut client, path);
        assert_eq!(record["url.path"], "/fixed/{token}", "{path}");
    }
    let is_told = |line: &&String| line.contains("s3cret");
    assert_eq!(log::lines().iter().find(is_told), None);
    server.stop();
}

#[test]
fn by_choice_the_matched_route_stands_for_the_path() {
    let server = start(Options::new().path(PathPolicy::RouteOnly));
    let record = get(&mut Client::connect(server.address), "/fixed/route-only");
    assert_eq!(record["http.route"], "/fixed/{test}");
    assert_eq!(record.get("url.path"), None);
    server.stop();
}

#[test]
fn a_route_has_its_own_idea_of_slow_and_its_own_share() {
    let slow = RouteOptions::at("/fixed/own-slow").unwrap();
    let rare = RouteOptions::at("/fixed/own-rare").unwrap();
    let options = Options::new().slow_after(Duration::from_secs(60));
    let options = options.route(slow.slow_after(Duration::ZERO));
    let server = start(options.route(rare.sample(0.0)));
    let mut client = Client::connect(server.address);
    for path in ["/fixed/own-rare", "/fixed/own-slow", "/fixed/own-usual"] {
        client.ask("GET", path, "");
        client.answer();
    }
    assert_eq!(log::record_of("/fixed/own-slow")["level"], "WARN");
    assert_eq!(log::record_of("/fixed/own-usual")["level"], "INFO");
    // It came first, on the same connection.
    assert!(log::requests("/fixed/own-rare").is_empty());
    server.stop();
}

#[test]
fn an_id_that_is_not_taken_over_is_told_as_the_clients() {
    let mut client = Client::connect(usual());
    client.ask("GET", "/fixed/refused-id", "x-request-id: not an id\r\n");
    let answer = client.answer();
    let record = log::record_of("/fixed/refused-id");
    assert_eq!(record["request_id"], answer.header("x-request-id").unwrap());
    assert_eq!(record["request_id.client"], "not an id");
}
