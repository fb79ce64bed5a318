//! What the API does by itself: becomes ready, registers its signing key, follows key changes, and says so
//! when its database goes away and comes back.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::time::sleep;

use super::App;
use crate::{
    log,
    readiness::Readiness,
    release::Fault,
    store::{
        CHANNEL_API_KEYS,
        connect::{Connector, Listener},
    },
};

const INTERVAL: Duration = Duration::from_millis(500);

/// Runs until it is aborted.
pub(super) async fn watch(app: Arc<App>, connector: Connector) {
    let mut told = None;
    let mut listener = None;
    loop {
        let readiness = Readiness::of_database(&app.store, &app.release).await;
        if told.as_ref() != Some(&readiness) {
            tell(&readiness);
        }
        if readiness == Readiness::Ready {
            become_ready(&app).await;
        }
        told = Some(readiness);
        listener = follow_key_changes(&app, &connector, listener).await;
    }
}

fn tell(readiness: &Readiness) {
    let fields = json!({"reason": readiness.reason(), "detail": readiness.detail()});
    if *readiness == Readiness::Ready {
        log::info("database ready", fields);
    } else {
        log::warn("not ready", fields);
    }
}

async fn become_ready(app: &App) {
    match app.store.activate_signing_key(&app.signer).await {
        Ok(activated) => {
            if activated {
                log::info("signing key activated", json!({"keyId": app.signer.key_id}));
            }
            if !app.release.has(Fault::ApiNeverReady) {
                app.life.started();
            }
        }
        Err(error) => log::error("cannot register the signing key", json!({"error": log::causes(&error)})),
    }
}

/// Waits for the next look at the database, and forgets cached keys when told to or when the connection
/// that would tell is lost: the database behind the next one may be another.
async fn follow_key_changes(
    app: &App,
    connector: &Connector,
    listener: Option<Listener>,
) -> Option<Listener> {
    let Some(mut listener) = listener else {
        app.auth_cache.clear();
        let listener = connector.listen(CHANNEL_API_KEYS).await.ok();
        sleep(INTERVAL).await;
        return listener;
    };
    tokio::select! {
        () = sleep(INTERVAL) => Some(listener),
        notification = listener.notifications.recv() => {
            app.auth_cache.clear();
            notification.map(|()| listener)
        }
    }
}
