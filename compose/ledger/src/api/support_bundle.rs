//! The support bundle of the API: nine sections, built from a list of what may be told, never from the
//! environment as a whole.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::{ApiError, App, auth};
use crate::{metrics::resident_bytes, readiness::Readiness};

const SECTIONS: [&str; 9] = [
    "manifest",
    "version",
    "license",
    "health",
    "authCache",
    "config",
    "database",
    "environment",
    "guidance",
];

pub(super) async fn get(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    let readiness = Readiness::of(&app.life, &app.store, &app.release).await;
    Ok(Json(json!({
        "manifest": {
            "bundleVersion": 1,
            "generatedAt": jiff::Timestamp::now().to_string(),
            "sections": SECTIONS,
        },
        "version": {
            "ledger": app.release.reported_version(),
            "build": env!("CARGO_PKG_VERSION"),
            "schema": app.release.schema,
            "mode": "standalone",
        },
        "license": {"tier": "sample", "status": "valid", "features": []},
        "health": {"ready": readiness == Readiness::Ready, "reason": readiness.reason()},
        "authCache": auth_cache(&app),
        "config": {
            "poolMax": app.pool_max,
            "handlerTimeoutMs": app.handler_timeout.as_millis(),
            "signingKeyId": app.signer.key_id,
            "secretRotationOpen": app.secrets.previous.is_some(),
            "provisioning": app.provisioning_dir.is_some(),
        },
        "database": database(&app).await?,
        "environment": {
            "platform": std::env::consts::OS,
            "architecture": std::env::consts::ARCH,
            "cpus": std::thread::available_parallelism().map_or(0, usize::from),
            "residentBytes": resident_bytes(),
        },
        "guidance": [
            "secrets and connection strings are not included, because they are not needed to diagnose",
            "record payloads and vault bodies are not included, because they are your data",
            "logs are not included; they are with the container runtime",
        ],
    })))
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
fn auth_cache(app: &App) -> Value {
    let counts = app.metrics.cache_counts();
    let lookups = counts.hits + counts.misses;
    let hit_rate = (lookups > 0).then(|| counts.hits as f64 / lookups as f64);
    json!({"size": app.auth_cache.len(), "capacity": auth::CAPACITY, "hitRate": hit_rate})
}

async fn database(app: &App) -> Result<Value, ApiError> {
    let applied = app.store.applied_migrations().await?;
    let migrations: Vec<_> =
        applied.iter().map(|m| json!({"id": m.id, "name": m.name, "checksum": m.checksum})).collect();
    Ok(json!({
        "serverVersion": app.store.server_version().await?,
        "migrations": migrations,
        "tables": app.store.table_sizes().await?,
    }))
}
