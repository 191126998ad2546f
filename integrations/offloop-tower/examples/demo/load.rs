//! The clients: an open loop over HTTP/1.1 connections that are kept alive.
//!
//! Request `n` comes due at `start + n / rate`, whatever has become of the requests before it, and
//! its latency counts from that moment. A server that stands still is therefore charged for every
//! request that came due meanwhile, not for the few that it happened to be holding.
//!
//! Each connection is a thread with plain blocking calls: no runtime of ours adds its own delays
//! to what is measured.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::schedule::{LENGTH, PATIENCE, WARM_UP, sleep_until};

/// So many requests can be under way at the same time. The rest wait for a connection, and this
/// counts as their latency.
const CONNECTIONS: usize = 64;

const RESPONSE_BYTES_MAX: usize = 4096;

#[derive(Default)]
pub(crate) struct Answers {
    /// Of each request that came due after the warm-up, in no order.
    pub(crate) latencies: Vec<Duration>,
    pub(crate) failed: u64,
}

/// Sends all requests, and returns when the last one has its answer.
pub(crate) fn drive(server: SocketAddr, requests_per_second: u64, start: Instant) -> Answers {
    let load = Load {
        server,
        start,
        interval: Duration::from_secs(1) / u32::try_from(requests_per_second).unwrap_or(u32::MAX),
        requests: requests_per_second * LENGTH.as_millis() as u64 / 1000,
        next: AtomicU64::new(0),
    };
    let mut all = Answers::default();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|_| scope.spawn(|| load.run_connection()))
            .collect();
        for thread in threads {
            all.latencies.extend(thread.join().unwrap_or_default());
        }
    });
    // Every request that came due after the warm-up has left a latency, unless it failed.
    let warm_up = load.requests_due(WARM_UP);
    all.failed = (load.requests - warm_up).saturating_sub(all.latencies.len() as u64);
    all
}

struct Load {
    server: SocketAddr,
    start: Instant,
    interval: Duration,
    requests: u64,
    next: AtomicU64,
}

impl Load {
    /// Sends requests over one connection until all are sent, or the connection fails.
    fn run_connection(&self) -> Vec<Duration> {
        let mut latencies = Vec::with_capacity(self.requests as usize / CONNECTIONS * 2);
        // What went wrong shows as requests without a latency.
        _ = self.send_requests(&mut latencies);
        latencies
    }

    fn send_requests(&self, latencies: &mut Vec<Duration>) -> io::Result<()> {
        let mut stream = TcpStream::connect_timeout(&self.server, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let give_up = self.start + LENGTH + PATIENCE;
        // The counter orders nothing but itself.
        while let number = self.next.fetch_add(1, Ordering::Relaxed)
            && number < self.requests
            && Instant::now() < give_up
        {
            let due = self.start + self.interval * number as u32;
            sleep_until(due);
            exchange(&mut stream, number)?;
            if self.requests_due(WARM_UP) <= number {
                latencies.push(due.elapsed());
            }
        }
        Ok(())
    }

    fn requests_due(&self, before: Duration) -> u64 {
        before.as_nanos().div_ceil(self.interval.as_nanos()) as u64
    }
}

/// Sends one request and reads the whole answer.
fn exchange(stream: &mut TcpStream, number: u64) -> io::Result<()> {
    let request = format!("GET /orders/{number} HTTP/1.1\r\nhost: demo\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut buffer = [0; RESPONSE_BYTES_MAX];
    let mut filled = 0;
    while !is_whole_answer(&buffer[..filled])? {
        let bytes = stream.read(&mut buffer[filled..])?;
        if bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += bytes;
    }
    Ok(())
}

/// Whether an answer has arrived up to its last byte. Anything but a 200 is an error.
fn is_whole_answer(bytes: &[u8]) -> io::Result<bool> {
    let text = str::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData)?;
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return Ok(false);
    };
    let mut lines = head.lines();
    let is_ok = lines
        .next()
        .is_some_and(|status| status.starts_with("HTTP/1.1 200 "));
    let length: Option<usize> =
        lines.find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    match length {
        Some(length) if is_ok => Ok(body.len() == length),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}
