//! Bodies that clients send, as a whole or in part.

use std::process::{Command, Stdio};

use serde_json::json;

use crate::client::Client;
use crate::server::usual;
use crate::service::gate;
use crate::{log, table};

const CHUNKED: &str = "transfer-encoding: chunked\r\n";

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
    let chunks = "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
    let chunked = begin("/upload/chunked", CHUNKED, chunks).answer();
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
    let mut client = begin("/upload/garbage", CHUNKED, "3\r\nabc\r\nno number\r\n");
    assert_eq!(client.head().unwrap().status, 400);
    let expected = json!({
        "outcome": "client_disconnect",
        "outcome.phase": "upload",
    });
    let record = log::record_of("/upload/garbage");
    let remark = "actix-web does not tell it from a client that goes away";
    table::check_with(
        "malformed upload (answered 4xx)",
        &record,
        &expected,
        remark,
    );
}

/// Where the child is to write the record of its request.
const RECORD: &str = "OFFLOOP_TEST_RECORD";

/// It ends all requests of its process, so it has one of its own: this same program, which runs the
/// test below.
#[test]
fn a_request_that_is_still_uploading_at_shutdowns_deadline_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let record = directory.path().join("record");
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["uploads::child", "--exact", "--ignored"])
        .env(RECORD, &record)
        .stdout(Stdio::null())
        .status();
    assert!(child.unwrap().success());
    let record = serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap();
    let expected = json!({
        "outcome": "server_shutdown",
        "outcome.phase": "upload",
        "level": "WARN",
        "http.request.body.size": 5,
    });
    table::check("still uploading at shutdown's deadline", &record, &expected);
}

#[test]
#[ignore = "the child of the test above"]
fn child() {
    let Some(place) = std::env::var_os(RECORD) else {
        return;
    };
    let path = "/upload-watched/late";
    let _client = begin(path, "content-length: 100\r\n", "12345");
    let waits = gate("upload waits");
    log::wait_for("a handler that waits", || {
        waits.try_acquire().ok().map(drop)
    });
    offloop::request::end_in_flight();
    std::fs::write(place, log::record_of(path).to_string()).unwrap();
}

#[test]
fn an_upload_that_no_handler_reads_does_not_hold_up_the_record() {
    let answer = begin("/unread/upload", "content-length: 5\r\n", "12345").answer();
    assert_eq!(answer.status, 200);
    let record = log::record_of("/unread/upload");
    assert_eq!(record["outcome"], "completed");
    assert_eq!(record["http.request.body.size"], 0);
}
