//! Running the collectors: all side by side, each with its own time, and none of them a reason to fail.

use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, join_all};

use crate::bundle::contents::{Collected, CollectorStatus};
use crate::commands::preflight::outlook::ALONE;
use crate::error::Fault;
use crate::report::{Event, Progress, Reporter as _, Unit};

use super::scene::{Desk, Examined, Scene};
use super::{checks, compose, database, environment, host, logs, metrics, process, product, records};

/// How a collector came to its end.
pub(super) enum Gathered {
    /// All of it is there.
    Whole,
    /// All but what was over a limit is there.
    Cut(String),
}

/// Why there is nothing.
pub(super) enum Missing {
    /// It does not apply here.
    Skipped(String),
    /// It failed.
    Failed(String),
}

impl From<Fault> for Missing {
    fn from(fault: Fault) -> Self {
        if fault.what == ALONE { Self::Skipped(fault.what) } else { Self::Failed(fault.to_string()) }
    }
}

pub(super) type Outcome = Result<Gathered, Missing>;

/// One thing to collect.
struct Collector {
    /// Its identifier, which stays.
    id: &'static str,
    /// How long it may take.
    limit: Duration,
    run: for<'d> fn(&'d Desk<'_>) -> LocalBoxFuture<'d, Outcome>,
}

/// How long all of them together may take.
pub(super) const DEADLINE: Duration = Duration::from_mins(1);

const SHORT: Duration = Duration::from_secs(10);
const LONG: Duration = Duration::from_secs(25);

/// Of a project of Compose with PostgreSQL. What is slow begins first.
const OF_COMPOSE: [Collector; 20] = [
    Collector { id: "preflight", limit: LONG, run: |desk| checks::preflight(desk).boxed_local() },
    Collector { id: "database-schema", limit: LONG, run: |desk| database::schema(desk).boxed_local() },
    Collector { id: "database-tables", limit: SHORT, run: |desk| database::tables(desk).boxed_local() },
    Collector { id: "verify", limit: LONG, run: |desk| checks::verify(desk).boxed_local() },
    Collector { id: "compose-model", limit: SHORT, run: |desk| compose::model(desk).boxed_local() },
    Collector { id: "compose-events", limit: SHORT, run: |desk| compose::events(desk).boxed_local() },
    Collector { id: "compose-containers", limit: SHORT, run: |desk| compose::containers(desk).boxed_local() },
    Collector { id: "log-metrics", limit: LONG, run: |desk| metrics::of_containers(desk).boxed_local() },
    Collector { id: "product-answers", limit: LONG, run: |desk| product::answers(desk).boxed_local() },
    Collector { id: "product-metrics", limit: SHORT, run: |desk| product::metrics(desk).boxed_local() },
    Collector { id: "product-bundle", limit: LONG, run: |desk| product::bundle(desk).boxed_local() },
    Collector { id: "database-server", limit: SHORT, run: |desk| database::server(desk).boxed_local() },
    Collector { id: "database-activity", limit: SHORT, run: |desk| database::activity(desk).boxed_local() },
    Collector {
        id: "database-migrations",
        limit: SHORT,
        run: |desk| database::migrations(desk).boxed_local(),
    },
    Collector { id: "database-queues", limit: SHORT, run: |desk| database::queues(desk).boxed_local() },
    Collector { id: "host", limit: SHORT, run: |desk| host::system(desk).boxed_local() },
    Collector { id: "environment", limit: SHORT, run: |desk| environment::page(desk).boxed_local() },
    Collector { id: "description", limit: SHORT, run: |desk| environment::description(desk).boxed_local() },
    Collector { id: "backups", limit: SHORT, run: |desk| records::backups(desk).boxed_local() },
    Collector { id: "operations", limit: SHORT, run: |desk| records::operations(desk).boxed_local() },
];

