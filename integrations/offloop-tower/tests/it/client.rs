//! A client that sends exactly the bytes that a test wants to send.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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
            stream: TcpStream::connect(server).await?,
        })
    }

    /// Sends a request without a body. Each header comes with its line end.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[u8],
    ) -> io::Result<()> {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\n");
        let request = [head.as_bytes(), headers, b"\r\n"].concat();
        self.stream.write_all(&request).await
    }

    /// Reads one answer, and leaves the connection ready for the next request.
    pub(crate) async fn receive(&mut self) -> io::Result<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let mut answer = Answer {
            status: status.unwrap_or(0),
            head,
            body: String::new(),
        };
        let length = answer
            .header("content-length")
            .and_then(|length| length.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut body).await?;
        answer.body = String::from_utf8_lossy(&body).into_owned();
        Ok(answer)
    }

    pub(crate) async fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.send("GET", path, b"").await?;
        self.receive().await
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
