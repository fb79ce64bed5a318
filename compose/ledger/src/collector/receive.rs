//! `POST /receipts` and `GET /healthz`.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, Request, State, rejection::BytesRejection},
    http::StatusCode,
};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    App,
    receipt::{Receipt, Rejection},
    store::{Inserted, StoreError},
};
use crate::{lifecycle::Phase, log};

/// How long a sender may take for its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

type Answer = (StatusCode, Json<Value>);

pub(super) async fn receipt(State(app): State<Arc<App>>, request: Request) -> Answer {
    let Some(_in_flight) = app.life.begin() else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "stopping");
    };
    let body = match timeout(BODY_TIMEOUT, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => body,
        Ok(Err(rejection)) => return unread(&app, &rejection),
        Err(_) => return refusal(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"),
    };
    match Receipt::parse(&body) {
        Ok(receipt) => store(&app, receipt).await,
        Err(rejection) => reject(&rejection),
    }
}

/// 200 while receipts can be stored, as far as can be told without storing one.
pub(super) async fn healthz(State(app): State<Arc<App>>) -> Answer {
    let stored = match app.life.phase() {
        Phase::Running => app.store.probe().await,
        Phase::Starting => return refusal(StatusCode::SERVICE_UNAVAILABLE, "starting"),
        Phase::Stopping => return refusal(StatusCode::SERVICE_UNAVAILABLE, "stopping"),
    };
    match stored {
        Ok(()) => (StatusCode::OK, Json(json!({"status": "ok"}))),
        Err(error) => {
            log::error("healthz: store unreachable", json!({"err": error.to_string()}));
            refusal(StatusCode::SERVICE_UNAVAILABLE, "store unreachable")
        }
    }
}

fn unread(app: &App, rejection: &BytesRejection) -> Answer {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        log::warn("receipt rejected: body too large", json!({"limit": app.max_body_bytes}));
        return refusal(StatusCode::BAD_REQUEST, "request body exceeds maximum size");
    }
    log::warn("receipt rejected: body read failed", json!({"err": rejection.body_text()}));
    refusal(StatusCode::BAD_REQUEST, "malformed receipt")
}

fn reject(rejection: &Rejection) -> Answer {
    match rejection {
        // As the protocol's reference does, these are answered and not logged.
        Rejection::Empty | Rejection::TrailingData => {}
        Rejection::Malformed(why) => log::warn("receipt rejected: malformed json", json!({"err": why})),
        Rejection::Incomplete { id, .. } => log::warn(
            "receipt rejected: structural validation failed",
            json!({"id": id, "err": rejection.to_string()}),
        ),
    }
    refusal(StatusCode::BAD_REQUEST, &rejection.to_string())
}

async fn store(app: &App, receipt: Receipt) -> Answer {
    let Receipt { id, chain_id, sequence, hash, .. } = receipt.clone();
    match app.store.insert(receipt).await {
        Ok(Inserted::Stored) => {
            log::info("receipt accepted", json!({"id": id, "chain_id": chain_id, "sequence": sequence}));
            (StatusCode::CREATED, Json(json!({"id": id, "receipt_hash": hash})))
        }
        Ok(Inserted::Duplicate) => {
            log::info("receipt already exists, returning 409", json!({"id": id}));
            refusal(StatusCode::CONFLICT, "receipt id already exists")
        }
        Err(error) => {
            log::error("receipt insert failed", json!({"id": id, "err": error.to_string()}));
            match error {
                StoreError::Unavailable(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "internal error"),
                StoreError::Schema { .. } => refusal(StatusCode::SERVICE_UNAVAILABLE, "store unreachable"),
            }
        }
    }
}

fn refusal(status: StatusCode, why: &str) -> Answer {
    (status, Json(json!({"error": why})))
}
