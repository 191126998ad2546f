//! A request that is upgraded lasts as long as what it was upgraded to.

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::{Router, routing};
use futures_util::{SinkExt, StreamExt};
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use offloop_tower::RequestLayer;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite;
use tower::service_fn;

use crate::connect::connect;
use crate::server::{serve, serve_blindly, serve_hyper};
use crate::{Test, log, table};

fn app() -> Router {
    Router::new()
        .route("/ws/{id}", routing::get(upgrade))
        .layer(RequestLayer::new())
}

async fn upgrade(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(echo)
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if matches!(message, Message::Close(_)) || socket.send(message).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_websocket_ends_when_its_connection_does() -> Test {
    let server = serve(app()).await?;
    let url = format!("ws://{server}/ws/1");
    let (mut client, answer) = tokio_tungstenite::connect_async(url).await?;
    assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert!(answer.headers().contains_key("x-request-id"));
    client.send(tungstenite::Message::text("hello")).await?;
    let received = client.next().await.transpose()?;
    assert_eq!(received, Some(tungstenite::Message::text("hello")));
    assert!(log::records_of("/ws/1").is_empty(), "it is still open");
    drop(client);
    let record = log::record_of("/ws/1").await;
    let expected = json!({"level": "INFO", "outcome": "upgraded", "outcome.phase": null,
        "error.type": null, "http.response.status_code": 101, "http.route": "/ws/{id}"});
    table::check("upgrade (WebSocket)", &record, &expected);
    // A frame from the client has a mask of 4 bytes, one from the server none.
    assert_eq!(record["http.request.body.size"], 2 + 4 + 5, "{record}");
    assert_eq!(record["http.response.body.size"], 2 + 5, "{record}");
    assert!(record["duration_ms"].as_f64() > record["ttfb_ms"].as_f64());
    Ok(())
}

#[tokio::test]
async fn without_a_look_at_the_connection_an_upgrade_ends_with_its_head() -> Test {
    let server = serve_blindly(app()).await?;
    let url = format!("ws://{server}/ws/2");
    let (client, _) = tokio_tungstenite::connect_async(url).await?;
    let record = log::record_of("/ws/2").await;
    log::assert_contains(
        &record,
        &json!({"outcome": "upgraded", "http.response.status_code": 101}),
    );
    drop(client);
    Ok(())
}

#[tokio::test]
async fn a_tunnel_is_an_upgrade_too() -> Test {
    let service = service_fn(async |mut request: Request<_>| {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let mut tunnel = TokioIo::new(upgrade.await?);
            drop(tunnel.write_all(b"through").await);
            hyper::Result::Ok(())
        });
        Ok::<_, std::io::Error>(http::Response::new(Empty::<Bytes>::new()))
    });
    let mut client = connect(serve_hyper(service).await?).await?;
    let request =
        "CONNECT other.example:443 HTTP/1.1\r\nhost: other.example\r\nx-request-id: tunnel\r\n\r\n";
    client.write_all(request.as_bytes()).await?;
    let mut all = String::new();
    client.read_to_string(&mut all).await?;
    assert!(all.ends_with("through"), "{all}");
    let find = || log::of_request("tunnel").pop();
    let expected = json!({"outcome": "upgraded", "http.request.method": "CONNECT",
        "http.response.status_code": 200, "http.response.body.size": 7,
        "server.address": "other.example"});
    log::assert_contains(&log::wait_for(find).await, &expected);
    Ok(())
}
