//! What never becomes a request.

/// What a client sends, and the status that it is answered with.
pub(crate) fn malformed() -> [(Vec<u8>, u16); 4] {
    let long = format!(
        "GET /{} HTTP/1.1\r\nhost: test\r\n\r\n",
        "x".repeat(100_000)
    );
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(1000));
    [
        (b"hello there\r\n\r\n".to_vec(), 400),
        // What a client says first that takes the server for one of TLS.
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(),
            400,
        ),
        (long.into_bytes(), 414),
        (many.into_bytes(), 431),
    ]
}
