//! A request that is still uploading when the time for an orderly end is over.
//!
//! Its end is that of all requests of the process, so it has one of its own: the test program again,
//! which runs the test [`CHILD`] alone.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::client::RawClient;
use super::log;

/// Where the process is to write the record of its request.
const RECORD: &str = "OFFLOOP_TEST_RECORD";

/// An ignored test, which calls [`end_uploading`].
const CHILD: &str = "outcomes::child_that_ends_while_a_client_uploads";

/// What the process says of its request.
pub(crate) fn record_of_child() -> Value {
    let directory = tempfile::tempdir().unwrap();
    let record = directory.path().join("record");
    let child = Command::new(std::env::current_exe().unwrap())
        .args([CHILD, "--exact", "--ignored"])
        .env(RECORD, &record)
        .stdout(Stdio::null())
        .status();
    assert!(child.unwrap().success());
    serde_json::from_slice(&std::fs::read(record).unwrap()).unwrap()
}

/// Whether this is that process, and not somebody who runs all ignored tests.
pub(crate) fn is_child() -> bool {
    std::env::var_os(RECORD).is_some()
}

/// Ends all requests while a client has sent 20 of 100 bytes.
///
/// One thread serves, sends and looks: a request that can be seen in flight has been polled, so its
/// handler has asked for the body.
pub(crate) async fn end_uploading(server: SocketAddr) {
    let mut client = RawClient::connect(server).await;
    // In one piece, so that none of it comes later than its head.
    let upload = "POST /upload HTTP/1.1\r\nhost: test\r\nx-request-id: uploading\r\n\
        content-length: 100\r\n\r\n01234567890123456789";
    client.send(upload.as_bytes()).await;
    log::until_in_flight("uploading").await;
    offloop::request::end_in_flight();
    let record = log::record_of("uploading").await;
    std::fs::write(std::env::var_os(RECORD).unwrap(), record.to_string()).unwrap();
}
