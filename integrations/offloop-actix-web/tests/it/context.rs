//! The ids of a request: where they come from, which records carry them, and who is told.

use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::{App, web};
use offloop::request::{Incoming, Options, Propagation};
use offloop_actix_web::{CurrentRequest, RequestLog};

use crate::client::Client;
use crate::log;
use crate::server::{Server, Setup, usual};

#[path = "../../../../tests/trace_context/mod.rs"]
mod cases;

#[test]
fn the_cases_of_the_conformance_harness_hold_over_a_connection() {
    cases::check_all(|headers, calls| {
        let mut client = Client::connect(usual());
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        client.ask("GET", &format!("/calls/{calls}"), &headers);
        serde_json::from_slice(&client.answer().body).unwrap()
    });
}

#[test]
fn a_harmless_id_is_taken_over_and_sent_back_with_the_trace() {
    let mut client = Client::connect(usual());
    let trace = "0af7651916cd43dd8448eb211c80319c";
    client.ask(
        "GET",
        "/added/taken-over",
        &format!("x-request-id: mine-1\r\ntraceparent: 00-{trace}-b7ad6b7169203331-01\r\n"),
    );
    let answer = client.answer();
    assert_eq!(answer.text(), "mine-1");
    assert_eq!(
        answer.headers("x-request-id").collect::<Vec<_>>(),
        ["mine-1"]
    );
    let record = log::record_of("/added/taken-over");
    assert_eq!(record["request_id"], "mine-1");
    assert_eq!(record["trace_id"], trace);
    assert_eq!(record["parent_span_id"], "b7ad6b7169203331");
    let span = record["span_id"].as_str().unwrap();
    let expected = format!("00-{trace}-{span}-01");
    assert_eq!(answer.header("traceresponse"), Some(&*expected));
}

#[test]
fn harmful_ids_are_replaced() {
    for (number, id) in ["a b", "\"", "é", &"x".repeat(129), ""]
        .into_iter()
        .enumerate()
    {
        let mut client = Client::connect(usual());
        let path = format!("/fixed/harmful-{number}");
        client.ask("GET", &path, &format!("x-request-id: {id}\r\n"));
        let answer = client.answer();
        let made = answer.header("x-request-id").unwrap();
        assert_eq!((made.len(), &made[14..15]), (36, "7"), "{id}");
        assert_eq!(log::record_of(&path)["request_id"], made);
    }
}

#[test]
fn nothing_is_taken_over_and_nothing_sent_back_where_the_options_say_so() {
    let options = Options::new()
        .incoming_ids(Incoming::Ignore)
        .send_back(false);
    let server = Server::start(Setup {
        log: RequestLog::with_options(options),
        ..Setup::default()
    });
    let mut client = Client::connect(server.address);
    client.ask("GET", "/fixed/silent", "x-request-id: mine-2\r\n");
    let answer = client.answer();
    assert!(answer.header("x-request-id").is_none() && answer.header("traceresponse").is_none());
    assert_ne!(log::record_of("/fixed/silent")["request_id"], "mine-2");
    drop(client);
    server.stop();
}

#[test]
fn by_choice_a_trace_goes_on_in_the_headers_of_b3() {
    let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let server = Server::start(Setup {
        log: RequestLog::with_options(Options::new().propagation(Propagation::B3Multi)),
        ..Setup::default()
    });
    let mut client = Client::connect(server.address);
    for (path, headers) in [
        ("/calls/1?single", format!("b3: {trace}-{span}-1\r\n")),
        (
            "/calls/1?several",
            format!("x-b3-traceid: {trace}\r\nx-b3-spanid: {span}\r\nx-b3-sampled: 1\r\n"),
        ),
    ] {
        client.ask("GET", path, &headers);
        let answer = client.answer();
        let calls: Vec<Vec<(String, String)>> = serde_json::from_slice(&answer.body).unwrap();
        let sent = |name| {
            let mut headers = calls[0].iter();
            let header = headers.find(|(other, _)| other == name);
            header.map(|(_, value)| value.as_str())
        };
        assert_eq!(sent("x-b3-traceid"), Some(trace));
        assert_eq!(sent("x-b3-sampled"), Some("1"));
        assert_eq!(sent("b3"), None);
        let span_id = sent("x-b3-spanid").unwrap();
        let traceparent = format!("00-{trace}-{span_id}-01");
        assert_eq!(sent("traceparent"), Some(&*traceparent));
        let response = answer.header("traceresponse").unwrap();
        assert!(response.starts_with(&format!("00-{trace}-")), "{response}");
    }
    drop(client);
    server.stop();
}

#[test]
fn what_a_handler_adds_is_in_the_record_whichever_way_it_went() {
    Client::connect(usual()).get("/added/fields");
    let record = log::record_of("/added/fields");
    for (field, value) in [
        ("by.extractor", 1),
        ("by.extension", 2),
        ("by.function", 3),
        ("by.task", 4),
        ("by.thread", 5),
    ] {
        assert_eq!(record[field], value, "{field}");
    }
    let all = log::records();
    let within = all
        .iter()
        .find(|other| other["message"] == "within" && other["request_id"] == record["request_id"]);
    assert_eq!(within.unwrap()["trace_id"], record["trace_id"]);
    assert_eq!(within.unwrap()["span_id"], record["span_id"]);
}

#[actix_web::test]
async fn a_handler_that_asks_for_its_request_is_not_called_without_the_middleware() {
    let handler = async |_: CurrentRequest| "called";
    let app = App::new().route("/", web::get().to(handler));
    let app = init_service(app).await;
    let request = TestRequest::get().to_request();
    let answer = call_service(&app, request).await;
    assert_eq!(answer.status(), 500);
}
