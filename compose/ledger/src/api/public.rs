//! The endpoints that ask for no key.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::App;
use crate::readiness::Readiness;

/// Alive: the process answers. Says nothing of the database.
pub(super) async fn health(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({"status": "ok", "version": app.release.reported_version()}))
}

pub(super) async fn ready(State(app): State<Arc<App>>) -> Readiness {
    Readiness::of(&app.life, &app.store, &app.release).await
}

pub(super) async fn status(State(app): State<Arc<App>>) -> Json<Value> {
    let readiness = Readiness::of(&app.life, &app.store, &app.release).await;
    let database = if matches!(readiness, Readiness::Database(_)) { "down" } else { "up" };
    let status = if readiness == Readiness::Ready { "operational" } else { "degraded" };
    Json(json!({
        "status": status,
        "reason": readiness.reason(),
        "version": app.release.reported_version(),
        "components": {"api": "up", "database": database},
    }))
}

pub(super) async fn conformance(State(app): State<Arc<App>>) -> Json<Value> {
    Json(json!({
        "name": "ledger",
        "version": app.release.reported_version(),
        "apiVersion": "v1",
        "schema": app.release.schema,
        "vault": {"hash": "SHA-256", "signature": "Ed25519"},
    }))
}

pub(super) async fn metrics(State(app): State<Arc<App>>) -> String {
    app.metrics.render(&app.store.status())
}
