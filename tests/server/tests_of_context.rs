//! Ids and traces.

use serde_json::json;

use crate::server::{context, log, outcomes};
use crate::service::serve;

#[test]
fn all_cases_of_the_conformance_harness_hold_over_http() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(serve());
    context::check_all(&runtime, server);
}

#[tokio::test]
async fn a_response_tells_its_request_id_and_its_place_in_the_trace() {
    let seen = outcomes::get(serve().await, "/users/8", "told").await;
    let record = &seen.record;
    let [trace, span] = ["trace_id", "span_id"].map(|name| record[name].as_str().unwrap());
    let traceresponse = format!("traceresponse: 00-{trace}-{span}-");
    assert!(seen.answer.contains(&traceresponse), "{}", seen.answer);
    assert!(
        seen.answer.contains("x-request-id: told\r\n"),
        "{}",
        seen.answer
    );
}

#[tokio::test]
async fn records_below_a_handler_carry_the_ids_of_their_request() {
    outcomes::get(serve().await, "/users/9", "below").await;
    let records = log::of("below");
    log::assert_contains(&records[0], &json!({"message": "asked for", "id": "9"}));
    assert_eq!(records[0]["trace_id"], records[1]["trace_id"]);
    assert_eq!(records.len(), 2, "{records:?}");
}
