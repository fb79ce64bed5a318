//! What happens around every request: it is counted, timed, logged, and bounded.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use serde_json::json;
use tokio::time::timeout;

use super::{ApiError, App};
use crate::log;

/// Measures and logs. Routes, not paths, are the labels: paths hold ids without end.
pub(super) async fn measured(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = request.method().to_string();
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or_else(|| "unmatched".into(), |path| path.as_str().to_owned());
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let duration = start.elapsed();
    app.metrics.request(&method, &route, status, duration);
    log::debug(
        "request",
        json!({"method": method, "route": route, "status": status, "durationMs": duration.as_millis()}),
    );
    response
}

/// Refuses what comes after the stop, makes the stop wait for what came before, and ends what takes too long.
pub(super) async fn bounded(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let _in_flight = app.life.begin().ok_or(ApiError::Stopping)?;
    timeout(app.handler_timeout, next.run(request)).await.map_err(|_| ApiError::TimedOut)
}
