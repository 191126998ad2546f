//! Handshakes of TLS, where a program makes them itself: above a stream that is looked after.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::{Router, routing};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use offloop::request::{Tls, figures};
use offloop_tower::{LoggedConnection, LoggedIo, RequestLayer};
use rcgen::{CertifiedKey, KeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;
use tower::Layer;

use crate::client::Client;
use crate::{Test, log, tls_clients};

/// More than are warnings, however slow the machine is.
const FLOOD: usize = 200;

async fn serve(
    certified: &CertifiedKey<KeyPair>,
) -> Result<SocketAddr, Box<dyn Send + Sync + std::error::Error>> {
    log::start();
    let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der())?;
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certified.cert.der().clone()], key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            tokio::spawn(serve_one(acceptor.clone(), stream, peer));
        }
    });
    Ok(address)
}

async fn serve_one(acceptor: TlsAcceptor, stream: TcpStream, peer: SocketAddr) {
    let stream = LoggedIo::new(stream, Some(peer));
    let connection = stream.connection();
    match acceptor.accept(stream).await {
        Ok(stream) => answer(connection, stream).await,
        Err(error) => connection.handshake_failed(&error),
    }
}

async fn answer(connection: LoggedConnection, stream: TlsStream<LoggedIo<TcpStream>>) {
    connection.encrypted(Tls {
        version: stream
            .get_ref()
            .1
            .protocol_version()
            .map(|version| format!("{version:?}").into()),
        server_name: stream.get_ref().1.server_name().map(Into::into),
        ..Tls::default()
    });
    let app = Router::new().route("/tls/hello", routing::get(|| async { "hello" }));
    let service = connection.layer(RequestLayer::new().layer(app));
    let server = auto::Builder::new(TokioExecutor::new());
    let served = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    drop(served.await);
}

#[track_caller]
fn assert_warned(record: &Value, error: &str) {
    let expected = json!({"level": "WARN", "event.name": "http.server.tls_error",
        "message": "TLS handshake failed", "connection.end": "tls_error",
        "network.peer.address": "127.0.0.1"});
    log::assert_contains(record, &expected);
    let said = record["error"][0].as_str().unwrap_or_default();
    assert!(said.contains(error), "{record}");
    assert!(
        record["connection.received.size"].as_u64() > Some(0),
        "{record}"
    );
}

#[tokio::test]
async fn handshakes_that_fail_are_warnings_that_say_why_until_they_are_too_many() -> Test {
    let server = serve(&tls_clients::certificate()).await?;
    for (bytes, error) in tls_clients::refused() {
        let mut client = Client::connect(server).await?;
        let port = client.port()?;
        client.send_bytes(bytes).await?;
        drop(client.receive_all().await);
        assert_warned(&log::tls_error_of(port).await, error);
    }
    let (port, refused) = tls_clients::connect(server, tls_clients::client(None)).await;
    assert!(refused.is_err());
    assert_warned(&log::tls_error_of(port).await, "UnknownCA");
    // In the midst of it, the client goes away.
    let mut client = Client::connect(server).await?;
    let port = client.port()?;
    client
        .send_bytes(&tls_clients::hello_of_tls_1_0()[..20])
        .await?;
    drop(client);
    assert_warned(&log::tls_error_of(port).await, "tls handshake eof");

    let before = figures().failed_handshakes;
    let mut warnings = 0;
    for _ in 0..FLOOD {
        let mut client = Client::connect(server).await?;
        let port = client.port()?;
        client.send_bytes(b"\x80nonsense").await?;
        drop(client.receive_all().await);
        let record = log::tls_error_of(port).await;
        warnings += usize::from(record["level"] == "WARN");
    }
    assert!((1..FLOOD / 2).contains(&warnings), "{warnings}");
    assert_eq!(figures().failed_handshakes - before, FLOOD as u64);
    Ok(())
}

#[tokio::test]
async fn a_client_that_only_looks_whether_somebody_listens_is_no_failure() -> Test {
    let client = Client::connect(serve(&tls_clients::certificate()).await?).await?;
    let port = client.port()?;
    drop(client);
    let expected = json!({"level": "DEBUG", "connection.end": "client_close"});
    log::assert_contains(&log::connection_of(port).await, &expected);
    Ok(())
}

#[tokio::test]
async fn a_connection_that_is_encrypted_tells_how() -> Test {
    let certificate = tls_clients::certificate();
    let server = serve(&certificate).await?;
    let client = tls_clients::client(Some(&certificate));
    let (port, stream) = tls_clients::connect(server, client).await;
    let mut stream: tokio_rustls::client::TlsStream<_> = stream?;
    let request = "GET /tls/hello HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .await
        .map_err(io::Error::other)?;
    assert!(answer.ends_with("hello"), "{answer}");
    let expected = json!({"level": "DEBUG", "connection.requests": 1,
        "tls.protocol.version": "TLSv1_3", "tls.client.server_name": "localhost"});
    log::assert_contains(&log::connection_of(port).await, &expected);
    Ok(())
}
