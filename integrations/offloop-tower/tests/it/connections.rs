//! What a connection's record says of how it ended.

use axum::{Router, routing};
use offloop_tower::RequestLayer;
use serde_json::{Value, json};

use crate::client::Client;
use crate::malformed::malformed;
use crate::server::serve;
use crate::{Test, log};

fn app() -> Router {
    Router::new()
        .route("/connections/hello", routing::get(|| async { "hello" }))
        .layer(RequestLayer::new())
}

#[tokio::test]
async fn a_connection_tells_its_requests_and_bytes_at_its_end() -> Test {
    let mut client = Client::connect(serve(app()).await?).await?;
    let port = client.port()?;
    client.get("/connections/hello").await?;
    client.get("/connections/hello").await?;
    drop(client);
    let record = log::connection_of(port).await;
    let expected = json!({"level": "DEBUG", "message": "connection closed",
        "connection.end": "client_close", "connection.requests": 2,
        "network.peer.address": "127.0.0.1"});
    log::assert_contains(&record, &expected);
    assert!(record["connection.sent.size"].as_u64() > record["connection.received.size"].as_u64());
    Ok(())
}

#[tokio::test]
async fn a_connection_comes_behind_its_requests() -> Test {
    let mut client = Client::connect(serve(app()).await?).await?;
    let port = client.port()?;
    client
        .send("GET", "/connections/hello", "x-request-id: last\r\n")
        .await?;
    client.receive().await?;
    drop(client);
    log::connection_of(port).await;
    // Numbers of ports come back in other records, as those of servers.
    let lines = log::lines(|line| line.contains("\"last\"") || line.contains("server.connection"));
    let records = lines.iter().map(|line| serde_json::from_str(line));
    let records: Vec<Value> = records.collect::<Result<_, _>>()?;
    let request = |record: &Value| record["request_id"] == "last";
    let connection = |record: &Value| {
        record["event.name"] == "http.server.connection" && record["network.peer.port"] == port
    };
    let last_of_request = records.iter().rposition(request);
    assert!(last_of_request.is_some(), "{records:?}");
    assert!(
        last_of_request < records.iter().position(connection),
        "{records:?}"
    );
    Ok(())
}

#[tokio::test]
async fn the_server_closes_a_connection_where_it_was_asked_to() -> Test {
    let mut client = Client::connect(serve(app()).await?).await?;
    let port = client.port()?;
    client
        .send("GET", "/connections/hello", "connection: close\r\n")
        .await?;
    client.receive_all().await?;
    let record = log::connection_of(port).await;
    log::assert_contains(
        &record,
        &json!({"level": "DEBUG", "connection.end": "server_close"}),
    );
    Ok(())
}

#[tokio::test]
async fn a_malformed_request_is_a_warning_although_it_never_became_one() -> Test {
    let server = serve(app()).await?;
    for (bytes, status) in malformed() {
        let mut client = Client::connect(server).await?;
        let port = client.port()?;
        client.send_bytes(bytes).await?;
        drop(client.receive_all().await);
        let record = log::connection_of(port).await;
        let expected = json!({"level": "WARN", "connection.end": "malformed_request",
            "connection.requests": 0, "http.response.status_code": status});
        log::assert_contains(&record, &expected);
    }
    Ok(())
}

#[tokio::test]
async fn a_malformed_request_behind_good_ones_is_a_warning_too() -> Test {
    let mut client = Client::connect(serve(app()).await?).await?;
    let port = client.port()?;
    client.get("/connections/hello").await?;
    client.get("/connections/none").await?;
    client.send_bytes("nonsense\r\n\r\n").await?;
    drop(client.receive_all().await);
    let expected = json!({"level": "WARN", "connection.end": "malformed_request",
        "connection.requests": 2, "http.response.status_code": 400});
    log::assert_contains(&log::connection_of(port).await, &expected);
    Ok(())
}

#[tokio::test]
async fn a_handlers_own_bad_request_is_none_of_the_connections() -> Test {
    let refuse = routing::get(|| async { http::StatusCode::BAD_REQUEST });
    let app = Router::new()
        .route("/connections/refuses", refuse)
        .layer(RequestLayer::new());
    let mut client = Client::connect(serve(app).await?).await?;
    let port = client.port()?;
    for _ in 0..3 {
        assert_eq!(client.get("/connections/refuses").await?.status, 400);
    }
    drop(client);
    log::assert_contains(&log::connection_of(port).await, &json!({"level": "DEBUG"}));
    Ok(())
}
