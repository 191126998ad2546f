//! The example `server`, run as its user would run it.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::client::Client;

const CLIENTS: usize = 8;
const REQUESTS_PER_CLIENT: usize = 250;

#[tokio::test]
async fn the_example_server_has_written_every_record_when_it_ends_by_sigterm() -> io::Result<()> {
    let directory = tempfile::tempdir()?;
    let (mut server, address) = start(&directory)?;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| tokio::spawn(send(address, client)))
        .collect();
    for client in clients {
        client.await??;
    }
    let process = Pid::from_child(&server);
    kill_process(process, Signal::TERM)?;
    assert!(server.wait()?.success());

    let log = std::fs::read_to_string(directory.path().join("logs/app.jsonl"))?;
    let records: Vec<Value> = log
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let mut seen = Vec::new();
    for record in records
        .iter()
        .filter(|record| record["event.name"] == "http.server.request")
    {
        seen.push(record["url.path"].as_str().unwrap_or_default().to_owned());
    }
    let mut sent: Vec<_> = (0..CLIENTS)
        .flat_map(|client| (0..REQUESTS_PER_CLIENT).map(move |number| path(client, number)))
        .collect();
    seen.sort();
    sent.sort();
    assert_eq!(seen, sent);
    Ok(())
}

/// Runs the example in `directory`, and waits until it says where it listens.
fn start(directory: &tempfile::TempDir) -> io::Result<(Child, SocketAddr)> {
    let mut server = Command::new(example()?)
        .args(["--listen", "127.0.0.1:0"])
        .current_dir(directory)
        .env_remove("RUST_LOG")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let stderr = server.stderr.take().map(BufReader::new);
    for line in stderr.into_iter().flat_map(BufRead::lines) {
        if let Some(address) = line?.strip_prefix("listening on http://") {
            return Ok((server, address.parse().map_err(io::Error::other)?));
        }
    }
    Err(io::Error::other("the example never listened"))
}

/// `cargo test` builds the examples into a directory beside that of the tests.
fn example() -> io::Result<PathBuf> {
    let test = std::env::current_exe()?;
    let profile = test.ancestors().nth(2).ok_or(io::ErrorKind::NotFound)?;
    Ok(profile.join("examples/server"))
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
