//! Records that wait for the end of their request.

use super::*;

/// What is logged with the filter `info`, and `debug` as the detail of requests.
fn lines_with_detail(program: impl FnOnce()) -> Vec<Json> {
    let memory = Memory::new();
    let builder = crate::builder().memory(&memory).filter("info");
    let (layer, guard) = builder.request_detail("debug").build().unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, program);
    guard.flush(PATIENCE).unwrap();
    let lines = memory.lines();
    let lines = lines.iter().map(|line| serde_json::from_str(line));
    lines.collect::<Result<_, _>>().unwrap()
}

/// The messages of these lines.
fn logged_with_detail(program: impl FnOnce()) -> Vec<String> {
    let lines = lines_with_detail(program);
    let message = |line: &Json| line["message"].as_str().unwrap().to_owned();
    lines.iter().map(message).collect()
}

fn log_with_detail(request: &mut Request) {
    tracing::debug!("outside");
    request.run(|| {
        tracing::debug!("detail");
        tracing::trace!("too much");
        tracing::info!("wanted");
        log::debug!("detail by log");
    });
}

#[test]
fn the_detail_of_a_request_that_ends_well_is_forgotten() {
    let lines = logged_with_detail(|| {
        let mut request = begin();
        log_with_detail(&mut request);
        request.end(Outcome::Completed);
    });
    assert_eq!(lines, ["wanted", "request"]);
}

#[test]
fn the_detail_of_a_request_that_ends_badly_comes_before_its_record() {
    let lines = logged_with_detail(|| {
        let mut request = begin();
        log_with_detail(&mut request);
        request.end(Outcome::BodyError);
    });
    assert_eq!(lines, ["wanted", "detail", "request"]);
}

#[test]
fn detail_has_the_time_at_which_it_was_logged_and_the_ids_of_its_request() {
    let memory = Memory::new();
    let builder = crate::builder().memory(&memory).filter("info");
    let (layer, guard) = builder.request_detail("debug").build().unwrap();
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        let mut request = begin();
        request.run(|| {
            tracing::info!("before");
            tracing::debug!("detail");
            std::thread::sleep(Duration::from_millis(5));
            tracing::info!("after");
        });
        request.context().keep();
        request.end(Outcome::Completed);
    });
    guard.flush(PATIENCE).unwrap();
    let lines = memory.lines();
    let lines: Vec<Json> = { lines.iter() }
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let time = |place: usize| lines[place]["timestamp"].as_str().unwrap();
    assert_eq!(lines[2]["message"], "detail");
    assert!(time(0) <= time(2) && time(2) < time(1), "{lines:?}");
    assert_eq!(lines[2]["request_id"], lines[3]["request_id"]);
}

#[test]
fn detail_takes_no_more_than_it_may_and_the_newest_is_kept() {
    let log = RequestLog::new(Options::new().detail_bytes(2_000));
    let lines = lines_with_detail(|| {
        let mut request = log.begin(arrival(), &());
        request.run(|| {
            for number in 0..100 {
                tracing::debug!("detail {number}");
            }
        });
        request.end(Outcome::Panic);
    });
    let kept = lines.len() - 1;
    assert!((5..20).contains(&kept), "{kept}");
    assert_eq!(lines[kept - 1]["message"], "detail 99");
    assert_eq!(lines[kept]["dropped_detail"], 100 - kept);
}

#[test]
fn a_request_that_the_sampling_leaves_out_is_written_whole_or_not_at_all() {
    let log = RequestLog::new(Options::new().sample(0.0));
    let good = logged_with_detail(|| {
        let mut request = log.begin(arrival(), &());
        request.run(|| tracing::info!("left out"));
        request.end(Outcome::Completed);
    });
    assert!(good.is_empty(), "{good:?}");
    let bad = logged_with_detail(|| {
        let mut request = log.begin(arrival(), &());
        request.run(|| tracing::info!("kept"));
        request.end(Outcome::ServiceError);
    });
    assert_eq!(bad, ["kept", "request"]);
    let warned = logged_with_detail(|| {
        let mut request = log.begin(arrival(), &());
        request.run(|| {
            tracing::info!("first");
            tracing::warn!("second");
            tracing::info!("third");
        });
        request.end(Outcome::Completed);
    });
    assert_eq!(warned, ["first", "second", "third", "request"]);
}

#[test]
fn what_is_logged_for_a_request_that_failed_after_its_end_is_written() {
    let log = RequestLog::new(Options::new().sample(0.0));
    let lines = logged_with_detail(|| {
        let mut request = log.begin(arrival(), &());
        request.run(|| tracing::info!("before"));
        request.end(Outcome::ServiceError);
        request.context().run(|| tracing::info!("after"));
    });
    assert_eq!(lines, ["before", "request", "after"]);
}

#[test]
fn a_look_at_what_is_in_flight_shows_requests_that_the_sampling_leaves_out() {
    let log = RequestLog::new(Options::new().sample(0.0));
    let lines = logged_with_detail(|| {
        let mut request = log.begin(arrival(), &());
        request.run(|| tracing::info!("left out"));
        InFlight::new(request.context().clone()).log();
        request.end(Outcome::Completed);
    });
    assert_eq!(lines, ["request in flight"]);
}
