use std::net::SocketAddr;

use axum::extract::Extension;
use axum::{Router, routing};
use offloop_tower::{RequestId, RequestLayer};
use tokio::net::TcpListener;

use crate::client::Client;
use crate::log;

/// A service that answers with the id that its handler sees.
async fn serve() -> std::io::Result<SocketAddr> {
    log::start();
    let handler = async |Extension(id): Extension<RequestId>| id.to_string();
    let app = Router::new()
        .route("/id/{*rest}", routing::get(handler))
        .layer(RequestLayer::new());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

#[tokio::test]
async fn a_made_id_is_the_same_for_client_and_handler_and_record() -> std::io::Result<()> {
    let mut client = Client::connect(serve().await?).await?;
    let answer = client.get("/id/made").await?;
    assert_eq!(answer.request_id(), answer.body);
    assert_eq!(log::record_of("/id/made")["request_id"], answer.body);
    Ok(())
}

#[tokio::test]
async fn made_ids_are_uuids_of_version_7_and_differ() -> std::io::Result<()> {
    let mut client = Client::connect(serve().await?).await?;
    let mut ids = Vec::new();
    for _ in 0..100 {
        ids.push(client.get("/id/many").await?.body);
    }
    for id in &ids {
        let uuid = uuid::Uuid::try_parse(id).expect("an id is a UUID");
        assert_eq!(uuid.get_version_num(), 7, "{id}");
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 100);
    Ok(())
}

#[tokio::test]
async fn a_harmless_id_of_the_client_is_kept() -> std::io::Result<()> {
    let longest = "x".repeat(128);
    for (path, id) in [
        ("/id/kept/1", "a"),
        ("/id/kept/2", "01890a5d-ac96-774b-bcce-b302099a8057"),
        ("/id/kept/3", "AZaz09._-"),
        ("/id/kept/4", &longest),
    ] {
        let mut client = Client::connect(serve().await?).await?;
        client
            .send("GET", path, format!("x-request-id: {id}\r\n").as_bytes())
            .await?;
        let answer = client.receive().await?;
        assert_eq!(answer.body, id);
        assert_eq!(answer.request_id(), id);
        assert_eq!(log::record_of(path)["request_id"], id);
    }
    Ok(())
}

#[tokio::test]
async fn a_hostile_id_of_the_client_is_replaced() -> std::io::Result<()> {
    let too_long = format!("x-request-id: {}\r\n", "x".repeat(129));
    let headers: &[&[u8]] = &[
        b"x-request-id: \r\n",
        b"x-request-id: two words\r\n",
        b"x-request-id: a\tb\r\n",
        b"x-request-id: \",\"level\":\"ERROR\r\n",
        b"x-request-id: $(reboot)\r\n",
        b"x-request-id: ../../etc\r\n",
        b"x-request-id: \xff\xfe\r\n",
        "x-request-id: \u{202e}gnp\r\n".as_bytes(),
        b"x-request-id: one\r\nx-request-id: two\r\n",
        too_long.as_bytes(),
    ];
    for (number, headers) in headers.iter().enumerate() {
        let path = format!("/id/hostile/{number}");
        let mut client = Client::connect(serve().await?).await?;
        client.send("GET", &path, headers).await?;
        let answer = client.receive().await?;
        assert!(uuid::Uuid::try_parse(&answer.body).is_ok(), "{answer:?}");
        assert_eq!(log::record_of(&path)["request_id"], answer.body);
    }
    Ok(())
}
