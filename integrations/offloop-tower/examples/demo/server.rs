//! The child process: an axum server that logs through one of the contenders.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{self, State};
use axum::response::Json;
use axum::{Router, routing};
use offloop_tower::RequestLayer;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tracing::{Instrument, debug, info, info_span};

use crate::Failure;
use crate::logger::Contender;

/// What a child says on its standard output once it can be reached; its address follows.
pub(crate) const LISTENING: &str = "listening ";
/// What it says at its end; three numbers follow: requests answered, records lost, peak memory.
pub(crate) const SUMMARY: &str = "summary ";

/// Serves until the parent closes this process's standard input.
pub(crate) fn serve(contender: Contender, log: &Path, events: u64) -> Result<(), Failure> {
    let logger = contender.install(log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let answered = runtime.block_on(answer(events))?;
    // After this nothing logs any more, so what the logger says is final.
    drop(runtime);
    let lost = logger.finish();
    println!(
        "{SUMMARY}{answered} {lost} {}",
        memory_kib_max().unwrap_or(0)
    );
    Ok(())
}

async fn answer(events: u64) -> Result<u64, Failure> {
    let shop = Arc::new(Shop {
        events,
        answered: AtomicU64::new(0),
    });
    let app = Router::new()
        .route("/orders/{id}", routing::get(order))
        .layer(RequestLayer::new())
        .with_state(Arc::clone(&shop));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{LISTENING}{}", listener.local_addr()?);
    let parent_left = parent_left();
    axum::serve(listener, app)
        .with_graceful_shutdown(async move { _ = parent_left.await })
        .await?;
    Ok(shop.answered.load(Ordering::Relaxed))
}

struct Shop {
    events: u64,
    answered: AtomicU64,
}

async fn order(
    State(shop): State<Arc<Shop>>,
    extract::Path(id): extract::Path<u64>,
) -> Json<Value> {
    let work = async {
        for step in 0..shop.events {
            if step == shop.events / 2 {
                // A real handler waits for its database here.
                tokio::task::yield_now().await;
            }
            log_step(step, id);
        }
    };
    work.instrument(info_span!("order", order.id = id, tenant = "acme"))
        .await;
    // The process reads it after the runtime's threads have ended.
    shop.answered.fetch_add(1, Ordering::Relaxed);
    Json(json!({ "id": id, "state": "paid", "total_cents": 4990 + id % 1000 }))
}

/// Logs what a shop logs.
fn log_step(step: u64, id: u64) {
    match step % 5 {
        0 => debug!(
            cache.key = id % 4096,
            cache.hit = id % 7 < 6,
            shard = id % 16,
            "order looked up"
        ),
        1 => debug!(
            query = "select * from items where order_id = $1",
            rows = 3,
            duration_ms = 1.25,
            "items read"
        ),
        2 => info!(
            customer = id % 9973,
            items = 3,
            total_cents = 4990 + id % 1000,
            currency = "EUR",
            "order priced"
        ),
        3 => info!(
            provider = "cards",
            attempt = 1,
            approved = true,
            amount_cents = 4990 + id % 1000,
            reference = "ch_3PqLrT2eZvKYlo2C",
            duration_ms = 12.5,
            "payment taken"
        ),
        _ => debug!(
            topic = "orders.paid",
            partition = id % 12,
            size_bytes = 412,
            "event published"
        ),
    }
}

/// Resolves when the parent closes our standard input, or is gone itself.
fn parent_left() -> oneshot::Receiver<()> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        _ = io::stdin().read_to_end(&mut Vec::new());
        _ = sender.send(());
    });
    receiver
}

/// The most memory that this process ever held, which the kernel tells on Linux.
fn memory_kib_max() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
