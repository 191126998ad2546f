//! A client that sends exactly the bytes that a test wants to send, and ends as the test wants.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Reached only by what hangs.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) struct Client(TcpStream);

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(server: SocketAddr) -> Client {
        let stream = TcpStream::connect(server).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.set_write_timeout(Some(TIMEOUT)).unwrap();
        Client(stream)
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    /// Like [`send`](Self::send), to a server that may have hung up.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Sends a request without a body. Each header comes with its line end.
    pub(crate) fn ask(&mut self, method: &str, target: &str, headers: &str) {
        self.send(format!(
            "{method} {target} HTTP/1.1\r\nhost: test\r\n{headers}\r\n"
        ));
    }

    /// Sends a request, and reads its answer.
    pub(crate) fn get(&mut self, target: &str) -> Answer {
        self.ask("GET", target, "");
        self.answer()
    }

    /// Reads the head of an answer, and its body if the head tells how long that is.
    pub(crate) fn answer(&mut self) -> Answer {
        let mut answer = self.head().unwrap();
        let length = answer.header("content-length").map(str::parse);
        answer.body = vec![0; length.unwrap_or(Ok(0)).unwrap()];
        self.0.read_exact(&mut answer.body).unwrap();
        answer
    }

    /// Reads the head of an answer. None comes where the server hangs up.
    pub(crate) fn head(&mut self) -> io::Result<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let status = head.split(' ').nth(1).unwrap_or_default();
        Ok(Answer {
            status: status.parse().unwrap(),
            head,
            body: Vec::new(),
        })
    }

    pub(crate) fn read(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Reads until `end` has come.
    pub(crate) fn read_until(&mut self, end: &str) -> String {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end.as_bytes()) {
            bytes.extend(self.read(1));
        }
        String::from_utf8(bytes).unwrap()
    }

    /// Reads until the server hangs up, in whatever way.
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.0.read_to_end(&mut bytes);
        bytes
    }

    /// Reads so many bytes, or fewer where the server hangs up.
    pub(crate) fn read_at_most(&mut self, len: usize) {
        let _ = self.0.read_exact(&mut vec![0; len]);
    }

    /// Closes the client's end (FIN), and goes on reading.
    pub(crate) fn finish(&mut self) {
        self.0.shutdown(Shutdown::Write).unwrap();
    }

    /// Closes the connection with what is unread thrown away (RST).
    pub(crate) fn reset(self) {
        rustix::net::sockopt::set_socket_linger(&self.0, Some(Duration::ZERO)).unwrap();
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).next()
    }

    pub(crate) fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        let headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers
            .filter(move |(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}
