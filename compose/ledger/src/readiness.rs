//! Whether a process can serve: its own phase, its database, and the schema that its release needs.

use std::time::Duration;

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;
use tokio::time::timeout;

use crate::{
    lifecycle::{Lifecycle, Phase},
    release::Release,
    store::Store,
};

/// A database that has not answered by then counts as away.
const LIMIT: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Readiness {
    Ready,
    Starting,
    Stopping,
    /// The database does not answer.
    Database(String),
    /// The database has other migrations than this release ships.
    Schema {
        applied: usize,
        shipped: u32,
    },
}

impl Readiness {
    /// Looks at everything now.
    pub(crate) async fn of(life: &Lifecycle, store: &Store, release: &Release) -> Self {
        match life.phase() {
            Phase::Stopping => Self::Stopping,
            phase => match Self::of_database(store, release).await {
                Self::Ready if phase == Phase::Starting => Self::Starting,
                other => other,
            },
        }
    }

    /// Looks at the database alone.
    pub(crate) async fn of_database(store: &Store, release: &Release) -> Self {
        match timeout(LIMIT, store.applied_migrations()).await {
            Err(_) => Self::Database(format!("no answer within {} s", LIMIT.as_secs())),
            Ok(Err(error)) => Self::Database(crate::log::causes(&error)),
            Ok(Ok(applied)) if applied.len() == release.schema as usize => Self::Ready,
            Ok(Ok(applied)) => Self::Schema { applied: applied.len(), shipped: release.schema },
        }
    }

    /// One word for machines.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Starting => "starting",
            Self::Stopping => "stopping",
            Self::Database(_) => "database",
            Self::Schema { .. } => "schema",
        }
    }

    /// One sentence for people.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::Ready => "serving".into(),
            Self::Starting => "not yet started".into(),
            Self::Stopping => "draining before exit".into(),
            Self::Database(why) => why.clone(),
            Self::Schema { applied, shipped } => {
                let remedy = if *applied < *shipped as usize {
                    "run the migrations of this release"
                } else {
                    "run a newer release or restore an older backup"
                };
                format!("the database has {applied} migrations, this release ships {shipped}; {remedy}")
            }
        }
    }
}

/// Without the detail of a database failure, which may name hosts: this endpoint asks for no key.
impl IntoResponse for Readiness {
    fn into_response(self) -> Response {
        match self {
            Self::Ready => Json(json!({"status": "ready"})).into_response(),
            other => {
                let detail = match &other {
                    Self::Database(_) => "the database is not reachable".into(),
                    known => known.detail(),
                };
                let body = json!({"status": "unavailable", "reason": other.reason(), "detail": detail});
                (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_that_is_behind_or_ahead_is_told_apart() {
        let behind = Readiness::Schema { applied: 1, shipped: 2 }.detail();
        assert!(behind.contains("has 1 migrations, this release ships 2; run the migrations"), "{behind}");
        let ahead = Readiness::Schema { applied: 3, shipped: 2 }.detail();
        assert!(ahead.contains("run a newer release"), "{ahead}");
    }

    #[test]
    fn the_public_answer_does_not_describe_the_database() {
        let response = Readiness::Database("connection to 10.1.2.3 refused".into()).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
