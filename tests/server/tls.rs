//! TLS, and clients with whom a server cannot agree on it.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{CertifiedKey, KeyPair};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::connect;

const NAME: &str = "localhost";

/// A certificate that nobody trusts who does not know it.
pub(crate) fn certificate() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap()
}

/// A client that trusts this certificate, or none.
pub(crate) fn client(trusted: Option<&CertifiedKey<KeyPair>>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    if let Some(certified) = trusted {
        roots.add(certified.cert.der().clone()).unwrap();
    }
    let config = ClientConfig::builder().with_root_certificates(roots);
    TlsConnector::from(Arc::new(config.with_no_client_auth()))
}

/// Makes the handshake, and says by which port of the client.
pub(crate) async fn connect(
    server: SocketAddr,
    client: TlsConnector,
) -> (u16, std::io::Result<TlsStream<TcpStream>>) {
    let stream = connect::connect(server).await.unwrap();
    let port = stream.local_addr().unwrap().port();
    (port, client.connect(NAME.try_into().unwrap(), stream).await)
}

/// What a server of TLS refuses, and how it begins to say so.
pub(crate) fn refused() -> [(Vec<u8>, &'static str); 2] {
    let plain = b"GET / HTTP/1.1\r\nhost: test\r\n\r\n".to_vec();
    [
        (plain, "received corrupt message"),
        (hello_of_tls_1_0(), "peer is incompatible"),
    ]
}

/// What an old client says first: it knows nothing newer than TLS 1.0.
pub(crate) fn hello_of_tls_1_0() -> Vec<u8> {
    let version = [3, 1];
    let (random, session, ciphers, compressions) = ([7; 32], [0], [0, 2, 0, 47], [1, 0]);
    let parts: [&[u8]; 5] = [&version, &random, &session, &ciphers, &compressions];
    let hello = parts.concat();
    let message = [&[1, 0, 0, hello.len() as u8], &*hello].concat();
    [&[22, 3, 1, 0, message.len() as u8], &*message].concat()
}
