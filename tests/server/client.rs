//! Clients: one that sends exactly the bytes that a test wants to send, and hyper's.

use std::net::SocketAddr;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use hyper::{Method, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::connect::connect;

/// How a client goes away: what the server gets from its system.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goes {
    /// A FIN: the client sends nothing any more. It may read on.
    ByFin,
    /// An RST: the connection is no more.
    ByReset,
}

/// A client that knows nothing of HTTP.
pub(crate) struct RawClient {
    stream: TcpStream,
}

impl RawClient {
    pub(crate) async fn connect(server: SocketAddr) -> Self {
        let stream = connect(server).await.unwrap();
        RawClient { stream }
    }

    /// The port of this end.
    pub(crate) fn port(&self) -> u16 {
        self.stream.local_addr().unwrap().port()
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends the head of a request that bears this id. Further headers come with their line ends.
    pub(crate) async fn send_head(&mut self, request: &str, id: &str, headers: &str) {
        let head =
            format!("{request} HTTP/1.1\r\nhost: test\r\nx-request-id: {id}\r\n{headers}\r\n");
        self.send(head.as_bytes()).await;
    }

    /// Reads until this has come. It must be nothing that identifiers of traces can have in them, which
    /// come in heads.
    pub(crate) async fn read_until(&mut self, end: &str) -> String {
        assert!(!end.bytes().all(|byte| byte.is_ascii_hexdigit()), "{end}");
        let mut read = Vec::new();
        while !String::from_utf8_lossy(&read).contains(end) {
            read.push(self.stream.read_u8().await.unwrap());
        }
        String::from_utf8_lossy(&read).into_owned()
    }

    /// Reads until the server closes the connection.
    pub(crate) async fn read_all(&mut self) -> String {
        let mut read = Vec::new();
        // A connection that is reset has been closed, too.
        let _ = self.stream.read_to_end(&mut read).await;
        String::from_utf8_lossy(&read).into_owned()
    }

    /// Closes the connection.
    pub(crate) fn go(self, goes: Goes) {
        if goes == Goes::ByReset {
            self.stream.set_zero_linger().unwrap();
        }
    }
}

type Body = Full<Bytes>;

pub(crate) async fn http1(server: SocketAddr) -> http1::SendRequest<Body> {
    let stream = connect(server).await.unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

pub(crate) async fn http2(server: SocketAddr) -> http2::SendRequest<Body> {
    let stream = connect(server).await.unwrap();
    let io = TokioIo::new(stream);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// A request that bears this id.
pub(crate) fn request(method: Method, server: SocketAddr, path: &str, id: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(format!("http://{server}{path}"))
        .header("host", server.to_string())
        .header("x-request-id", id)
        .body(Body::default())
        .unwrap()
}
