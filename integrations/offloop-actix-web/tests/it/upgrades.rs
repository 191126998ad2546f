//! WebSocket: the request is the session, and ends with it.

use serde_json::json;

use crate::client::Client;
use crate::server::usual;
use crate::{log, table};

const HANDSHAKE: &str = "connection: upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A frame of text, masked with zeros.
const HELLO: &[u8] = b"\x81\x85\0\0\0\0hello";
const CLOSE: &[u8] = b"\x88\x80\0\0\0\0";

fn open(path: &str) -> Client {
    let mut client = Client::connect(usual());
    client.ask("GET", path, HANDSHAKE);
    assert_eq!(client.head().unwrap().status, 101);
    client.send(HELLO);
    assert_eq!(client.read(7), b"\x81\x05hello");
    assert!(log::requests(path).is_empty(), "the session goes on");
    client
}

#[test]
fn a_session_over_websocket_is_one_request_that_lasts_until_it_is_closed() {
    let mut client = open("/ws/closed");
    client.send(CLOSE);
    client.read_to_end();
    let record = log::record_of("/ws/closed");
    let expected = json!({
        "outcome": "upgraded",
        "level": "INFO",
        "http.response.status_code": 101,
        "http.request.body.size": HELLO.len() + CLOSE.len(),
    });
    table::check("upgrade (WebSocket)", &record, &expected);
    assert!(9 <= record["http.response.body.size"].as_u64().unwrap());
    let all = log::records();
    let echoes = all.iter().filter(|other| {
        other["message"] == "echoing" && other["request_id"] == record["request_id"]
    });
    assert_eq!(echoes.count(), 1);
}

#[test]
fn a_session_whose_client_disappears_ends_with_its_connection() {
    open("/ws/reset").reset();
    let record = log::record_of("/ws/reset");
    assert_eq!(record["outcome"], "upgraded");
    assert_eq!(record["http.response.status_code"], 101);
}
