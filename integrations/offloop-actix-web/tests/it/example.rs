//! The example, run as its user would run it.

use serde_json::json;

use crate::client::Client;
use crate::program::Program;
use crate::{log, table};

#[test]
fn the_example_writes_every_record_even_of_a_request_that_outlives_its_shutdown() {
    let program = Program::start("actix-web-server");
    let mut client = Client::connect(program.address);
    for number in 0..100 {
        let id = format!("x-request-id: request-{number}\r\n");
        client.ask("GET", "/hello/ada", &id);
        assert_eq!(client.answer().text(), "Hello, ada!\n");
    }
    let mut waiting = Client::connect(program.address);
    waiting.ask("GET", "/wait", "x-request-id: waiting\r\n");
    waiting.read_until("waiting\n");
    let records = program.end();
    assert_eq!(records.len(), 101);
    for (number, record) in records[..100].iter().enumerate() {
        let expected = json!({"request_id": format!("request-{number}"), "outcome": "completed",
            "http.route": "/hello/{name}", "visitor": "ada"});
        log::assert_contains(record, &expected);
    }
    table::check(
        "still running at shutdown's deadline",
        &records[100],
        &json!({"request_id": "waiting", "outcome": "server_shutdown", "level": "WARN"}),
    );
}
