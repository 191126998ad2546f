//! tonic, server and client.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use http::{Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use offloop::request::{Arrival, InRequest, RequestLog};
use offloop_tower::{LoggedIo, PropagateLayer, RequestLayer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_stream::{StreamExt, wrappers::TcpListenerStream};
use tonic::transport::{Channel, Server};
use tonic::{Code, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower::{ServiceBuilder, service_fn};

use crate::server::{http2, serve_hyper};
use crate::{Test, log, table};

/// Ends as its callers ask it to.
struct Asked;

type Stream = tokio_stream::Iter<std::vec::IntoIter<Result<HealthCheckResponse, Status>>>;

#[tonic::async_trait]
impl Health for Asked {
    type WatchStream = Stream;

    async fn check(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<HealthCheckResponse>, Status> {
        tracing::info!("within the call");
        match request.into_inner().service.as_str() {
            "missing" => Err(Status::not_found("no such service")),
            "broken" => Err(Status::internal("no database")),
            _ => Ok(tonic::Response::new(HealthCheckResponse::default())),
        }
    }

    async fn watch(
        &self,
        _: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<Stream>, Status> {
        let messages = vec![
            Ok(HealthCheckResponse::default()),
            Ok(HealthCheckResponse::default()),
            Err(Status::data_loss("half of it is gone")),
        ];
        Ok(tonic::Response::new(tokio_stream::iter(messages)))
    }
}

async fn serve() -> io::Result<SocketAddr> {
    log::start();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let incoming = TcpListenerStream::new(listener).map(|stream| {
        let stream = stream?;
        let peer = stream.peer_addr().ok();
        io::Result::Ok(LoggedIo::new(stream, peer))
    });
    let server = Server::builder()
        .layer(RequestLayer::new())
        .add_service(HealthServer::new(Asked))
        .serve_with_incoming(incoming);
    tokio::spawn(server);
    Ok(address)
}

async fn connect(server: SocketAddr) -> Result<Channel, Box<dyn Error + Send + Sync>> {
    let endpoint = Channel::from_shared(format!("http://{server}"))?;
    Ok(endpoint.connect().await?)
}

fn ask(service: &str, request_id: &'static str) -> tonic::Request<HealthCheckRequest> {
    let service = service.to_owned();
    let mut request = tonic::Request::new(HealthCheckRequest { service });
    let id = tonic::metadata::MetadataValue::from_static(request_id);
    request.metadata_mut().insert("x-request-id", id);
    request
}

/// The record of the call with this id, once it is there.
async fn record_of(request_id: &str) -> Value {
    let find = || {
        let mut records = log::of_request(request_id);
        records.retain(|record| record["event.name"] == "http.server.request");
        assert!(records.len() < 2, "{records:?}");
        records.pop()
    };
    log::wait_for(find).await
}

#[tokio::test]
async fn the_status_of_a_call_is_taken_from_wherever_it_comes() -> Test {
    let mut client = HealthClient::new(connect(serve().await?).await?);

    client.check(ask("", "grpc-ok")).await?;
    let expected = json!({"level": "INFO", "outcome": "completed", "error.type": null,
        "rpc.system.name": "grpc", "rpc.method": "grpc.health.v1.Health/Check",
        "rpc.response.status_code": "OK", "http.response.status_code": 200,
        "network.protocol.version": "2", "network.peer.address": "127.0.0.1"});
    table::check(
        "gRPC status in trailers",
        &record_of("grpc-ok").await,
        &expected,
    );
    let messages = log::of_request("grpc-ok").into_iter();
    let mut messages = messages.map(|record| record["message"].clone());
    assert!(messages.any(|message| message == "within the call"));

    let missing = client.check(ask("missing", "grpc-missing")).await;
    assert_eq!(
        missing.map_err(|status| status.code()).err(),
        Some(Code::NotFound)
    );
    let expected = json!({"level": "INFO", "outcome": "completed", "error.type": "NOT_FOUND",
        "rpc.response.status_code": "NOT_FOUND"});
    log::assert_contains(&record_of("grpc-missing").await, &expected);

    let broken = client.check(ask("broken", "grpc-broken")).await;
    assert_eq!(
        broken.map_err(|status| status.code()).err(),
        Some(Code::Internal)
    );
    let expected = json!({"level": "ERROR", "outcome": "completed", "error.type": "INTERNAL",
        "http.response.status_code": 200});
    log::assert_contains(&record_of("grpc-broken").await, &expected);

    let mut stream = client.watch(ask("", "grpc-stream")).await?.into_inner();
    while let Ok(Some(_)) = stream.message().await {}
    let expected = json!({"level": "ERROR", "outcome": "completed", "error.type": "DATA_LOSS"});
    let record = record_of("grpc-stream").await;
    table::check("gRPC status in trailers", &record, &expected);
    assert!(
        record["http.response.body.size"].as_u64() >= Some(10),
        "{record}"
    );
    Ok(())
}

#[tokio::test]
async fn a_call_without_a_status_is_an_error() -> Test {
    let service = service_fn(async |_| {
        let response = Response::builder().header(header::CONTENT_TYPE, "application/grpc");
        response.body(Full::new(Bytes::from_static(b"\0\0\0\0\0")))
    });
    let server = serve_hyper(service).await?;
    let request = Request::post(format!("http://{server}/grpc/nothing"))
        .header(header::CONTENT_TYPE, "application/grpc")
        .body(String::new())?;
    let response = http2(server).await?.send_request(request).await?;
    response.into_body().collect().await?;
    let expected = json!({"level": "ERROR", "outcome": "completed",
        "error.type": "grpc_status_missing", "rpc.response.status_code": null,
        "http.response.status_code": 200});
    let record = log::record_of("/grpc/nothing").await;
    table::check("gRPC status missing", &record, &expected);
    Ok(())
}

#[tokio::test]
async fn a_client_of_tonics_carries_the_trace_on() -> Test {
    let channel = connect(serve().await?).await?;
    let channel = ServiceBuilder::new()
        .layer(PropagateLayer::to_any_host())
        .service(channel);
    let mut client = HealthClient::new(channel);
    let mut caller = RequestLog::default().begin(Arrival::default(), &());
    let ask = tonic::Request::new(HealthCheckRequest::default());
    caller.run(|| client.check(ask).in_request()).await?;
    let record = record_of(caller.context().id().as_str()).await;
    assert_eq!(
        record["trace_id"],
        caller.context().trace().trace_id().as_str()
    );
    assert_ne!(
        record["parent_span_id"],
        caller.context().trace().span_id().as_str()
    );
    assert!(record["parent_span_id"].is_string(), "{record}");
    Ok(())
}
