//! What clients send to harm the log, its readers, or what reads it by machine.

use std::collections::BTreeSet;

use crate::client::Client;
use crate::log;
use crate::server::usual;

/// Longer than any text that a record holds of a client, with the mark of the cut.
const TEXT_BYTES_MAX: usize = 1100;

/// Sends a request with these bytes, whatever comes of it. Says whether there was an answer that the
/// service gave, and not the server in its stead.
fn provoke(bytes: &[u8]) -> bool {
    let mut client = Client::connect(usual());
    if client.try_send(bytes).is_err() {
        return false;
    }
    client
        .head()
        .is_ok_and(|answer| answer.header("x-request-id").is_some())
}

fn request(target: &[u8], headers: &[u8]) -> Vec<u8> {
    [
        b"GET ",
        target,
        b" HTTP/1.1\r\nhost: test\r\n",
        headers,
        b"\r\n",
    ]
    .concat()
}

#[test]
fn texts_of_64_kib_are_cut() {
    let long = "x".repeat(60_000);
    let target = format!("/{long}?{}", "y".repeat(4_000));
    let headers = format!("user-agent: {long}\r\nx-request-id: huge\r\n");
    assert!(provoke(&request(target.as_bytes(), headers.as_bytes())));
    let line = log::wait_for("the record", || {
        let path = |line: &String| line.contains("\"url.path\":\"/xxxxxxxx");
        log::lines().into_iter().find(path)
    });
    let record = log::parse(&line);
    assert!(record["url.path"].as_str().unwrap().len() < TEXT_BYTES_MAX);
    assert!(record["user_agent.original"].as_str().unwrap().len() < TEXT_BYTES_MAX);
    assert!(line.len() < 4_000, "{}", line.len());
}

#[test]
fn a_user_agent_cannot_forge_a_line_or_a_field() {
    let agents: [(&str, &[u8]); 8] = [
        ("quote", b"\" 200 0 \"-\" \"forged"),
        ("json", b"\",\"outcome\":\"forged\",\"x\":\""),
        ("text", b"x outcome=forged level=ERROR"),
        ("ansi", b"\x1b[31mred\x1b[2J"),
        ("tab", b"a\tb"),
        ("bidi", "abc\u{202e}def\u{2028}".as_bytes()),
        ("broken", b"\xff\xfe\xc0\xaf\xed\xa0\x80"),
        ("c1", "\u{9b}31m\u{85}".as_bytes()),
    ];
    for (name, agent) in agents {
        let path = format!("/fixed/agent-{name}");
        let headers = [b"user-agent: ", agent, b"\r\n"].concat();
        if !provoke(&request(path.as_bytes(), &headers)) {
            // What actix-web does not let through is in no record.
            assert!(log::requests(&path).is_empty(), "{name}");
            continue;
        }
        let record = log::record_of(&path);
        assert_eq!(record["outcome"], "completed", "{name}");
        let shown = record["user_agent.original"].as_str().unwrap();
        match str::from_utf8(agent) {
            Ok(agent) => assert_eq!(shown, agent, "{name}"),
            Err(_) => assert!(shown.starts_with("\\xff\\xfe"), "{name}: {shown}"),
        }
        let lines: Vec<_> = { log::text().into_iter() }
            .filter(|line| line.contains(&path))
            .collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        let is_harmless = |character: char| {
            !character.is_control() && !matches!(character, '\u{202e}' | '\u{2028}')
        };
        assert!(lines[0].chars().all(is_harmless), "{}", lines[0]);
    }
}

#[test]
fn line_ends_in_a_request_make_no_line_in_the_log() {
    for (name, bytes) in [
        ("target", request(b"/fixed/crlf-target\r\nforged: 1", b"")),
        ("lf", request(b"/fixed/crlf-lf\nforged", b"")),
        (
            "value",
            request(b"/fixed/crlf-value", b"user-agent: a\rforged\r\n"),
        ),
        (
            "nul",
            request(b"/fixed/crlf-nul\0", b"user-agent: a\0b\r\n"),
        ),
        (
            "encoded",
            request(b"/fixed/crlf-encoded%0d%0aforged%00%1b", b""),
        ),
    ] {
        let is_answered = provoke(&bytes);
        assert_eq!(is_answered, name == "encoded", "{name}");
    }
    let record = log::record_of("/fixed/crlf-encoded%0d%0aforged%00%1b");
    assert_eq!(record["http.route"], "/fixed/{test}");
    let lines = log::text();
    assert!(lines.iter().all(|line| !line.starts_with("forged")));
}

#[test]
fn paths_that_are_no_text_do_no_harm() {
    for bytes in [
        &b"/fixed/\xff\xfe"[..],
        b"/fixed/\xc0\xaf..",
        "/fixed/\u{1f600}\u{202e}".as_bytes(),
    ] {
        let is_answered = provoke(&request(bytes, b""));
        if let (true, Ok(path)) = (is_answered, str::from_utf8(bytes)) {
            assert_eq!(log::record_of(path)["outcome"], "completed");
        }
    }
}

#[test]
fn naughty_strings_give_one_valid_line_each() {
    let mut expected = BTreeSet::new();
    for (number, naughty) in naughty_strings::BLNS.iter().enumerate() {
        let path = format!("/fixed/naughty-{number}");
        let headers =
            format!("user-agent: {naughty}\r\nreferer: {naughty}\r\nx-request-id: {naughty}\r\n");
        if provoke(&request(path.as_bytes(), headers.as_bytes())) {
            expected.insert(path);
        }
        // As a path, what a browser would make of it, and the string itself.
        provoke(&request(format!("/fixed/{naughty}").as_bytes(), b""));
    }
    assert!(400 < expected.len(), "{}", expected.len());
    log::wait_for("all records", || {
        let lines = log::lines();
        let naughty = lines.iter().filter(|line| line.contains("/naughty-"));
        let paths = naughty.map(|line| log::parse(line)["url.path"].to_string());
        let seen: BTreeSet<_> = paths.collect();
        let is_there = |path: &String| seen.contains(&format!("\"{path}\""));
        expected.iter().all(is_there).then_some(())
    });
    for line in log::lines() {
        log::parse(&line);
        assert!(
            line.chars().all(|character| !character.is_control()),
            "{line}"
        );
    }
}
