//! Options that hold for some paths alone, and what records show of paths.

use std::time::Duration;

use axum::{Router, routing};
use offloop::request::{Options, PathPolicy, RouteOptions};
use offloop_tower::RequestLayer;
use serde_json::{Value, json};
use tracing::info;

use crate::client::Client;
use crate::server::{app_with, serve};
use crate::{Test, log};

/// The record of the request itself that came with this id, once it is there.
async fn record_of_id(id: &str) -> Value {
    let is_own = |record: &Value| record["event.name"] == "http.server.request";
    log::wait_for(|| log::of_request(id).into_iter().find(is_own)).await
}

#[tokio::test]
async fn what_a_path_hides_is_in_no_line_however_the_client_spells_it() -> Test {
    let resets = RouteOptions::at("/reset/{token}")?.hide_path(true);
    let options = Options::new().route(resets).announce(true);
    let handler = async || info!("within");
    let layer = RequestLayer::with(options);
    let app = app_with("/reset/{token}", routing::get(handler), layer.clone());
    // Outside of the router, what it does not find is followed, too.
    let server = serve(Router::new().fallback_service(app).layer(layer)).await?;
    for path in ["/reset/s3cret", "/%72eset/s3cret", "//reset/s3cret/"] {
        let answer = Client::connect(server).await?.get(path).await?;
        let record = record_of_id(answer.request_id()).await;
        assert_eq!(record["url.path"], "/reset/{token}", "{path}");
    }
    assert_eq!(log::lines(|line| line.contains("s3cret")), [""; 0]);
    Ok(())
}

#[tokio::test]
async fn by_choice_the_matched_route_stands_for_the_path() -> Test {
    let layer = RequestLayer::with(Options::new().path(PathPolicy::RouteOnly));
    let handler = routing::get(async || "hello");
    let server = serve(app_with("/route-only/{name}", handler, layer)).await?;
    let answer = Client::connect(server)
        .await?
        .get("/route-only/ada")
        .await?;
    let record = record_of_id(answer.request_id()).await;
    let expected = json!({"http.route": "/route-only/{name}", "url.path": null});
    log::assert_contains(&record, &expected);
    assert_eq!(log::lines(|line| line.contains("/route-only/ada")), [""; 0]);
    Ok(())
}

#[tokio::test]
async fn a_route_has_its_own_idea_of_slow_and_its_own_share() -> Test {
    let slow = RouteOptions::at("/own/slow/{test}")?.slow_after(Duration::ZERO);
    let rare = RouteOptions::at("/own/rare/*")?.sample(0.0);
    let options = Options::new().slow_after(Duration::from_secs(60));
    let layer = RequestLayer::with(options.route(slow).route(rare));
    let app = Router::new().fallback(async || "hello").layer(layer);
    let mut client = Client::connect(serve(app).await?).await?;
    for path in ["/own/rare/1", "/own/slow/1", "/own/usual"] {
        client.get(path).await?;
    }
    assert_eq!(log::record_of("/own/slow/1").await["level"], "WARN");
    assert_eq!(log::record_of("/own/usual").await["level"], "INFO");
    // It came first, on the same connection.
    assert!(log::records_of("/own/rare/1").is_empty());
    Ok(())
}

#[tokio::test]
async fn an_id_that_is_not_taken_over_is_told_as_the_clients() -> Test {
    let app = Router::new()
        .fallback(async || "hello")
        .layer(RequestLayer::new());
    let mut client = Client::connect(serve(app).await?).await?;
    let headers = "x-request-id: not an id\r\n";
    client.send("GET", "/id/refused", headers).await?;
    let answer = client.receive().await?;
    let expected = json!({"request_id": answer.request_id(), "request_id.client": "not an id"});
    log::assert_contains(&log::record_of("/id/refused").await, &expected);
    Ok(())
}
