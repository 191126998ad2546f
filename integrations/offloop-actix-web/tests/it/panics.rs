//! Handlers and bodies that panic.

use offloop_actix_web::RequestLog;
use serde_json::json;

use crate::client::Client;
use crate::server::{Server, Setup, usual};
use crate::{log, table};

#[test]
fn a_panic_goes_on_as_without_the_middleware_and_is_in_the_record() {
    let mut client = Client::connect(usual());
    client.ask("GET", "/panic/uncaught", "");
    assert!(client.head().is_err(), "actix-web hangs up");
    let expected = json!({
        "outcome": "panic",
        "outcome.phase": "handler",
        "level": "ERROR",
        "http.route": "/panic/{test}",
        "http.response.status_code": null,
        "error": ["struck in the handler"],
    });
    table::check(
        "panic uncaught",
        &log::record_of("/panic/uncaught"),
        &expected,
    );
    assert_eq!(
        Client::connect(usual()).get("/fixed/after-panic").status,
        200
    );
}

#[test]
fn a_panic_that_is_caught_is_answered_and_keeps_the_connection() {
    let server = Server::start(Setup {
        log: RequestLog::new().catch_panics(),
        ..Setup::default()
    });
    let mut client = Client::connect(server.address);
    for path in ["/panic/caught", "/panic-in-call/caught"] {
        let answer = client.get(path);
        assert_eq!((answer.status, answer.text()), (500, ""));
        let expected = json!({
            "outcome": "panic",
            "outcome.phase": "handler",
            "level": "ERROR",
            "http.response.status_code": 500,
            "error": ["struck in the handler"],
            "request_id": answer.header("x-request-id"),
        });
        table::check(
            "panic caught (answered 500)",
            &log::record_of(path),
            &expected,
        );
    }
    assert_eq!(client.get("/fixed/after-caught").status, 200);
    drop(client);
    server.stop();
}

#[test]
fn a_panic_in_the_body_is_in_the_record() {
    let mut client = Client::connect(usual());
    client.ask("GET", "/body-panic/uncaught", "");
    assert_eq!(client.head().unwrap().status, 200);
    client.read_to_end();
    let expected = json!({
        "outcome": "panic",
        "outcome.phase": "body",
        "http.response.status_code": 200,
        "error": ["struck in the body"],
    });
    table::check(
        "panic in the body",
        &log::record_of("/body-panic/uncaught"),
        &expected,
    );
}
