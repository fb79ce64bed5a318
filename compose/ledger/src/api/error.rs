//! What a request can be answered with other than its result.

use axum::{
    Json,
    extract::rejection::{JsonRejection, QueryRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{log, store::StoreError};

#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("{0}")]
    BadRequest(String),
    #[error("a known API key is needed: Authorization: Bearer KEY")]
    Unauthorized,
    #[error("this needs a platform key")]
    Forbidden,
    #[error("there is no such thing here")]
    NotFound,
    #[error("another instance is reloading")]
    ReloadInProgress,
    /// The record that was written when the client id was first used.
    #[error("a record with this client id exists")]
    DuplicateClientId { id: String, seq: i64 },
    #[error("this instance is stopping")]
    Stopping,
    #[error("the request took too long; whether it took effect is not known")]
    TimedOut,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the provisioning folder cannot be read")]
    Provisioning(#[source] std::io::Error),
}

impl ApiError {
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::BadRequest(_) => (StatusCode::BAD_REQUEST, "bad_request"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::ReloadInProgress => (StatusCode::CONFLICT, "reload_in_progress"),
            Self::DuplicateClientId { .. } => (StatusCode::CONFLICT, "duplicate_client_id"),
            Self::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            Self::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "timed_out"),
            Self::Store(StoreError::Unavailable(_)) => {
                (StatusCode::SERVICE_UNAVAILABLE, "database_unavailable")
            }
            Self::Store(_) | Self::Provisioning(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    /// What the client is told; the inner workings stay in the log.
    fn message(&self) -> String {
        match self {
            Self::Store(StoreError::Unavailable(_)) => {
                "the database is not available; whether the request took effect is not known".into()
            }
            Self::Store(_) => "internal error".into(),
            other => other.to_string(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        if status.is_server_error() && !matches!(self, Self::Stopping) {
            log::error("request failed", json!({"code": code, "error": log::causes(&self)}));
        }
        let mut body = json!({"error": code, "message": self.message()});
        if let Self::DuplicateClientId { id, seq } = &self {
            body["id"] = json!(id);
            body["seq"] = json!(seq);
        }
        let mut response = (status, Json(body)).into_response();
        if matches!(self, Self::Stopping) {
            // Moves the client to another instance.
            response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
        }
        response
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        Self::BadRequest(rejection.body_text())
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::BadRequest(rejection.body_text())
    }
}
