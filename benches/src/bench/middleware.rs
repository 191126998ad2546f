//! What a middleware adds to a request: an axum router, in process, with one layer or another.
//!
//! The records go to a file: offloop's own, and the others' through tracing-appender.

use std::convert::Infallible;
use std::error::Error;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use tower::util::MapResponseLayer;
use tower::{Service, ServiceExt};
use tower_http::trace::{DefaultMakeSpan, DefaultOnRequest, DefaultOnResponse, TraceLayer};
use tracing::Level;

use super::{Bench, Job};
use crate::allocations;
use crate::clock::{self, Timer};
use crate::contenders::Contender;
use crate::results::{Metrics, Results};
use crate::samples::Samples;
use crate::table::{self, Column, Unit};

pub const BENCH: Bench = Bench {
    name: "middleware",
    about: "an axum router, 4 headers, in process: what a layer with its records adds",
    runs_max: usize::MAX,
    variants: VARIANTS,
    includes,
    child,
    report,
};

pub const VARIANTS: &[&str] = &[NOTHING, ONE_LINE, TWO_LINES, RECORD];
pub const NOTHING: &str = "a layer that does nothing";
pub const ONE_LINE: &str = "TraceLayer, one line";
pub const TWO_LINES: &str = "TraceLayer, two lines";
pub const RECORD: &str = "RequestLayer, one record";

const BURST: usize = 100;
const CATCH_UP: Duration = Duration::from_millis(5);

fn includes(contender: &Contender, variant: &str) -> bool {
    let wanted = match variant {
        NOTHING => "nothing",
        RECORD => "offloop",
        _ => "tracing-appender",
    };
    contender.name == wanted
}

/// A router with the layer of a variant.
pub fn router(variant: &str) -> Router {
    let router = Router::new().route("/users/{id}", get(|| async { "hello" }));
    match variant {
        ONE_LINE => {
            let trace = TraceLayer::new_for_http()
                .make_span_with(DefaultMakeSpan::new().level(Level::INFO));
            let quiet = trace
                .on_request(())
                .on_body_chunk(())
                .on_eos(())
                .on_failure(());
            router.layer(quiet.on_response(DefaultOnResponse::new().level(Level::INFO)))
        }
        TWO_LINES => {
            let trace = TraceLayer::new_for_http()
                .make_span_with(DefaultMakeSpan::new().level(Level::INFO));
            let trace = trace.on_request(DefaultOnRequest::new().level(Level::INFO));
            router.layer(trace.on_response(DefaultOnResponse::new().level(Level::INFO)))
        }
        RECORD => router.layer(offloop_tower::RequestLayer::new()),
        _ => router.layer(MapResponseLayer::new(
            |response: axum::response::Response| response,
        )),
    }
}

pub fn request() -> Request {
    let request = Request::get("/users/42")
        .header("host", "example.org")
        .header("user-agent", "curl/8.5.0")
        .header("accept", "*/*")
        .header("accept-encoding", "gzip, br");
    request.body(Body::empty()).expect("a request")
}

/// Handles one request, and reads its answer to the end.
pub async fn serve(router: &mut Router, request: Request) -> Result<(), Infallible> {
    let response = ServiceExt::<Request>::ready(router)
        .await?
        .call(request)
        .await?;
    let body = axum::body::to_bytes(response.into_body(), 1024).await;
    assert!(body.is_ok_and(|body| body.len() == 5));
    Ok(())
}

fn child(job: &Job) -> Result<Metrics, Box<dyn Error>> {
    let running = (job.contender.start)(&job.setup(false))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    // With its state, as `axum::serve` gets it: the layers are applied once, not for each request.
    let mut router = router(&job.variant).with_state(());
    let timer = Timer::calibrate();
    let mut metrics = Metrics::new();
    // The request is made, and its answer dropped, outside of what is measured.
    let mut once = || {
        let request = request();
        let before = allocations::so_far().0;
        let ticks = clock::measure(|| {
            let Ok(()) = runtime.block_on(serve(&mut router, request));
        });
        (ticks, allocations::so_far().0 - before)
    };
    for _ in 0..5 * BURST {
        once();
    }
    thread::sleep(4 * CATCH_UP);
    let bursts = job.samples(200);
    let mut samples = Samples::with_capacity(bursts * BURST);
    let mut allocated = 0;
    for _ in 0..bursts {
        for _ in 0..BURST {
            let (ticks, count) = once();
            samples.push(ticks);
            allocated += count;
        }
        thread::sleep(CATCH_UP);
    }
    metrics.insert(
        "allocations".to_owned(),
        allocated as f64 / (bursts * BURST) as f64,
    );
    samples.summarise("request", &timer, &mut metrics);
    running.finish();
    Ok(metrics)
}

fn report(results: &Results) -> Vec<String> {
    for variant in BENCH.variants {
        let columns = [
            Column::Range("p50", "request.p50".to_owned(), Unit::Nanoseconds),
            Column::Median("p99", "request.p99".to_owned(), Unit::Nanoseconds),
            Column::Median("allocations", "allocations".to_owned(), Unit::Count),
        ];
        table::print(variant, results, variant, &columns);
    }
    let p50 = |contender, variant| Some(results.figure(contender, variant, "request.p50")?.median);
    let added = |contender, variant| Some(p50(contender, variant)? - p50("nothing", NOTHING)?);
    println!("\n**what each adds to the layer that does nothing (p50)**\n");
    for (contender, variant) in [
        ("tracing-appender", ONE_LINE),
        ("tracing-appender", TWO_LINES),
        ("offloop", RECORD),
    ] {
        let Some(nanoseconds) = added(contender, variant) else {
            continue;
        };
        let ratio = added("offloop", RECORD).map_or(0.0, |own| nanoseconds / own);
        println!("- {variant}: {nanoseconds:.0} ns, {ratio:.1} times what RequestLayer adds");
    }
    Vec::new()
}
