//! The admin routes; all of them need a platform key.

use std::{fs, io, path::PathBuf, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::{Value, json};

use super::{
    ApiError, App,
    scans::{self, Scan},
};
use crate::{
    log,
    metrics::resident_bytes,
    store::provisioning::{Item, Reloaded},
};

pub(super) async fn system_health(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    let latency = app.store.latency().await?;
    let queue = app.store.queue_counts().await?;
    let pool = app.store.status();
    Ok(Json(json!({
        "status": "ok",
        "version": app.release.reported_version(),
        "database": {"connected": true, "latencyMs": latency.as_secs_f64() * 1000.0},
        "pool": {"max": app.pool_max, "total": pool.total, "idle": pool.idle, "waiting": pool.waiting},
        "memory": {"residentBytes": resident_bytes()},
        "queues": {"records.verify": {"queued": queue.queued, "done": queue.done, "failed": queue.failed}},
    })))
}

pub(super) async fn start_scan(State(app): State<Arc<App>>) -> Result<(StatusCode, Json<Value>), ApiError> {
    let total = app.store.count_records().await?;
    let job_id = scans::start(app, total);
    Ok((StatusCode::ACCEPTED, Json(json!({"jobId": job_id}))))
}

pub(super) async fn scan(
    State(app): State<Arc<App>>,
    Path(job_id): Path<String>,
) -> Result<Json<Scan>, ApiError> {
    app.scans.get(&job_id).map(Json).ok_or(ApiError::NotFound)
}

pub(super) async fn reload_provisioning(State(app): State<Arc<App>>) -> Result<Json<Reloaded>, ApiError> {
    let Some(folder) = app.provisioning_dir.clone() else {
        // Nothing is provisioned from files, so there is nothing to reconcile, and nothing to remove.
        return Ok(Json(Reloaded::default()));
    };
    let items = tokio::task::spawn_blocking(move || read_items(&folder))
        .await
        .map_err(|error| ApiError::Provisioning(io::Error::other(error)))?
        .map_err(ApiError::Provisioning)?;
    let counts = app.store.reload_provisioning(&items).await?.ok_or(ApiError::ReloadInProgress)?;
    log::info("provisioning reloaded", serde_json::to_value(counts).unwrap_or_default());
    Ok(Json(counts))
}

/// The `*.json` files of a folder; one that is not valid stops the reload before anything is changed.
fn read_items(folder: &PathBuf) -> io::Result<Vec<Item>> {
    let mut items = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let body = serde_json::from_slice(&fs::read(&path)?)
            .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
        items.push(Item { name, body });
    }
    Ok(items)
}
