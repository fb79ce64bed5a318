//! Writing and reading records and their vault.

use std::sync::Arc;

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiError, App};
use crate::{
    store::{
        self,
        records::{Inserted, NewRecord, Record},
    },
    vault::chain::{Draft, Entry},
};

const LIST_DEFAULT: i64 = 100;
const LIST_MAX: i64 = 1000;

type JsonResult<T> = Result<Json<T>, JsonRejection>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Create {
    kind: String,
    payload: Value,
    client_id: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Page {
    #[serde(default)]
    after: i64,
    limit: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Event {
    event: String,
    #[serde(default)]
    body: Value,
}

pub(super) async fn create(
    State(app): State<Arc<App>>,
    body: JsonResult<Create>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let Json(body) = body?;
    one_line("kind", &body.kind)?;
    if let Some(client_id) = &body.client_id {
        one_line("clientId", client_id)?;
    }
    storable(&body.payload)?;
    let new = NewRecord { kind: body.kind, payload: body.payload, client_id: body.client_id };
    match app.store.insert_record(new, &app.signer).await? {
        Inserted::Created { id, seq } => Ok((StatusCode::CREATED, Json(json!({"id": id, "seq": seq})))),
        Inserted::Duplicate { id, seq } => Err(ApiError::DuplicateClientId { id, seq }),
    }
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    let Query(page) = page?;
    let limit = page.limit.unwrap_or(LIST_DEFAULT);
    if !(1..=LIST_MAX).contains(&limit) {
        return Err(ApiError::BadRequest(format!("limit must be between 1 and {LIST_MAX}")));
    }
    let records = app.store.records_after(page.after, limit).await?;
    let next = records.last().map(|record| record.seq);
    Ok(Json(json!({"records": records.iter().map(view).collect::<Vec<_>>(), "next": next})))
}

pub(super) async fn count(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    Ok(Json(json!({"count": app.store.count_records().await?})))
}

pub(super) async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let record = app.store.record(&id).await?.ok_or(ApiError::NotFound)?;
    Ok(Json(view(&record)))
}

pub(super) async fn append_event(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    body: JsonResult<Event>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let Json(body) = body?;
    one_line("event", &body.event)?;
    storable(&body.body)?;
    let draft =
        Draft { record_id: id, event: body.event, body: body.body.to_string(), created_at: store::now() };
    let entry = app.store.append_entry(draft, &app.signer).await?.ok_or(ApiError::NotFound)?;
    Ok((StatusCode::CREATED, Json(json!({"position": entry.position, "hash": entry.hash}))))
}

pub(super) async fn vault(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let entries = app.store.chain(&id).await?;
    if entries.is_empty() && app.store.record(&id).await?.is_none() {
        return Err(ApiError::NotFound);
    }
    Ok(Json(json!({"recordId": id, "entries": entries.iter().map(entry_view).collect::<Vec<_>>()})))
}

/// The canonical form of the vault is lines, so names in it must be one.
fn one_line(name: &str, value: &str) -> Result<(), ApiError> {
    if value.is_empty() || value.len() > 200 || value.chars().any(char::is_control) {
        let text = format!("{name} must be 1 to 200 bytes without control characters");
        return Err(ApiError::BadRequest(text));
    }
    Ok(())
}

/// PostgreSQL cannot store the character U+0000 in JSON.
fn storable(value: &Value) -> Result<(), ApiError> {
    if value.to_string().contains("\\u0000") {
        return Err(ApiError::BadRequest("the character U+0000 cannot be stored".into()));
    }
    Ok(())
}

fn view(record: &Record) -> Value {
    json!({
        "id": record.id,
        "seq": record.seq,
        "kind": record.kind,
        "payload": record.payload,
        "clientId": record.client_id,
        "entries": record.entries,
        "createdAt": time(record.created_at),
        "verifiedAt": record.verified_at.map(time),
    })
}

fn entry_view(entry: &Entry) -> Value {
    json!({
        "position": entry.position,
        "event": entry.event,
        "body": entry.body,
        "previousHash": entry.previous_hash,
        "hash": entry.hash,
        "signature": entry.signature,
        "keyId": entry.key_id,
        "createdAt": time(entry.created_at),
    })
}

/// RFC 3339 with microseconds.
fn time(microseconds: i64) -> String {
    format!("{:.6}", jiff::Timestamp::from_microsecond(microseconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_forge_a_line_are_refused() {
        assert!(one_line("kind", "invoice é").is_ok());
        for bad in ["", "a\nb", "a\u{0}", &"x".repeat(201)] {
            assert!(one_line("kind", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_nul_character_is_refused_at_any_depth() {
        assert!(storable(&json!({"a": ["fine", 1.5, null]})).is_ok());
        assert!(storable(&json!({"a": ["\u{0}"]})).is_err());
    }
}
