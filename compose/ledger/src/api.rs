//! `api`: the HTTP server of the product.

mod admin;
mod auth;
mod error;
mod monitor;
mod observe;
mod public;
mod records;
mod scans;
mod support_bundle;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use axum::{
    Router, middleware,
    routing::{get, post},
};
use serde_json::json;

use self::{auth::AuthCache, error::ApiError, scans::Scans};
use crate::{
    api_key::Secrets,
    cli::Failure,
    config::{ApiSettings, Environment},
    lifecycle::{self, Lifecycle},
    log,
    metrics::Metrics,
    release::Release,
    serving::Server,
    store::{Store, connect::Connector},
    vault::signing::Signer,
};

/// Everything that handlers share.
struct App {
    release: Release,
    store: Store,
    secrets: Secrets,
    signer: Signer,
    handler_timeout: Duration,
    provisioning_dir: Option<PathBuf>,
    pool_max: usize,
    life: Lifecycle,
    metrics: Metrics,
    auth_cache: AuthCache,
    scans: Scans,
}

pub(crate) async fn run(environment: &Environment, release: Release) -> Result<ExitCode, Failure> {
    let settings = ApiSettings::from(environment)?;
    let stop = lifecycle::stop_signal()?;
    let app = Arc::new(App {
        store: Store::open(&settings.database, release.schema)?,
        release,
        secrets: settings.secrets,
        signer: settings.signer,
        handler_timeout: settings.handler_timeout,
        provisioning_dir: settings.provisioning_dir,
        pool_max: settings.database.pool_max,
        life: Lifecycle::default(),
        metrics: Metrics::default(),
        auth_cache: AuthCache::default(),
        scans: Scans::default(),
    });
    let mut server = Server::start(SocketAddr::new(settings.host, settings.port), router(&app)).await?;
    log::info("api started", json!({"version": app.release.reported_version(), "keyId": app.signer.key_id}));
    let monitor = tokio::spawn(monitor::watch(app.clone(), Connector::new(&settings.database)?));
    tokio::select! {
        signal = stop => log::info("stopping", json!({"signal": signal})),
        failure = server.ended() => return Err(failure),
        failure = app.release.breaks(&app.life) => return Err(failure.into()),
    }
    server.drain(&app.life, app.handler_timeout).await;
    monitor.abort();
    app.store.close();
    log::info("stopped", json!({}));
    Ok(ExitCode::SUCCESS)
}

fn router(app: &Arc<App>) -> Router {
    let admin = Router::new()
        .route("/v1/admin/system-health", get(admin::system_health))
        .route("/v1/admin/support-bundle", get(support_bundle::get))
        .route("/v1/admin/vault/scan", post(admin::start_scan))
        .route("/v1/admin/vault/scan/{job_id}", get(admin::scan))
        .route("/v1/admin/provisioning/reload", post(admin::reload_provisioning))
        .route_layer(middleware::from_fn(auth::require_platform));
    let keyed = Router::new()
        .route("/v1/records", post(records::create).get(records::list))
        .route("/v1/records/count", get(records::count))
        .route("/v1/records/{id}", get(records::get))
        .route("/v1/records/{id}/events", post(records::append_event))
        .route("/v1/records/{id}/vault", get(records::vault))
        .merge(admin)
        .route_layer(middleware::from_fn_with_state(app.clone(), auth::authenticate))
        .route_layer(middleware::from_fn_with_state(app.clone(), observe::bounded));
    Router::new()
        .route("/health", get(public::health))
        .route("/health/ready", get(public::ready))
        .route("/status", get(public::status))
        .route("/conformance", get(public::conformance))
        .route("/v1/conformance", get(public::conformance))
        .route("/metrics", get(public::metrics))
        .merge(keyed)
        .fallback(|| async { ApiError::NotFound })
        .layer(middleware::from_fn_with_state(app.clone(), observe::measured))
        .with_state(app.clone())
}
