//! Requests that end in every way at once: there is exactly one record for each.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;

use actix_web::web::Bytes;
use h2::Reason;
use h2::client::SendRequest;
use tokio::net::TcpStream;

use crate::client::Client;
use crate::log;
use crate::server::{Server, Setup};

/// So many clients at a time, for each of the two protocols.
const CLIENTS: u64 = 4;

const KINDS: [&str; 14] = [
    "fixed",
    "stream",
    "declared",
    "short",
    "broken",
    "endless",
    "stalled",
    "body-panic",
    "panic",
    "fail",
    "overloaded",
    "timeout",
    "upload",
    "held",
];

/// Whether the server must have seen a request, or may have.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Arrival {
    Certain,
    Doubtful,
}

type Sent = HashMap<String, Arrival>;

/// More of them by `OFFLOOP_REQUESTS=40000`. Each HTTP/1.1 request takes a port of the system for a
/// while, and all lines are kept in memory.
fn requests_per_client() -> u64 {
    let wanted = std::env::var("OFFLOOP_REQUESTS").ok();
    let wanted: u64 = wanted.map_or(4_000, |wanted| wanted.parse().unwrap());
    wanted / CLIENTS / 2
}

#[test]
fn each_request_has_exactly_one_record_however_it_ends() {
    let server = Server::start(Setup {
        answers_half_closed: false,
        ..Setup::default()
    });
    let address = server.address;
    let clients = (0..CLIENTS).flat_map(|client| {
        let one = std::thread::spawn(move || send_all(address, client));
        let two = std::thread::spawn(move || send_all_over_http2(address, client));
        [one, two]
    });
    let clients: Vec<_> = clients.collect();
    let mut sent = Sent::new();
    for client in clients {
        sent.extend(client.join().unwrap());
    }
    server.stop();
    check(&sent);
}

fn check(sent: &Sent) {
    // The server's workers may still be dropping what is left when it says that it has stopped.
    let seen = log::wait_for("a record of each request", || {
        let seen = records_of(sent);
        let is_there = |(path, arrival): (&String, &Arrival)| {
            *arrival == Arrival::Doubtful || seen.contains_key(path)
        };
        sent.iter().all(is_there).then_some(seen)
    });
    for (path, outcomes) in &seen {
        assert_eq!(outcomes.len(), 1, "{path}: {outcomes:?}");
    }
    let certain = sent
        .values()
        .filter(|arrival| **arrival == Arrival::Certain);
    assert!(sent.len() / 2 < certain.count());
    // All kinds of ends were among them.
    let kinds: BTreeSet<_> = seen.values().flatten().collect();
    assert!(8 <= kinds.len(), "{kinds:?}");
}

/// The outcomes of the records of each path.
fn records_of(sent: &Sent) -> HashMap<String, Vec<String>> {
    let mut seen = HashMap::<String, Vec<String>>::new();
    for record in log::records() {
        let path = record["url.path"].as_str().unwrap_or_default();
        if log::is_request(&record) && sent.contains_key(path) {
            let outcomes = seen.entry(path.to_owned()).or_default();
            outcomes.push(record["outcome"].to_string());
        }
    }
    seen
}

fn send_all(server: SocketAddr, client: u64) -> Sent {
    let mut random = Random(1 + client);
    let mut sent = Sent::new();
    for number in 0..requests_per_client() {
        let kind = KINDS[random.below(KINDS.len())];
        let path = format!("/{kind}/one-{client}-{number}");
        let arrival = send(server, &path, &mut random);
        sent.insert(path, arrival);
    }
    sent
}

fn send(server: SocketAddr, path: &str, random: &mut Random) -> Arrival {
    let mut client = Client::connect(server);
    let is_upload = path.starts_with("/upload");
    if is_upload {
        client.ask("POST", path, "content-length: 100\r\n");
        client.send("12345");
    } else {
        client.ask("GET", path, "connection: close\r\n");
    }
    match random.below(4) {
        0 => {
            client.reset();
            return Arrival::Doubtful;
        }
        1 => return Arrival::Doubtful,
        _ => {}
    }
    if is_upload || path.starts_with("/held") {
        log::wait_for_arrival(path);
    } else {
        // A part or the whole of the answer, or that there is none: the server has seen it.
        let is_stalled = path.starts_with("/stalled");
        client.read_at_most(1 + if is_stalled { 0 } else { random.below(400) });
    }
    if random.below(2) == 0 {
        client.reset();
    }
    Arrival::Certain
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn send_all_over_http2(server: SocketAddr, client: u64) -> Sent {
    let mut random = Random(100 + client);
    let mut sent = Sent::new();
    let mut number = 0;
    while number < requests_per_client() {
        let stream = TcpStream::connect(server).await.unwrap();
        let (mut requests, connection) = h2::client::handshake(stream).await.unwrap();
        let connection = tokio::spawn(connection);
        for _ in 0..1 + random.below(50) {
            number += 1;
            let kind = KINDS[random.below(KINDS.len())];
            let path = format!("/{kind}/two-{client}-{number}");
            requests = requests.ready().await.unwrap();
            let arrival = send_over_http2(&mut requests, &path, &mut random).await;
            sent.insert(path, arrival);
        }
        connection.abort();
    }
    sent
}

async fn send_over_http2(
    requests: &mut SendRequest<Bytes>,
    path: &str,
    random: &mut Random,
) -> Arrival {
    let method = if path.starts_with("/upload") {
        "POST"
    } else {
        "GET"
    };
    let request = http::Request::builder().method(method);
    let request = request.uri(format!("http://test{path}")).body(()).unwrap();
    let (head, mut stream) = requests.send_request(request, method == "GET").unwrap();
    if random.below(4) == 0 {
        stream.send_reset(Reason::CANCEL);
        return Arrival::Doubtful;
    }
    if method == "POST" || path.starts_with("/held") {
        // actix-web lets handlers run on, so this one must be let go.
        crate::service::gate(path.rsplit('/').next().unwrap()).add_permits(1);
    }
    if method == "POST" {
        stream
            .send_data(Bytes::from_static(b"12345"), true)
            .unwrap();
    }
    if let Ok(head) = head.await {
        let mut body = head.into_body();
        for _ in 0..random.below(3) {
            if path.starts_with("/stalled") || !matches!(body.data().await, Some(Ok(_))) {
                break;
            }
        }
    }
    stream.send_reset(Reason::CANCEL);
    Arrival::Certain
}

/// Marsaglia's xorshift, for runs that differ by their seed alone.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
