//! Requests that mean harm: each leaves at most one record, on one line, valid and of bounded size.

use std::net::SocketAddr;

use serde_json::Value;

use super::client::RawClient;
use super::log;

/// What may be in a request's path or in one of its headers, and must not leave the line that it is
/// logged on.
const TEXTS: [&[u8]; 14] = [
    b"%0d%0aforged%3a%201",
    b"%00%1b%5b31m",
    b"\",\"level\":\"ERROR",
    b"\\u000a\\",
    b"{{7*7}}${jndi:ldap://x}",
    b"../../../etc/passwd",
    b"<script>alert(1)</script>",
    b"' OR 1=1 --",
    b"\xff\xfe\x80",
    b"\xe2\x80\xae\xe2\x80\xa8\xc2\x85",
    b"\x1b[31mred\x1b[0m",
    b"\x00",
    b"a\tb",
    b"\xf0\x9f\x92\xa9",
];

/// Longer than what a record keeps of any of it.
const BYTES_MAX: usize = 60_000;

/// What a handler adds has at most 16 KiB, the rest of a record far less.
const LINE_BYTES_MAX: usize = 20 * 1024;

/// Sends all of them to the server, in the path and in headers, and looks at what it logged.
pub(crate) async fn check_all(server: SocketAddr) {
    let mut sent = 0;
    for text in TEXTS {
        for place in [path, user_agent, request_id, referer] {
            exchange(server, &place(text)).await;
            sent += 1;
        }
    }
    for long in [long_path(), long_header()] {
        exchange(server, &long).await;
        sent += 1;
    }
    let lines = log::lines();
    let records = lines.iter().map(|line| judge(line));
    let records: Vec<_> = records.filter(is_of_these).collect();
    // The server itself answers what is no HTTP.
    assert!(records.len() <= sent, "{} of {sent}", records.len());
    assert!(sent / 2 < records.len(), "{} of {sent}", records.len());
}

/// One request, on a connection of its own.
async fn exchange(server: SocketAddr, request: &[u8]) {
    let mut client = RawClient::connect(server).await;
    client.send(request).await;
    let answer = client.read_all().await;
    assert!(answer.starts_with("HTTP/1.1 "), "{answer:?}");
}

/// A line that is logged is one object, and holds nothing that a terminal or a reader obeys.
fn judge(line: &str) -> Value {
    let is_harmless = |character: char| {
        !character.is_control() && !matches!(character, '\u{2028}' | '\u{2029}' | '\u{202e}')
    };
    assert!(line.chars().all(is_harmless), "{line:?}");
    let record = serde_json::from_str(line).unwrap();
    // What a handler logs of it is up to the handler.
    assert!(
        !is_of_these(&record) || line.len() < LINE_BYTES_MAX,
        "{line}"
    );
    record
}

/// Other tests log, too.
fn is_of_these(record: &Value) -> bool {
    let path = record["url.path"].as_str().unwrap_or_default();
    record["event.name"] == "http.server.request" && path.starts_with("/users/hostile")
}

fn with(target: &[u8], headers: &[u8]) -> Vec<u8> {
    let head: [&[u8]; 5] = [
        b"GET /users/hostile",
        target,
        b" HTTP/1.1\r\nhost: test\r\nconnection: close\r\n",
        headers,
        b"\r\n",
    ];
    head.concat()
}

fn path(text: &[u8]) -> Vec<u8> {
    with(text, b"")
}

fn user_agent(text: &[u8]) -> Vec<u8> {
    with(b"", &[b"user-agent: ", text, b"\r\n"].concat())
}

fn request_id(text: &[u8]) -> Vec<u8> {
    with(b"", &[b"x-request-id: ", text, b"\r\n"].concat())
}

fn referer(text: &[u8]) -> Vec<u8> {
    with(b"", &[b"referer: ", text, b"\r\n"].concat())
}

fn long_path() -> Vec<u8> {
    with(&vec![b'a'; BYTES_MAX], b"")
}

fn long_header() -> Vec<u8> {
    let value = vec![b'a'; BYTES_MAX];
    with(b"", &[b"user-agent: ", &value[..], b"\r\n"].concat())
}
