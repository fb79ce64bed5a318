//! `worker`: drains the job queue and tells how it is on a port of its own.

use std::{net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use axum::{Json, Router, extract::State, routing::get};
use serde_json::json;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    cli::Failure,
    config::{Environment, WorkerSettings},
    lifecycle::{self, Lifecycle},
    log,
    metrics::Metrics,
    readiness::Readiness,
    release::{Fault, Release},
    serving::Server,
    store::{
        CHANNEL_JOBS, Store, StoreError,
        connect::{Connector, Listener},
        jobs::{Job, Queue},
    },
    vault::chain::Tip,
};

/// Jobs are looked for this often even without a notification.
const POLL: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(500);
/// How long the job at hand may take once the worker is to stop.
const STOP_LIMIT: Duration = Duration::from_secs(20);

struct Worker {
    store: Store,
    connector: Connector,
    release: Release,
    life: Lifecycle,
    metrics: Metrics,
}

pub(crate) async fn run(environment: &Environment, release: Release) -> Result<ExitCode, Failure> {
    let settings = WorkerSettings::from(environment)?;
    let stop = lifecycle::stop_signal()?;
    let worker = Arc::new(Worker {
        store: Store::open(&settings.database, release.schema)?,
        connector: Connector::new(&settings.database)?,
        release,
        life: Lifecycle::default(),
        metrics: Metrics::default(),
    });
    let mut server = Server::start(SocketAddr::new(settings.host, settings.port), router(&worker)).await?;
    log::info("worker started", json!({"version": worker.release.reported_version()}));
    let (stop_work, stopped) = watch::channel(false);
    let mut work = tokio::spawn(work(worker.clone(), stopped));
    tokio::select! {
        signal = stop => log::info("stopping", json!({"signal": signal})),
        failure = server.ended() => return Err(failure),
        failure = fault(&worker.release) => return Err(failure),
        _ = &mut work => return Err("the job loop ended".into()),
    }
    worker.life.stopping();
    let _ = stop_work.send(true);
    if timeout(STOP_LIMIT, work).await.is_err() {
        log::warn("gave up on the job in hand", json!({}));
    }
    server.drain(&worker.life, Duration::from_secs(1)).await;
    worker.store.close();
    log::info("stopped", json!({}));
    Ok(ExitCode::SUCCESS)
}

async fn fault(release: &Release) -> Failure {
    if release.has(Fault::WorkerDies) {
        sleep(Duration::from_secs(2)).await;
        return "job handler table is corrupt, cannot go on".into();
    }
    std::future::pending().await
}

fn router(worker: &Arc<Worker>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(worker.clone())
}

async fn health(State(worker): State<Arc<Worker>>) -> Json<serde_json::Value> {
    Json(json!({"status": "ok", "version": worker.release.reported_version()}))
}

async fn ready(State(worker): State<Arc<Worker>>) -> Readiness {
    Readiness::of(&worker.life, &worker.store, &worker.release).await
}

async fn metrics(State(worker): State<Arc<Worker>>) -> String {
    worker.metrics.render(&worker.store.status())
}

/// Connects, works until the connection is lost, and connects again, until told to stop.
async fn work(worker: Arc<Worker>, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        let readiness = Readiness::of_database(&worker.store, &worker.release).await;
        if readiness == Readiness::Ready {
            match worker.connector.listen(CHANNEL_JOBS).await {
                Ok(listener) => {
                    worker.life.started();
                    log::info("working", json!({}));
                    match drain_queue(&worker, listener, &mut stopped).await {
                        Ok(()) => {}
                        Err(error) => log::error("work interrupted", json!({"error": log::causes(&error)})),
                    }
                }
                Err(error) => log::warn("cannot listen for jobs", json!({"error": log::causes(&error)})),
            }
        } else {
            log::warn("not ready", json!({"reason": readiness.reason(), "detail": readiness.detail()}));
        }
        let _ = timeout(RETRY, stopped.wait_for(|stopped| *stopped)).await;
    }
}

/// Works on one connection, which holds the session locks and gets the notifications.
async fn drain_queue(
    worker: &Worker,
    mut listener: Listener,
    stopped: &mut watch::Receiver<bool>,
) -> Result<(), StoreError> {
    let queue = Queue::open(&listener.client, worker.release.schema).await?;
    loop {
        let jobs = queue.waiting().await?;
        let mut taken = 0;
        for job in &jobs {
            if *stopped.borrow() {
                return Ok(());
            }
            if queue.take(job).await? {
                taken += 1;
                process(worker, &queue, job).await?;
            }
        }
        if taken > 0 {
            continue;
        }
        let notified = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
            notification = listener.notifications.recv() => notification.is_some(),
            () = sleep(POLL) => false,
        };
        // Nothing was heard for a while, or the connection is gone: look whether this is still the schema.
        if !notified {
            let now = Readiness::of_database(&worker.store, &worker.release).await;
            if now != Readiness::Ready {
                return Err(StoreError::Unavailable(now.detail()));
            }
        }
    }
}

async fn process(worker: &Worker, queue: &Queue<'_>, job: &Job) -> Result<(), StoreError> {
    match verify(worker, job).await? {
        Ok(tip) => {
            queue.finish(job, &tip).await?;
            worker.metrics.job_processed(&job.queue, "success");
        }
        Err(reason) => {
            log::error("job failed", json!({"jobId": job.id, "recordId": job.record_id, "error": reason}));
            queue.fail(job, &reason).await?;
            worker.metrics.job_processed(&job.queue, "failure");
        }
    }
    Ok(())
}

/// The work of a `records.verify` job: walks the record's chain to its end.
async fn verify(worker: &Worker, job: &Job) -> Result<Result<Tip, String>, StoreError> {
    if job.queue != "records.verify" {
        return Ok(Err(format!("no handler for queue {}", job.queue)));
    }
    let keys = worker.store.vault_keys().await?;
    let entries = worker.store.chain(&job.record_id).await?;
    let walked = entries.iter().try_fold(Tip::origin(), |tip, entry| {
        entry
            .follows(&tip, &keys)
            .map_err(|breach| format!("chain is broken at position {}: {breach:?}", tip.position + 1))
    });
    Ok(walked)
}
