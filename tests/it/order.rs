//! What happened before in the program is before in the file.

use std::fs;
use std::sync::mpsc;
use std::thread;

use serde_json::Value;
use tokio::sync::mpsc as async_mpsc;

use crate::support::{Program, json_lines};

/// Has `program` pass a token around and log its number before passing it on; the file must have
/// the numbers in that order.
fn check_token_order(count: u64, program: impl FnOnce(&Program)) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let pipeline = Program::start(offloop::builder().file(&path));
    program(&pipeline);
    assert_eq!(pipeline.end().lost(), 0);
    let lines = json_lines(&fs::read_to_string(&path).unwrap());
    let tokens: Vec<_> = lines.iter().filter_map(token).collect();
    assert_eq!(tokens.len() as u64, count);
    for (expected, found) in (0..).zip(tokens) {
        assert_eq!(found, expected, "the token before it comes later");
    }
}

fn token(line: &Value) -> Option<u64> {
    line["number"].as_u64()
}

#[test]
fn a_token_that_threads_pass_on_is_logged_in_order() {
    const TOKENS: u64 = 20_000;
    const THREADS: usize = 4;
    check_token_order(TOKENS, |program| {
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..THREADS).map(|_| mpsc::channel::<u64>()).unzip();
        senders[0].send(0).unwrap();
        thread::scope(|scope| {
            for (index, receiver) in receivers.into_iter().enumerate() {
                let next = senders[(index + 1) % THREADS].clone();
                scope.spawn(move || {
                    program.run(|| {
                        while let Ok(token) = receiver.recv() {
                            if token < TOKENS {
                                tracing::info!(number = token, "mine");
                            }
                            let _ = next.send(token + 1);
                            if TOKENS <= token {
                                return;
                            }
                        }
                    });
                });
            }
        });
    });
}

#[test]
fn tasks_that_move_between_workers_are_logged_in_order() {
    const TOKENS: u64 = 20_000;
    const TASKS: usize = 16;
    check_token_order(TOKENS, |program| {
        let workers = thread::available_parallelism().map_or(4, |count| count.get().max(4));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (senders, receivers): (Vec<_>, Vec<_>) =
                (0..TASKS).map(|_| async_mpsc::unbounded_channel()).unzip();
            senders[0].send(0).unwrap();
            let tasks: Vec<_> = receivers
                .into_iter()
                .enumerate()
                .map(|(index, receiver)| {
                    let next = senders[(index + 1) % TASKS].clone();
                    let dispatch = program.dispatch.clone();
                    tokio::spawn(pass_on(TOKENS, receiver, next, dispatch))
                })
                .collect();
            drop(senders);
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

async fn pass_on(
    tokens: u64,
    mut receiver: async_mpsc::UnboundedReceiver<u64>,
    next: async_mpsc::UnboundedSender<u64>,
    dispatch: tracing::Dispatch,
) {
    while let Some(token) = receiver.recv().await {
        if token < tokens {
            tracing::dispatcher::with_default(&dispatch, || tracing::info!(number = token, "mine"));
        }
        let _ = next.send(token + 1);
        // So that another worker may take the task over.
        tokio::task::yield_now().await;
        if tokens <= token {
            return;
        }
    }
}

#[test]
fn a_token_is_logged_in_order_while_other_threads_keep_the_writer_busy() {
    const TOKENS: u64 = 3_000;
    check_token_order(TOKENS, |program| {
        let (there, here) = (mpsc::sync_channel(0), mpsc::sync_channel(0));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    program.run(|| (0..10_000).for_each(|noise| tracing::debug!(noise, "noise")));
                });
            }
            let (there_sender, there_receiver) = there;
            let (here_sender, here_receiver) = here;
            scope.spawn(move || {
                program.run(|| {
                    for token in there_receiver {
                        tracing::info!(number = token, "there");
                        here_sender.send(token + 1).unwrap();
                    }
                });
            });
            program.run(|| {
                let mut token = 0;
                while token < TOKENS {
                    tracing::info!(number = token, "here");
                    there_sender.send(token + 1).unwrap();
                    token = here_receiver.recv().unwrap();
                }
            });
            drop(there_sender);
        });
    });
}

#[test]
fn each_threads_records_are_in_its_order_and_its_time_never_goes_back() {
    const THREADS: usize = 8;
    const RECORDS: u64 = 5_000;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.jsonl");
    let program = Program::start(offloop::builder().file(&path));
    program.on_threads(THREADS, |thread| {
        (0..RECORDS).for_each(|number| tracing::info!(thread, number, "work"));
    });
    assert_eq!(program.end().lost(), 0);
    let lines = json_lines(&fs::read_to_string(&path).unwrap());
    for thread in 0..THREADS {
        let own = lines.iter().filter(|line| line["fields.thread"] == thread);
        let numbers = own.clone().map(|line| line["number"].as_u64().unwrap());
        assert!(numbers.eq(0..RECORDS));
        assert!(own.is_sorted_by_key(|line| line["timestamp"].as_str().unwrap()));
    }
}

#[test]
fn short_lived_threads_are_logged_in_order() {
    const TOKENS: u64 = 500;
    check_token_order(TOKENS, |program| {
        for token in 0..TOKENS {
            thread::scope(|scope| {
                scope.spawn(|| program.run(|| tracing::info!(number = token, "mine")));
            });
        }
    });
}
