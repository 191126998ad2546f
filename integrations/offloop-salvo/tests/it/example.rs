//! The example, run as its user would run it.

use serde_json::json;

use crate::server::client::RawClient;
use crate::server::program::Program;
use crate::server::{log, table};

#[tokio::test]
async fn the_example_writes_every_record_even_of_a_request_that_outlives_its_shutdown() {
    let program = Program::start("salvo-server");
    let mut client = RawClient::connect(program.address).await;
    for number in 0..100 {
        let id = format!("request-{number}");
        client.send_head("GET /hello/ada", &id, "").await;
        client.read_until("Hello, ada!\n").await;
    }
    let mut waiting = RawClient::connect(program.address).await;
    waiting.send_head("GET /wait", "waiting", "").await;
    waiting.read_until("waiting").await;
    let records = program.end();
    assert_eq!(records.len(), 101);
    for (number, record) in records[..100].iter().enumerate() {
        let expected = json!({"request_id": format!("request-{number}"), "outcome": "completed",
            "http.route": "/hello/{name}", "visitor": "ada"});
        log::assert_contains(record, &expected);
    }
    let expected = json!({"request_id": "waiting", "outcome": "server_shutdown", "level": "WARN"});
    table::check(
        "still running at shutdown's deadline",
        &records[100],
        &expected,
    );
}
