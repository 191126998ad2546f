//! Many requests that end in all kinds of ways at the same time: each has one record, and none stays
//! in flight.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::Method;
use tokio::sync::Semaphore;

use super::client::{self, Goes, RawClient};
use super::log;

const REQUESTS: usize = 400;

/// How many of them are sent at the same time: far fewer than a listening socket lets wait. Beyond
/// that, Linux answers by SYN cookies, and resets some connections that the server never sees.
const AT_ONCE: usize = 32;

/// A way to end a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// HTTP/1.1, and the server closes the connection after its answer, or its panic.
    Ends(&'static str),
    /// HTTP/1.1, and the client resets the connection at once, while the server is at any point.
    Resets(&'static str),
    /// HTTP/2, and the client takes the answer's head, and not its body.
    TakesHead(&'static str),
    /// HTTP/2, and the client gives up after the request was sent.
    GivesUp(&'static str),
}

/// Sends them, each by the next of these ways, and counts the records.
pub(crate) async fn check(server: SocketAddr, ways: &[Way]) {
    let requests = (0..REQUESTS).zip(ways.iter().cycle());
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let in_turn = |(number, way): (usize, &Way)| {
        let (turns, way) = (turns.clone(), *way);
        tokio::spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            send(server, way, id(number)).await
        })
    };
    let requests: Vec<_> = requests.map(in_turn).collect();
    let mut sent = Vec::new();
    for request in requests {
        sent.extend(request.await.unwrap());
    }
    // Two of three are sure to be read, in any mixture.
    assert!(REQUESTS / 2 < sent.len(), "{} of {REQUESTS}", sent.len());
    let are_all_there = || {
        let records = records();
        sent.iter().all(|id| records.contains_key(id))
    };
    log::until(are_all_there).await;
    log::until_ended("mixture-").await;
    let seen = records();
    // Some were reset before the server had read them.
    assert!(seen.len() <= REQUESTS, "{}", seen.len());
    let twice: Vec<_> = seen.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

fn id(number: usize) -> String {
    format!("mixture-{number}")
}

/// How many records each id has.
fn records() -> BTreeMap<String, usize> {
    let mut records = BTreeMap::new();
    for line in log::lines() {
        let record: serde_json::Value = serde_json::from_str(&line).unwrap();
        let id = record["request_id"].as_str().unwrap_or_default();
        if record["event.name"] == "http.server.request" && id.starts_with("mixture-") {
            *records.entry(id.to_owned()).or_default() += 1;
        }
    }
    records
}

/// Gives the id, if the server is sure to have read the request.
async fn send(server: SocketAddr, way: Way, id: String) -> Option<String> {
    match way {
        Way::Ends(request) => {
            let mut client = RawClient::connect(server).await;
            client
                .send_head(request, &id, "connection: close\r\n")
                .await;
            client.read_all().await;
        }
        Way::Resets(request) => {
            let mut client = RawClient::connect(server).await;
            client.send_head(request, &id, "").await;
            client.go(Goes::ByReset);
            return None;
        }
        Way::TakesHead(path) => {
            let mut client = client::http2(server).await;
            let request = client::request(Method::GET, server, path, &id);
            client.send_request(request).await.unwrap();
        }
        Way::GivesUp(path) => {
            let mut client = client::http2(server).await;
            let request = client::request(Method::GET, server, path, &id);
            let answer = client.send_request(request);
            tokio::select! {
                answer = answer => drop(answer.unwrap()),
                () = log::until_in_flight(&id) => {}
            }
        }
    }
    Some(id)
}
