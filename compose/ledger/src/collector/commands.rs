//! `migrate` and `preflight` of the collector.

use std::process::ExitCode;

use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use super::{
    schema,
    settings::StorePlace,
    store::{self, StoreError},
};
use crate::{
    cli::Failure,
    log,
    preflight::{self, Verdict},
    release::Release,
};

/// Applies the migrations that the release ships and the store lacks.
pub(crate) async fn migrate(place: StorePlace, release: Release) -> Result<ExitCode, Failure> {
    let shipped = release.schema;
    let work = move || -> Result<usize, Failure> {
        let mut store = store::connect(&place.to_string())?;
        Ok(schema::migrate(&mut store, &release)?)
    };
    let applied = tokio::task::spawn_blocking(work).await??;
    log::result("schema is up to date", json!({"schema": shipped, "applied": applied}));
    Ok(ExitCode::SUCCESS)
}

/// Checks the store without changing it.
pub(crate) fn preflight(place: &StorePlace, release: &Release) -> ExitCode {
    let (store, migrations) = match place.file().map(|file| look(file, release)) {
        None => (Verdict::Skip("the store is in memory"), Verdict::Skip("the store is in memory")),
        Some(Err(error)) => (Verdict::Fail(log::causes(&error)), Verdict::Skip("the store cannot be read")),
        Some(Ok(verdict)) => (Verdict::Pass(format!("SQLite {}", rusqlite::version())), verdict),
    };
    preflight::report(vec![("store", store), ("migrations", migrations)], release)
}

fn look(file: &std::path::Path, release: &Release) -> Result<Verdict, rusqlite::Error> {
    let store = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let applied = schema::applied(&store)?.len();
    let shipped = release.schema;
    Ok(if applied == shipped as usize {
        Verdict::Pass(format!("{applied} applied"))
    } else {
        Verdict::Fail(StoreError::Schema { applied, shipped }.to_string())
    })
}
