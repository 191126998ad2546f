//! Who is in a span that was opened for a request works for that request.

use tracing::{Instrument, info, info_span};

use super::*;

/// Runs `work` as another task would be run on this thread: within no request.
fn elsewhere<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

/// The `request_id` of each line, and those of two requests.
fn ids_of_lines(program: impl FnOnce(&mut Request, &mut Request)) -> (Vec<Json>, [String; 2]) {
    let mut ids = [String::new(), String::new()];
    let lines = logged(|| {
        let (mut one, mut other) = (begin(), begin());
        ids = [&one, &other].map(|request| request.context().id().to_string());
        program(&mut one, &mut other);
        one.end(Outcome::Completed);
        other.end(Outcome::Completed);
    });
    let ids_of_lines = lines.iter().map(|line| line["request_id"].clone());
    (ids_of_lines.take(lines.len() - 2).collect(), ids)
}

#[test]
fn a_task_in_a_span_of_the_request_belongs_to_it() {
    let (lines, [id, _]) = ids_of_lines(|request, _| {
        let task = request.run(|| {
            info_span!("handler").in_scope(|| {
                let task = async {
                    info!("in the task");
                    info_span!("deeper").in_scope(|| info!("deeper"));
                    add("of_task", 1);
                };
                task.in_current_span()
            })
        });
        elsewhere(task);
        info!("outside");
    });
    assert_eq!(lines, [Json::from(id.as_str()), id.into(), Json::Null]);
}

#[test]
fn what_a_task_in_a_span_adds_is_in_the_record() {
    let record = record(|mut request| {
        let task = request.run(|| async { add("of_task", 1) }.instrument(info_span!("work")));
        elsewhere(task);
        request.end(Outcome::Completed);
    });
    assert_eq!(record["of_task"], 1);
}

#[test]
fn a_request_that_the_thread_works_for_counts_before_those_of_spans() {
    let (lines, [one, other]) = ids_of_lines(|first, second| {
        let span = first.run(|| info_span!("of the first"));
        second.run(|| span.in_scope(|| info!("both")));
        span.in_scope(|| {
            second.run(|| info!("the second"));
            info!("the first");
        });
        info!("none");
    });
    let [one, other] = [Json::from(one), Json::from(other)];
    assert_eq!(lines, [other.clone(), other, one, Json::Null]);
}

#[test]
fn a_span_without_a_parent_and_one_of_before_the_request_belong_to_none() {
    let (lines, _) = ids_of_lines(|request, _| {
        let before = info_span!("before");
        let detached = request.run(|| info_span!(parent: None, "detached"));
        before.in_scope(|| info!("before"));
        detached.in_scope(|| info!("detached"));
    });
    assert_eq!(lines, [Json::Null, Json::Null]);
}

#[test]
fn a_span_whose_parent_belongs_to_a_request_does_so_too() {
    let (lines, [id, _]) = ids_of_lines(|request, _| {
        let parent = request.run(|| info_span!("parent"));
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let open = move || {
            tracing::dispatcher::with_default(&dispatch, || info_span!(parent: &parent, "child"))
        };
        let child = std::thread::spawn(open).join().unwrap();
        child.in_scope(|| info!("child"));
    });
    assert_eq!(lines, [Json::from(id)]);
}

#[test]
fn spans_that_are_left_in_any_order_leave_no_request_behind() {
    let (lines, [id, _]) = ids_of_lines(|request, _| {
        let [one, other] = request.run(|| [info_span!("one"), info_span!("other")]);
        let (first, second) = (one.enter(), other.enter());
        drop(first);
        info!("in the other");
        drop(second);
        info!("outside");
    });
    assert_eq!(lines, [Json::from(id), Json::Null]);
}
