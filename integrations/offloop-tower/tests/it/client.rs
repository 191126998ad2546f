//! A client that sends exactly the bytes that a test wants to send, and goes away as a test wants.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::connect::connect;

pub(crate) struct Client {
    stream: TcpStream,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Client {
    pub(crate) async fn connect(server: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            stream: connect(server).await?,
        })
    }

    /// Its port, by which the server knows it.
    pub(crate) fn port(&self) -> io::Result<u16> {
        Ok(self.stream.local_addr()?.port())
    }

    pub(crate) async fn send_bytes(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    /// Sends a request without a body. Each header comes with its line end.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: impl AsRef<[u8]>,
    ) -> io::Result<()> {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\n");
        let request = [head.as_bytes(), headers.as_ref(), b"\r\n"].concat();
        self.send_bytes(request).await
    }

    /// Reads a head, and nothing behind it.
    pub(crate) async fn receive_head(&mut self) -> io::Result<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let status = head.split(' ').nth(1);
        let status = status.and_then(|status| status.parse().ok());
        Ok(Answer {
            status: status.unwrap_or(0),
            head,
            body: String::new(),
        })
    }

    /// Reads one answer of a declared length, and leaves the connection ready for the next request.
    pub(crate) async fn receive(&mut self) -> io::Result<Answer> {
        let mut answer = self.receive_head().await?;
        let length = answer.header("content-length");
        let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        answer.body = self.receive_bytes(length).await?;
        Ok(answer)
    }

    pub(crate) async fn receive_bytes(&mut self, bytes: usize) -> io::Result<String> {
        let mut received = vec![0; bytes];
        self.stream.read_exact(&mut received).await?;
        Ok(String::from_utf8_lossy(&received).into_owned())
    }

    /// Reads all that comes until the server closes the connection.
    pub(crate) async fn receive_all(&mut self) -> io::Result<String> {
        let mut received = Vec::new();
        self.stream.read_to_end(&mut received).await?;
        Ok(String::from_utf8_lossy(&received).into_owned())
    }

    pub(crate) async fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.send("GET", path, b"").await?;
        self.receive().await
    }

    /// Goes away by a reset (RST) instead of an orderly end (FIN).
    pub(crate) fn reset(self) -> io::Result<()> {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers
            .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub(crate) fn request_id(&self) -> &str {
        self.header("x-request-id").unwrap_or_default()
    }
}
