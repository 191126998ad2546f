//! warp, by its tower service.

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use offloop_tower::{LoggedIo, RequestLayer};
use serde_json::json;
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use warp::Filter;

use crate::client::Client;
use crate::{Test, log};

#[tokio::test]
async fn warp_gets_the_same_without_a_route() -> Test {
    log::start();
    let routes = warp::path!("warp" / String).map(|name| format!("Hello, {name}!"));
    let routes = warp::service(routes);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let server = listener.local_addr()?;
    tokio::spawn(async move {
        let (stream, peer) = listener.accept().await?;
        let stream = LoggedIo::new(stream, Some(peer));
        let service = ServiceBuilder::new()
            .layer(stream.connection())
            .layer(RequestLayer::new())
            .service(routes);
        let service = TowerToHyperService::new(service);
        let server = auto::Builder::new(TokioExecutor::new());
        server.serve_connection(TokioIo::new(stream), service).await
    });
    let mut client = Client::connect(server).await?;
    assert_eq!(client.get("/warp/ada").await?.body, "Hello, ada!");
    let expected = json!({"level": "INFO", "outcome": "completed", "http.route": null,
        "http.response.status_code": 200, "http.response.body.size": 11,
        "network.peer.port": client.port()?});
    log::assert_contains(&log::record_of("/warp/ada").await, &expected);
    assert_eq!(client.get("/warp/no/such").await?.status, 404);
    let expected = json!({"level": "INFO", "http.response.status_code": 404});
    log::assert_contains(&log::record_of("/warp/no/such").await, &expected);
    Ok(())
}
