//! The product in its other shape: one process and one SQLite file, which takes receipts and gives none back.
//!
//! The protocol is that of agent receipts: `POST /receipts` stores what it is sent, byte by byte, under the id in it.

mod commands;
mod receipt;
mod receive;
mod schema;
mod settings;
mod store;

use std::{process::ExitCode, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};
use serde_json::json;
use tokio::time::sleep;

use self::store::Store;
pub(crate) use self::{
    commands::{migrate, preflight},
    settings::{CollectorFlags, CollectorSettings, StoreFlags},
};
use crate::{
    cli::Failure,
    lifecycle::{self, Lifecycle},
    log,
    release::{Fault, Release},
    serving::Server,
};

const INTERVAL: Duration = Duration::from_millis(250);

/// Everything that handlers share.
struct App {
    store: Store,
    max_body_bytes: usize,
    life: Lifecycle,
}

pub(crate) async fn run(settings: CollectorSettings, release: Release) -> Result<ExitCode, Failure> {
    let stop = lifecycle::stop_signal()?;
    let app = Arc::new(App {
        store: Store::open(&settings.store, &release)?,
        max_body_bytes: settings.max_body_bytes,
        life: Lifecycle::default(),
    });
    let mut server = Server::start(settings.address, router(&app)).await?;
    let fields = json!({"addr": settings.address.to_string(), "version": release.reported_version()});
    log::info("collector listening", fields);
    tokio::select! {
        signal = stop => {
            let limit = settings.drain_timeout.as_secs_f64();
            log::info("collector shutting down", json!({"signal": signal, "drain_timeout_s": limit}));
        }
        failure = server.ended() => return Err(failure),
        failure = release.breaks(&app.life) => return Err(failure.into()),
        never = become_ready(&app, &release) => match never {},
    }
    server.drain(&app.life, settings.drain_timeout).await;
    Ok(ExitCode::SUCCESS)
}

/// Serves as soon as the store has the release's schema, and says so when it does not.
async fn become_ready(app: &App, release: &Release) -> std::convert::Infallible {
    let mut told = None;
    loop {
        match app.store.probe().await {
            Ok(()) if release.has(Fault::ApiNeverReady) => {}
            Ok(()) => app.life.started(),
            Err(error) => {
                if told.as_ref() != Some(&error) {
                    log::warn("not ready", json!({"err": error.to_string()}));
                }
                told = Some(error);
            }
        }
        sleep(INTERVAL).await;
    }
}

fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route("/receipts", post(receive::receipt))
        .route("/healthz", get(receive::healthz))
        .layer(DefaultBodyLimit::max(app.max_body_bytes))
        .with_state(app.clone())
}
