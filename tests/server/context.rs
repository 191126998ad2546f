//! The 41 cases of the conformance harness of W3C Trace Context, over HTTP.
//!
//! The service has the route `/calls/{number}`: it answers with the headers that so many calls to
//! other services would carry, as [`told`] writes them.

use std::net::SocketAddr;

use offloop::request::TraceContext;

use super::client::RawClient;
use cases::Headers;

#[path = "../trace_context/mod.rs"]
mod cases;

/// What the handler of `/calls/{number}` answers.
pub(crate) fn told(trace: &TraceContext, calls: usize) -> String {
    let mut told = String::new();
    for _ in 0..calls {
        let outgoing = trace.outgoing();
        told += &format!("traceparent: {}\n", outgoing.traceparent());
        if let Some(tracestate) = outgoing.tracestate() {
            told += &format!("tracestate: {tracestate}\n");
        }
        told += ".\n";
    }
    told
}

/// Runs all cases against the server.
pub(crate) fn check_all(runtime: &tokio::runtime::Runtime, server: SocketAddr) {
    cases::check_all(|headers, calls| runtime.block_on(serve(server, headers, calls)));
}

async fn serve(server: SocketAddr, headers: &Headers, calls: usize) -> Vec<Headers> {
    let lines = headers.iter();
    let lines = lines.map(|(name, value)| format!("{name}: {value}\r\n"));
    let headers: String = lines.collect();
    let mut client = RawClient::connect(server).await;
    let head =
        format!("GET /calls/{calls} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}\r\n");
    client.send(head.as_bytes()).await;
    let answer = client.read_all().await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let calls = body.split_terminator(".\n");
    calls
        .map(|call| call.lines().map(header).collect())
        .collect()
}

fn header(line: &str) -> (String, String) {
    let (name, value) = line.split_once(": ").unwrap();
    (name.to_owned(), value.to_owned())
}
