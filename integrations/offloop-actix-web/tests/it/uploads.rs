//! Bodies that clients send, as a whole or in part.

use serde_json::json;

use crate::client::Client;
use crate::server::usual;
use crate::{log, table};

fn begin(path: &str, headers: &str, body: &str) -> Client {
    let mut client = Client::connect(usual());
    client.ask("POST", path, headers);
    client.send(body);
    client
}

#[test]
fn the_bytes_of_an_upload_are_counted() {
    let declared = begin("/upload/declared", "content-length: 5\r\n", "12345").answer();
    assert_eq!(declared.text(), "5 bytes");
    assert_eq!(
        log::record_of("/upload/declared")["http.request.body.size"],
        5
    );
    let chunked = "transfer-encoding: chunked\r\n";
    let chunked = begin(
        "/upload/chunked",
        chunked,
        "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
    )
    .answer();
    assert_eq!(chunked.text(), "4 bytes");
    assert_eq!(
        log::record_of("/upload/chunked")["http.request.body.size"],
        4
    );
}

#[test]
fn an_upload_that_the_client_breaks_off_is_no_bad_request() {
    for (path, does_reset) in [("/upload/fin", false), ("/upload/rst", true)] {
        let mut client = begin(path, "content-length: 100\r\n", "12345");
        log::wait_for_arrival(path);
        if does_reset {
            client.reset();
        } else {
            client.finish();
            // Whatever is answered: by now nobody reads it.
            client.read_to_end();
        }
        let expected = json!({
            "outcome": "client_disconnect",
            "outcome.phase": "upload",
            "level": "INFO",
            "http.request.body.size": 5,
        });
        table::check(
            "client gone in the upload",
            &log::record_of(path),
            &expected,
        );
    }
}

#[test]
fn an_upload_that_is_no_http_is_no_fault_of_the_server() {
    let chunked = "transfer-encoding: chunked\r\n";
    let mut client = begin("/upload/garbage", chunked, "3\r\nabc\r\nno number\r\n");
    client.read_to_end();
    let record = log::record_of("/upload/garbage");
    assert_eq!(record["outcome"], "client_disconnect");
    assert_eq!(record["outcome.phase"], "upload");
}

#[test]
fn an_upload_that_no_handler_reads_does_not_hold_up_the_record() {
    let answer = begin("/unread/upload", "content-length: 5\r\n", "12345").answer();
    assert_eq!(answer.status, 200);
    let record = log::record_of("/unread/upload");
    assert_eq!(record["outcome"], "completed");
    assert_eq!(record["http.request.body.size"], 0);
}
