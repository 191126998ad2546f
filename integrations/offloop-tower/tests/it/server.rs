//! Servers as programs have them, on a port of their own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body as AxumBody;
use axum::{Router, routing};
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use offloop_tower::{LoggedConnection, LoggedIo, LoggedListener, RequestBody, RequestLayer};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tower::{Layer, Service};

use crate::connect::connect;
use crate::log;

/// One route with the layer around it.
pub(crate) fn app(path: &str, route: routing::MethodRouter) -> Router {
    app_with(path, route, RequestLayer::new())
}

pub(crate) fn app_with(path: &str, route: routing::MethodRouter, layer: RequestLayer) -> Router {
    Router::new().route(path, route).layer(layer)
}

/// A body of these chunks, without a declared length.
pub(crate) fn chunks(chunks: &'static [&'static str]) -> AxumBody {
    let chunks = chunks.iter().map(|chunk| io::Result::Ok(*chunk));
    AxumBody::from_stream(tokio_stream::iter(chunks))
}

/// An axum server whose connections are looked after, too.
pub(crate) async fn serve(app: Router) -> io::Result<SocketAddr> {
    log::start();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let listener = LoggedListener::new(listener);
    let app = app.into_make_service_with_connect_info::<LoggedConnection>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

/// The same without a look at its connections.
pub(crate) async fn serve_blindly(app: Router) -> io::Result<SocketAddr> {
    log::start();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

/// hyper without a framework, for HTTP/1 and HTTP/2.
pub(crate) async fn serve_hyper<S, B>(service: S) -> io::Result<SocketAddr>
where
    S: Service<Request<RequestBody<Incoming>>, Response = Response<B>>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>> + std::fmt::Display,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + std::fmt::Display,
{
    log::start();
    let service = RequestLayer::new().layer(service);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let stream = LoggedIo::new(stream, Some(peer));
            let service = stream.connection().layer(service.clone());
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                let service = TowerToHyperService::new(service);
                let served = server.serve_connection_with_upgrades(TokioIo::new(stream), service);
                drop(served.await);
            });
        }
    });
    Ok(address)
}

/// A handler that never answers, and says when it has begun.
#[derive(Clone, Default)]
pub(crate) struct Waiting(Arc<Notify>);

impl Waiting {
    pub(crate) async fn begun(&self) {
        self.0.notified().await;
    }

    pub(crate) async fn handle(self) {
        self.0.notify_one();
        std::future::pending::<()>().await;
    }
}

/// A client of HTTP/2, over one connection.
pub(crate) async fn http2(
    server: SocketAddr,
) -> io::Result<hyper::client::conn::http2::SendRequest<String>> {
    let stream = connect(server).await?;
    let executor = TokioExecutor::new();
    let handshake = hyper::client::conn::http2::handshake(executor, TokioIo::new(stream));
    let (client, connection) = handshake.await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(client)
}