/// Of a process with a SQLite file. What is slow begins first.
const OF_PROCESS: [Collector; 16] = [
    Collector { id: "preflight", limit: LONG, run: |desk| checks::preflight(desk).boxed_local() },
    Collector { id: "database-tables", limit: SHORT, run: |desk| process::tables(desk).boxed_local() },
    Collector { id: "log-metrics", limit: SHORT, run: |desk| metrics::of_process(desk).boxed_local() },
    Collector { id: "verify", limit: LONG, run: |desk| checks::verify(desk).boxed_local() },
    Collector { id: "processes", limit: SHORT, run: |desk| process::processes(desk).boxed_local() },
    Collector { id: "product-answers", limit: LONG, run: |desk| product::answers(desk).boxed_local() },
    Collector { id: "product-metrics", limit: SHORT, run: |desk| product::metrics(desk).boxed_local() },
    Collector { id: "product-bundle", limit: LONG, run: |desk| product::bundle(desk).boxed_local() },
    Collector { id: "database-store", limit: SHORT, run: |desk| process::store(desk).boxed_local() },
    Collector { id: "database-schema", limit: SHORT, run: |desk| process::schema(desk).boxed_local() },
    Collector {
        id: "database-migrations",
        limit: SHORT,
        run: |desk| process::migrations(desk).boxed_local(),
    },
    Collector { id: "host", limit: SHORT, run: |desk| host::system(desk).boxed_local() },
    Collector { id: "environment", limit: SHORT, run: |desk| environment::page(desk).boxed_local() },
    Collector { id: "description", limit: SHORT, run: |desk| environment::description(desk).boxed_local() },
    Collector { id: "backups", limit: SHORT, run: |desk| records::backups(desk).boxed_local() },
    Collector { id: "operations", limit: SHORT, run: |desk| records::operations(desk).boxed_local() },
];

/// Runs all of them, those of each log too. They come back in the order of the table, logs last.
pub(super) async fn all(scene: &Scene<'_>) -> Vec<Collected> {
    let collectors = match scene.examined {
        Examined::Compose(_) => OF_COMPOSE.as_slice(),
        Examined::Process(_) => OF_PROCESS.as_slice(),
    };
    let (done, total) = (std::cell::Cell::new(0_u64), collectors.len() as u64 + 1);
    let told = |collected: Vec<Collected>| {
        done.set(done.get() + 1);
        let doing = "collecting".into();
        let progress = Progress { doing, done: done.get(), total: Some(total), unit: Unit::Items };
        scene.context.report(&Event::Progress(progress));
        collected
    };
    let fixed = join_all(collectors.iter().map(|collector| async {
        told(vec![one(scene, collector.id, collector.limit, async |desk| (collector.run)(desk).await).await])
    }));
    let (fixed, logs) = tokio::join!(fixed, async { told(logs::each(scene).await) });
    fixed.into_iter().flatten().chain(logs).collect()
}

/// Runs one and says how it came out.
pub(super) async fn one<'s>(
    scene: &'s Scene<'s>,
    id: &str,
    limit: Duration,
    run: impl AsyncFnOnce(&Desk<'s>) -> Outcome,
) -> Collected {
    let (desk, began) = (Desk::new(scene), Instant::now());
    let limit = limit.min(scene.deadline.saturating_duration_since(began));
    let outcome = tokio::time::timeout(limit, run(&desk)).await;
    let took = began.elapsed();
    let (status, why) = match outcome {
        Ok(Ok(Gathered::Whole)) => (CollectorStatus::Ok, None),
        Ok(Ok(Gathered::Cut(why))) => (CollectorStatus::Truncated, Some(why)),
        Ok(Err(Missing::Skipped(why))) => (CollectorStatus::Skipped, Some(why)),
        Ok(Err(Missing::Failed(why))) => (CollectorStatus::Failed, Some(why)),
        Err(_) => (CollectorStatus::TimedOut, Some(format!("no end within {:.0} s", limit.as_secs_f64()))),
    };
    Collected {
        id: id.to_owned(),
        status,
        why: why.map(|why| scene.redaction.redact_text(&why)),
        duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        members: desk.members(),
    }
}
