//! What a request's record says, whatever becomes of the request.

mod configured;
mod connection;
mod detail;
mod life;
mod record;
mod routes;
mod spans;
mod trust;

use std::time::Duration;

use serde_json::Value as Json;
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::Memory;

/// Longer than anything here takes on a busy machine. Only a hang gets there.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is logged by `program`, as JSON.
fn logged(program: impl FnOnce()) -> Vec<Json> {
    let memory = Memory::new();
    let builder = crate::builder().memory(&memory).filter("trace");
    let (layer, guard) = builder.build().unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, program);
    guard.flush(PATIENCE).unwrap();
    let lines = memory.lines();
    lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn arrival() -> Arrival<'static> {
    Arrival {
        method: "GET",
        path: "/users/42",
        protocol: "1.1",
        route: Some("/users/{id}"),
        ..Arrival::default()
    }
}

/// A request that is never slow, however busy the machine.
fn begin() -> Request {
    let options = Options::new().slow_after(Duration::MAX);
    RequestLog::new(options).begin(arrival(), &())
}

fn ok(length: Option<u64>) -> ResponseHead {
    ResponseHead {
        status: 200,
        length,
        ..ResponseHead::default()
    }
}

/// The record of one request that `life` makes.
fn record(life: impl FnOnce(Request)) -> Json {
    let mut lines = logged(|| life(begin()));
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}

struct List<'a>(&'a [(&'a str, &'a [u8])]);

impl Headers for List<'_> {
    fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        let named = self.0.iter().filter(move |(other, _)| *other == name);
        named.map(|(_, value)| *value)
    }
}
