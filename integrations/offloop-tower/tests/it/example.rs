//! The example `server`, run as its user would run it.

use std::io;
use std::net::SocketAddr;

use serde_json::Value;

use crate::client::Client;
use crate::program::Program;

const CLIENTS: usize = 8;
const REQUESTS_PER_CLIENT: usize = 250;

#[tokio::test]
async fn the_example_server_has_written_every_record_when_it_ends_by_sigterm() -> io::Result<()> {
    let program = Program::start("server");
    let address = program.address;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| tokio::spawn(send(address, client)))
        .collect();
    for client in clients {
        client.await??;
    }
    let records = program.end();
    let path_of = |record: &Value| record["url.path"].as_str().unwrap_or_default().to_owned();
    let mut seen: Vec<_> = records.iter().map(path_of).collect();
    let mut sent: Vec<_> = (0..CLIENTS)
        .flat_map(|client| (0..REQUESTS_PER_CLIENT).map(move |number| path(client, number)))
        .collect();
    seen.sort();
    sent.sort();
    assert_eq!(seen, sent);
    Ok(())
}

async fn send(server: SocketAddr, client: usize) -> io::Result<()> {
    let mut connection = Client::connect(server).await?;
    for number in 0..REQUESTS_PER_CLIENT {
        let answer = connection.get(&path(client, number)).await?;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    Ok(())
}

fn path(client: usize, number: usize) -> String {
    format!("/hello/client-{client}-request-{number}")
}
