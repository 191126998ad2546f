use std::io;
use std::net::SocketAddr;

use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use offloop_tower::RequestLayer;
use tokio::net::TcpListener;
use tower::{Layer, service_fn};

use crate::client::Client;
use crate::log;

/// Serves one connection with hyper alone.
async fn serve(
    answer: fn(&Request<Incoming>) -> io::Result<Response<Empty<Bytes>>>,
) -> io::Result<SocketAddr> {
    log::start();
    let service = service_fn(move |request| std::future::ready(answer(&request)));
    let service = TowerToHyperService::new(RequestLayer::new().layer(service));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        _ = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await;
        io::Result::Ok(())
    });
    Ok(address)
}

#[tokio::test]
async fn hyper_without_a_framework_gets_the_same_without_a_route() -> io::Result<()> {
    let address = serve(|_| Ok(Response::new(Empty::new()))).await?;
    let answer = Client::connect(address).await?.get("/hyper/works").await?;
    let record = log::record_of("/hyper/works");
    assert_eq!(answer.status, 200);
    assert_eq!(record["http.response.status_code"], 200);
    assert_eq!(record["outcome"], "completed");
    assert_eq!(record["request_id"], answer.request_id());
    assert!(record["http.route"].is_null(), "{record}");
    Ok(())
}

#[tokio::test]
async fn a_service_that_fails_leaves_a_record() -> io::Result<()> {
    let address = serve(|_| Err(io::Error::other("on purpose"))).await?;
    let answer = Client::connect(address).await?.get("/hyper/fails").await;
    assert!(
        answer.is_err(),
        "the error closes the connection: {answer:?}"
    );
    let record = log::record_of("/hyper/fails");
    assert_eq!(record["level"], "ERROR");
    assert_eq!(record["outcome"], "service_error");
    assert_eq!(record["error.type"], "service_error");
    assert!(record["http.response.status_code"].is_null(), "{record}");
    Ok(())
}
