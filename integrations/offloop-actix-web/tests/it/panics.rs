//! Handlers and bodies that panic.

use offloop_actix_web::RequestLog;

use crate::client::Client;
use crate::log;
use crate::server::{Server, Setup, usual};
use crate::table::Row;

#[test]
fn a_panic_goes_on_as_without_the_middleware_and_is_in_the_record() {
    let mut client = Client::connect(usual());
    client.ask("GET", "/panic/uncaught", "");
    assert!(client.head().is_err(), "actix-web hangs up");
    let record = log::record_of("/panic/uncaught");
    assert_eq!(record["outcome"], "panic");
    assert_eq!(record["outcome.phase"], "handler");
    assert_eq!(record["level"], "ERROR");
    assert_eq!(record["http.route"], "/panic/{test}");
    assert_eq!(
        record["error"],
        serde_json::json!(["panicked: struck in the handler"])
    );
    assert!(record.get("http.response.status_code").is_none());
    assert_eq!(
        Client::connect(usual()).get("/fixed/after-panic").status,
        200
    );
    Row::PanicUncaught.seen();
}

#[test]
fn a_panic_that_is_caught_is_answered_and_keeps_the_connection() {
    let server = Server::start(Setup {
        log: RequestLog::new().catch_panics(),
        ..Setup::default()
    });
    let mut client = Client::connect(server.address);
    let answer = client.get("/panic/caught");
    assert_eq!((answer.status, answer.text()), (500, ""));
    assert_eq!(client.get("/fixed/after-caught").status, 200);
    let record = log::record_of("/panic/caught");
    assert_eq!(record["outcome"], "panic");
    assert_eq!(record["outcome.phase"], "handler");
    assert_eq!(record["level"], "ERROR");
    assert_eq!(record["http.response.status_code"], 500);
    assert_eq!(record["request_id"], answer.header("x-request-id").unwrap());
    assert_eq!(
        record["error"],
        serde_json::json!(["panicked: struck in the handler"])
    );
    server.stop();
    Row::PanicCaught.seen();
}

#[test]
fn a_panic_in_the_body_is_in_the_record() {
    let mut client = Client::connect(usual());
    client.ask("GET", "/body-panic/uncaught", "");
    client.read_to_end();
    let record = log::record_of("/body-panic/uncaught");
    assert_eq!(record["outcome"], "panic");
    assert_eq!(record["outcome.phase"], "body");
    assert_eq!(record["http.response.status_code"], 200);
    assert_eq!(
        record["error"],
        serde_json::json!(["panicked: struck in the body"])
    );
    Row::PanicInBody.seen();
}
